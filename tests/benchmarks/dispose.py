"""How soon a disposal reaches the server, and what thousands of them leave behind."""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx

from rxstream import AsyncStreamClient, Gate, task_observable
from rxstream.testing import TaskServer, hang

from .processes import KEY, SECRET, Options, Server
from .report import require, show, table

__all__ = ["run"]

_RUNS: Final = 50
_BATCHES: Final = 100
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


async def _storm(url: str, batches: int, *, own: bool) -> list[float]:
    """Dispose at random moments; give what is left, and the milliseconds of the next poll."""
    loop, gate = asyncio.get_running_loop(), Gate(_CONNECTIONS)
    rng = random.Random(4)
    # A request on a foreign httpx client is left to finish, so there none hangs.
    kinds = ["1000000", "slow", "hang"] if own else ["1000000", "slow"]
    errors: list[Exception] = []
    before = _sockets(), set(threading.enumerate())
    async with (
        httpx.AsyncClient(limits=httpx.Limits(max_connections=_CONNECTIONS)) as http,
        AsyncStreamClient(
            *(KEY, SECRET),
            base_url=url,
            max_connections=_CONNECTIONS,
            http_client=None if own else http,
        ) as client,
    ):
        for _ in range(batches):
            for _ in range(_BATCH):
                task = f"{rng.choice(kinds)}-{rng.random()}"
                wait = task_observable(client, task, poll_interval=0.005, gate=gate).subscribe(
                    on_error=errors.append
                )
                loop.call_later(rng.uniform(0, _WITHIN), wait.dispose)
            await asyncio.sleep(_WITHIN)
        async with asyncio.timeout(_PATIENCE):
            while "in_flight=0, queued=0" not in repr(gate):  # noqa: ASYNC110 -- it has no event
                await asyncio.sleep(_LOOK_EVERY)
            start = time.monotonic()
            require((await client.get_task("9-after")).status == "running", "the client is broken")
            took = (time.monotonic() - start) * 1e3
        tasks, timers = len(asyncio.all_tasks()) - 1, _timers(loop)
    require(not errors, f"a wait failed: {errors[:1]}")
    await asyncio.sleep(_WITHIN)
    gc.collect()
    sockets, threads = _sockets() - before[0], len(set(threading.enumerate()) - before[1])
    return [tasks, timers, threads, sockets, took]


def _timers(loop: Any) -> int:
    return sum(not timer.cancelled() for timer in getattr(loop, "_scheduled", ()))


def _sockets() -> int:
    """How many sockets are open, where the system can tell."""
    found = 0
    for descriptor in _DESCRIPTORS.iterdir() if _DESCRIPTORS.is_dir() else ():
        with suppress(OSError):  # the one that lists the directory has gone
            found += str(descriptor.readlink()).startswith("socket:")
    return found


def run(options: Options) -> None:
    """Run it."""
    runs = 10 if options.quick else _RUNS
    found = asyncio.run(_to_the_server(runs))
    show(f"From dispose() to the closed request at the server, async client, {runs} runs")
    table(
        ["", "median, ms", "max, ms"],
        [["", f"{statistics.median(found):.2f}", f"{max(found):.2f}"]],
    )
    batches = 10 if options.quick else _BATCHES
    show()
    show(f"Left after {batches * _BATCH:,} disposals within {_WITHIN * 1e3:.0f} ms")
    rows: list[list[str]] = []
    with Server.running() as server:
        for own, name in ((True, "our connections"), (False, "a stock httpx client")):
            *left, took = asyncio.run(_storm(server.url, batches, own=own))
            require(not any(left), f"{name}: tasks, timers, threads, sockets left: {left}")
            rows.append([name, *(f"{count:.0f}" for count in left), f"{took:.1f}"])
    table(["", "tasks", "timers", "threads", "sockets", "next get_task, ms"], rows)
