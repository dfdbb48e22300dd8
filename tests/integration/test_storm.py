"""Disposals at random moments of set-up, request and pause leave nothing, and break nothing."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from rxstream import AsyncStreamClient, Gate, StreamClient, TaskSnapshot, task_observable
from rxstream.testing import TaskServer, assert_nothing_left, delayed, hang, status

if TYPE_CHECKING:
    from collections.abc import Callable

WITHIN = 0.03


def tasks_of(server: TaskServer) -> list[str]:
    answers = ["running", delayed(status("running"), 0.01), hang()]
    return [server.add_task(answer) for answer in answers]


def told(errors: list[Exception]) -> Callable[[Exception], None]:
    return errors.append


@pytest.mark.parametrize("own", [True, False], ids=["our connections", "stock httpx pool"])
def test_async_storm(server: TaskServer, *, own: bool) -> None:
    tasks = tasks_of(server)[: None if own else 2]
    rng = random.Random(4)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        errors: list[Exception] = []
        limits = httpx.Limits(max_connections=20)
        async with (
            assert_nothing_left(),
            httpx.AsyncClient(limits=limits) as http,
            AsyncStreamClient(
                server.api_key,
                server.api_secret,
                base_url=server.url,
                max_connections=20,
                http_client=None if own else http,
            ) as client,
        ):
            for _ in range(100):
                for _ in range(40):
                    wait = task_observable(
                        client, rng.choice(tasks), poll_interval=0.005, timeout=None
                    ).subscribe(on_error=told(errors))
                    loop.call_later(rng.uniform(0, WITHIN), wait.dispose)
                await asyncio.sleep(WITHIN)
            gate = Gate.of(client)
            async with asyncio.timeout(5):
                while "in_flight=0, queued=0" not in repr(gate):  # noqa: ASYNC110 -- it tells nobody
                    await asyncio.sleep(WITHIN)
            assert not errors
            assert (await client.get_task(tasks[0])).status == "running"
            assert len(asyncio.all_tasks()) == 1

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


def test_a_disposed_hanging_request_of_a_sync_client_ends_with_the_client() -> None:
    with assert_nothing_left(), TaskServer() as server:
        task = server.add_task(hang())
        client: Any = StreamClient(server.api_key, server.api_secret, base_url=server.url)
        with client:
            wait = task_observable(client, task).subscribe()
            while server.in_flight == 0:
                threading.Event().wait(0.005)
            wait.dispose()
            assert "in_flight=1" in repr(Gate.of(client))
