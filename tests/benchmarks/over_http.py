"""The async contenders that poll over HTTP: each gives a function that waits for many tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, Final, TypeAlias

import httpx
import reactivex as rx
from reactivex import operators as ops
from reactivex.scheduler.eventloop import AsyncIOScheduler

from rxstream import AsyncStreamClient, TaskOutcome, tasks_observable

from .processes import KEY, SECRET

__all__ = ["ASYNC", "PATIENCE", "All", "looped"]

All: TypeAlias = Callable[[Sequence[str], float], Sequence[Any]]
"""Takes ids and the poll interval, blocks, and gives the tasks' results in the same order."""

_Wait: TypeAlias = Callable[[str, float], Awaitable[Any]]
_AsyncAll: TypeAlias = Callable[[Sequence[str], float], Awaitable[Sequence[Any]]]

CONNECTIONS: Final = 100
LIMITS: Final = httpx.Limits(
    max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=55
)
# Never reached; but a thousand waits on the official client would run into their own time-outs.
PATIENCE: Final = 600.0


def _each(wait: _Wait) -> _AsyncAll:
    async def wait_for_all(ids: Sequence[str], interval: float) -> Sequence[Any]:
        return await asyncio.gather(*(wait(task_id, interval) for task_id in ids))

    return wait_for_all


def _rxstream(how: str, transport: str | None = None) -> _Contender:
    @asynccontextmanager
    async def contender(url: str) -> AsyncIterator[_AsyncAll]:
        options: dict[str, Any] = {} if transport is None else {"transport": transport}
        async with AsyncStreamClient(
            KEY, SECRET, base_url=url, timeout=PATIENCE, **options
        ) as client:
            yield _HOW[how](client)

    return contender


def _waiting(client: AsyncStreamClient) -> _AsyncAll:
    def wait(task_id: str, interval: float) -> Awaitable[Any]:
        return client.wait_for_task(task_id, poll_interval=interval, timeout=PATIENCE)

    return _each(wait)


def _observing(client: AsyncStreamClient) -> _AsyncAll:
    async def wait_for_all(ids: Sequence[str], interval: float) -> Sequence[Any]:
        results: dict[str, Any] = {}

        def note(outcome: TaskOutcome) -> None:
            results[outcome.task_id] = outcome.unwrap()

        outcomes = tasks_observable(client, ids, poll_interval=interval, timeout=PATIENCE)
        await outcomes.pipe(ops.do_action(note))
        return [results[task_id] for task_id in ids]

    return wait_for_all


def _looping(client: AsyncStreamClient) -> _AsyncAll:
    async def wait(task_id: str, interval: float) -> Any:
        while not (last := await client.get_task(task_id)).is_done:  # noqa: ASYNC110 -- it polls
            await asyncio.sleep(interval)
        return last.result

    return _each(wait)


_HOW: Final = {"wait": _waiting, "tasks": _observing, "loop": _looping}


@asynccontextmanager
async def _official(url: str) -> AsyncIterator[_AsyncAll]:
    from getstream import AsyncStream  # type: ignore[import-untyped]  # noqa: PLC0415 -- may be missing

    async with AsyncStream(KEY, SECRET, base_url=url, request_timeout=PATIENCE) as client:

        async def wait(task_id: str, interval: float) -> Any:
            done = await client.wait_for_task(task_id, poll_interval=interval, timeout=PATIENCE)
            return done.data.result

        yield _each(wait)


@asynccontextmanager
async def _httpx_loop(url: str) -> AsyncIterator[_AsyncAll]:
    async with httpx.AsyncClient(limits=LIMITS, timeout=PATIENCE) as http:
        yield _bare_loop(http, url)


@asynccontextmanager
async def _httpx_aiohttp_loop(url: str) -> AsyncIterator[_AsyncAll]:
    from httpx_aiohttp import HttpxAiohttpClient  # noqa: PLC0415 -- as above

    async with HttpxAiohttpClient(limits=LIMITS, timeout=PATIENCE) as http:
        yield _bare_loop(http, url)


def _bare_loop(http: httpx.AsyncClient, url: str) -> _AsyncAll:
    async def wait(task_id: str, interval: float) -> Any:
        while _is_running(task := await _get(http, url, task_id)):  # noqa: ASYNC110 -- it polls
            await asyncio.sleep(interval)
        return task["result"]

    return _each(wait)


async def _get(http: httpx.AsyncClient, url: str, task_id: str) -> Any:
    answer = await http.get(f"{url}/api/v2/tasks/{task_id}")
    return answer.raise_for_status().json()


@asynccontextmanager
async def _aiohttp_loop(url: str) -> AsyncIterator[_AsyncAll]:
    import aiohttp  # noqa: PLC0415 -- as above

    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:

        async def wait(task_id: str, interval: float) -> Any:
            while True:
                async with http.get(f"{url}/api/v2/tasks/{task_id}") as answer:
                    answer.raise_for_status()
                    task = await answer.json()
                if task["status"] == "completed":
                    return task["result"]
                await asyncio.sleep(interval)

        yield _each(wait)


@asynccontextmanager
async def _naive(url: str) -> AsyncIterator[_AsyncAll]:
    """As one writes it with reactivex alone."""
    loop = asyncio.get_running_loop()
    scheduler = AsyncIOScheduler(loop)
    async with httpx.AsyncClient(limits=LIMITS, timeout=PATIENCE) as http:

        async def wait(task_id: str, interval: float) -> Any:
            def poll(_: object) -> rx.Observable[Any]:
                return rx.from_future(loop.create_task(_get(http, url, task_id)))

            last = await rx.timer(0, interval, scheduler=scheduler).pipe(
                ops.flat_map(poll),
                ops.take_while(_is_running, inclusive=True),
            )
            return last["result"]

        async def wait_for_all(ids: Sequence[str], interval: float) -> Sequence[Any]:
            # It polls whether or not the last answer has come, so none may take that long.
            return await _each(wait)(ids, max(interval, _SLOWLY * len(ids)))

        yield wait_for_all


def _is_running(task: Any) -> bool:
    return bool(task["status"] != "completed")


_SLOWLY: Final = 0.03

_Contender: TypeAlias = Callable[[str], AbstractAsyncContextManager[_AsyncAll]]

ASYNC: Final[dict[str, _Contender]] = {
    "rxstream-wait": _rxstream("wait"),
    "rxstream-tasks": _rxstream("tasks"),
    "client-loop": _rxstream("loop"),
    "httpx-loop": _httpx_loop,
    "naive": _naive,
    "official": _official,
    "rxstream-aiohttp-wait": _rxstream("wait", "aiohttp"),
    "rxstream-aiohttp-tasks": _rxstream("tasks", "aiohttp"),
    "httpx-aiohttp-loop": _httpx_aiohttp_loop,
    "aiohttp-loop": _aiohttp_loop,
}


@contextmanager
def _running(contender: _Contender, url: str) -> Iterator[All]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        wait_for_all = runner.run(stack.enter_async_context(contender(url)))

        async def wait(ids: Sequence[str], interval: float) -> Sequence[Any]:
            return await wait_for_all(ids, interval)

        try:
            yield lambda ids, interval: runner.run(wait(ids, interval))
        finally:
            runner.run(stack.aclose())


def looped(name: str) -> Callable[[str], AbstractContextManager[All]]:
    """An async contender with a loop of its own, which runs only while it waits."""
    return lambda url: _running(ASYNC[name], url)
