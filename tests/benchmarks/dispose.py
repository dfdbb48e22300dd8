"""How soon a disposal reaches the server, and what thousands of them leave behind."""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import threading
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from rxstream import AsyncStreamClient, Gate, task_observable
from rxstream.testing import TaskServer, hang

from .processes import KEY, SECRET, Options, Server, installed
from .report import Note, Table, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .report import Part

__all__ = ["run"]

_RUNS: Final = 50
_BATCHES: Final = 250
_BATCH: Final = 40
_WITHIN: Final = 0.03
_CONNECTIONS: Final = 20
_LOOK_EVERY: Final = 0.0005
_PATIENCE: Final = 10.0
_DESCRIPTORS: Final = Path("/proc/self/fd")


async def _to_the_server(runs: int) -> list[float]:
    found: list[float] = []
    async with (
        TaskServer(hang()) as server,
        AsyncStreamClient(server.api_key, server.api_secret, base_url=server.url) as client,
        asyncio.timeout(_PATIENCE + runs),
    ):
        for _ in range(runs):
            wait = task_observable(client, server.add_task(hang())).subscribe()
            while not server.in_flight:  # noqa: ASYNC110 -- it happens in another thread
                await asyncio.sleep(_LOOK_EVERY)
            start = time.monotonic()
            wait.dispose()
            while server.in_flight:  # noqa: ASYNC110 -- as above
                await asyncio.sleep(_LOOK_EVERY)
            record = server.requests[-1]
            require(record.cancelled and record.ended is not None, "the request was not closed")
            found.append(((record.ended or 0.0) - start) * 1e3)
    return found


_OWN: Final = "our connections"
_AIOHTTP: Final = 'transport="aiohttp"'
_STOCK: Final = "a stock httpx client"


async def _client_on(connections: str, url: str, stack: AsyncExitStack) -> AsyncStreamClient:
    options: dict[str, Any] = {}
    if connections == _AIOHTTP:
        options["transport"] = "aiohttp"
    elif connections == _STOCK:
        limits = httpx.Limits(max_connections=_CONNECTIONS)
        options["http_client"] = await stack.enter_async_context(httpx.AsyncClient(limits=limits))
    client = AsyncStreamClient(KEY, SECRET, base_url=url, max_connections=_CONNECTIONS, **options)
    return await stack.enter_async_context(client)


async def _storm(url: str, batches: int, connections: str, *, awaited: bool) -> list[float]:
    """Give up at random moments; give what is left, and the milliseconds of the next poll."""
    loop, rng = asyncio.get_running_loop(), random.Random(4)
    # A request on a foreign httpx client is left to finish, so there none hangs.
    kinds = ["1000000", "slow"] if connections == _STOCK else ["1000000", "slow", "hang"]
    errors: list[BaseException] = []
    before = _sockets()
    async with AsyncExitStack() as stack:
        client = await _client_on(connections, url, stack)
        gate = Gate.of(client)

        def ended(wait: asyncio.Task[Any]) -> None:
            if not wait.cancelled() and (error := wait.exception()) is not None:
                errors.append(error)

        def begin(task: str) -> Callable[[], object]:
            if not awaited:
                return (
                    task_observable(client, task, poll_interval=0.005)
                    .subscribe(on_error=errors.append)
                    .dispose
                )
            wait = loop.create_task(client.wait_for_task(task, poll_interval=0.005))
            wait.add_done_callback(ended)
            return wait.cancel

        for _ in range(batches):
            for _ in range(_BATCH):
                give_up = begin(f"{rng.choice(kinds)}-{rng.random()}")
                loop.call_later(rng.uniform(0, _WITHIN), give_up)
            await asyncio.sleep(_WITHIN)
        async with asyncio.timeout(_PATIENCE):
            while (now := gate.statistics()).in_flight or now.queued:  # noqa: ASYNC110 -- it has no event
                await asyncio.sleep(_LOOK_EVERY)
            start = time.monotonic()
            require((await client.get_task("9-after")).status == "running", "the client is broken")
            took = (time.monotonic() - start) * 1e3
        tasks = len(asyncio.all_tasks()) - 1
    require(not errors, f"a wait failed: {errors[:1]}")
    await asyncio.sleep(_WITHIN)
    # aiohttp looks after idle connections with a timer of its own while it is open.
    timers = _timers(loop)
    gc.collect()
    return [tasks, timers, _sockets() - before, took]


def _timers(loop: Any) -> int:
    return sum(not timer.cancelled() for timer in getattr(loop, "_scheduled", ()))


def _sockets() -> int:
    """How many sockets are open, where the system can tell."""
    found = 0
    for descriptor in _DESCRIPTORS.iterdir() if _DESCRIPTORS.is_dir() else ():
        with suppress(OSError):  # the one that lists the directory has gone
            found += str(descriptor.readlink()).startswith("socket:")
    return found


def run(options: Options) -> Iterator[Part]:
    """Run it."""
    runs = 10 if options.quick else _RUNS
    found = asyncio.run(_to_the_server(runs))
    yield Table(
        f"From dispose() to the closed request at the server, async client, {runs} runs",
        ["", "median, ms", "max, ms"],
        [["our connections", f"{statistics.median(found):.2f}", f"{max(found):.2f}"]],
    )
    batches = 25 if options.quick else _BATCHES
    rows: list[list[str]] = []
    names = [_OWN, _AIOHTTP, _STOCK]
    if not installed("httpx_aiohttp"):
        names.remove(_AIOHTTP)
        yield Note(f"{_AIOHTTP}: httpx-aiohttp is not installed")
    with Server.running() as server:
        for connections in names:
            # What there is once in a process, such as the thread of a resolver, begins here.
            asyncio.run(_storm(server.url, 1, connections, awaited=False))
            for awaited, how in ((False, "disposed"), (True, "`wait_for_task` cancelled")):
                before = set(threading.enumerate())
                *left, took = asyncio.run(_storm(server.url, batches, connections, awaited=awaited))
                left.append(len(set(threading.enumerate()) - before))
                name = f"{connections}, {how}"
                require(not any(left), f"{name}: tasks, timers, sockets, threads left: {left}")
                rows.append([name, *(f"{count:.0f}" for count in left), f"{took:.1f}"])
    yield Table(
        f"Left after {batches * _BATCH:,} waits were given up, {_BATCH} at a time within "
        f"{_WITHIN * 1e3:.0f} ms on {_CONNECTIONS} connections",
        ["", "tasks", "timers", "sockets", "threads", "next get_task, ms"],
        rows,
    )
