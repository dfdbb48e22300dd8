"""Disposals at random moments of set-up, request and pause leave nothing, and break nothing."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from rxstream import AsyncStreamClient, Gate, StreamClient, TaskSnapshot, task_observable
from rxstream.testing import TaskServer, assert_nothing_left, delayed, hang, status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

WITHIN = 0.03


def tasks_of(server: TaskServer) -> list[str]:
    answers = ["running", delayed(status("running"), 0.01), hang()]
    return [server.add_task(answer) for answer in answers]


def told(errors: list[Exception]) -> Callable[[Exception], None]:
    return errors.append


@asynccontextmanager
async def client_of(kind: str, server: TaskServer) -> AsyncIterator[AsyncStreamClient]:
    keywords: dict[str, Any] = {"base_url": server.url, "max_connections": 20}
    async with AsyncExitStack() as stack:
        if kind == "stock httpx pool":
            http = httpx.AsyncClient(limits=httpx.Limits(max_connections=20))
            keywords["http_client"] = await stack.enter_async_context(http)
        else:
            keywords["transport"] = kind
        client = AsyncStreamClient(server.api_key, server.api_secret, **keywords)
        yield await stack.enter_async_context(client)


async def disposed(client: AsyncStreamClient, task: str, after: float) -> None:
    """An observable that is disposed."""
    errors: list[Exception] = []
    wait = task_observable(client, task, poll_interval=0.005, timeout=None).subscribe(
        on_error=told(errors)
    )
    await asyncio.sleep(after)
    wait.dispose()
    assert not errors


async def cancelled(client: AsyncStreamClient, task: str, after: float) -> None:
    """A coroutine that waits and is cancelled."""
    waiting = asyncio.create_task(client.wait_for_task(task, poll_interval=0.005, timeout=None))
    await asyncio.sleep(after)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize("give_up", [disposed, cancelled], ids=["disposed", "cancelled"])
@pytest.mark.parametrize("kind", ["httpx", "aiohttp", "stock httpx pool"])
def test_async_storm(
    server: TaskServer,
    kind: str,
    give_up: Callable[[AsyncStreamClient, str, float], Awaitable[None]],
) -> None:
    tasks = tasks_of(server)[: 2 if kind == "stock httpx pool" else None]
    rng = random.Random(4)

    async def main() -> None:
        async with assert_nothing_left(), client_of(kind, server) as client:
            for _ in range(25):
                waits = [
                    give_up(client, rng.choice(tasks), rng.uniform(0, WITHIN)) for _ in range(40)
                ]
                await asyncio.gather(*waits)
            gate = Gate.of(client)
            async with asyncio.timeout(5):
                while "in_flight=0, queued=0" not in repr(gate):  # noqa: ASYNC110 -- it tells nobody
                    await asyncio.sleep(WITHIN)
                assert (await client.get_task(tasks[0])).status == "running"
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["httpx", "aiohttp"])
def test_requests_that_are_cancelled_leave_every_place_free(server: TaskServer, kind: str) -> None:
    tasks = tasks_of(server)
    rng = random.Random(6)

    async def main() -> None:
        async with assert_nothing_left(), client_of(kind, server) as client:
            for _ in range(25):
                polls = [asyncio.create_task(client.get_task(rng.choice(tasks))) for _ in range(40)]
                for poll in polls:
                    asyncio.get_running_loop().call_later(rng.uniform(0, WITHIN), poll.cancel)
                await asyncio.wait(polls)
                for poll in polls:
                    assert poll.cancelled() or poll.result().status == "running"
            async with asyncio.timeout(5):
                answers = await asyncio.gather(*(client.get_task(tasks[0]) for _ in range(40)))
            assert {answer.status for answer in answers} == {"running"}

    asyncio.run(main())


def test_sync_storm(server: TaskServer) -> None:
    tasks = tasks_of(server)[:2]
    rng = random.Random(5)
    errors: list[Exception] = []
    seen: list[TaskSnapshot] = []
    with (
        assert_nothing_left(),
        StreamClient(server.api_key, server.api_secret, base_url=server.url) as client,
    ):
        timers: list[threading.Timer] = []
        for _ in range(400):
            wait = task_observable(
                client, rng.choice(tasks), poll_interval=0.005, timeout=None
            ).subscribe(seen.append, told(errors))
            timers.append(threading.Timer(rng.uniform(0, WITHIN), wait.dispose))
            timers[-1].start()
        for timer in timers:
            timer.join()
        threading.Event().wait(WITHIN)
        count = len(seen)
        threading.Event().wait(WITHIN)
        assert len(seen) == count, "emitted after it was disposed"
        assert not errors
        assert client.get_task(tasks[0]).status == "running"


def test_a_disposed_hanging_request_of_a_sync_client_gives_its_place_back() -> None:
    with assert_nothing_left(), TaskServer() as server:
        task = server.add_task(hang())
        client: Any = StreamClient(server.api_key, server.api_secret, base_url=server.url)
        with client:
            wait = task_observable(client, task).subscribe()
            while server.in_flight == 0:
                threading.Event().wait(0.005)
            wait.dispose()
            while Gate.of(client).statistics().in_flight:
                threading.Event().wait(0.005)
