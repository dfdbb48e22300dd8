"""Many waits at once over a socket, and on threads: each run in a process of its own."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from rxstream import AsyncStreamClient, Gate, StreamClient, TaskOutcome, TaskSnapshot
from rxstream import tasks_observable as all_of

from .many import Ledger
from .processes import KEY, SECRET
from .report import require

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

__all__ = ["batch_http", "limited", "limited_official", "threads"]

_TIMEOUT: Final = 7200.0
_LOOK_EVERY: Final = 0.005
_CALL: Final = 0.0005


def _ids(options: Namespace) -> list[str]:
    """The server's: running for all polls but the last."""
    return [f"{options.polls - 1}-{number:012d}" for number in range(options.waits)]


def batch_http(options: Namespace) -> dict[str, float]:
    """All of them at once to their ends, every outcome checked."""

    async def run() -> dict[str, float]:
        ids, ledger = _ids(options), Ledger(options.waits)
        async with AsyncStreamClient(
            KEY, SECRET, base_url=options.url, transport=options.transport
        ) as client:
            await asyncio.gather(*(client.get_task(f"0-warm-{number}") for number in range(100)))
            gc.collect()
            cpu, wall = time.process_time(), time.monotonic()
            await ledger.take(client, iter(ids), options.interval)
            return {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}

    return asyncio.run(run())


class _Blocking:
    """A sync client whose every call blocks for a moment."""

    def __init__(self, polls: int) -> None:
        self._last = polls - 1
        self._seen: dict[str, int] = {}

    def get_task(self, task_id: str) -> TaskSnapshot:
        time.sleep(_CALL)
        seen = self._seen[task_id] = self._seen.get(task_id, -1) + 1
        if seen < self._last:
            return TaskSnapshot(task_id, "running")
        return TaskSnapshot(task_id, "completed", result={"task_id": task_id})


class _Counting:
    """Knows how many ids have been polled when the first wait ends."""

    def __init__(self, client: Any) -> None:
        self.begun: set[str] = set()
        self._client = client

    def get_task(self, task_id: str) -> TaskSnapshot:
        self.begun.add(task_id)
        snapshot: TaskSnapshot = self._client.get_task(task_id)
        return snapshot


def threads(options: Namespace) -> dict[str, float]:
    """All of them at once with a sync client: the most threads alive at once."""
    if not options.url:
        return _counted(_Blocking(options.polls), options)
    with StreamClient(KEY, SECRET, base_url=options.url) as client:
        return _counted(client, options)


def _counted(plain: Any, options: Namespace) -> dict[str, float]:
    client, ledger, over = _Counting(plain), Ledger(options.waits), threading.Event()
    begun: list[int] = []
    before = threading.active_count()
    most = 0

    def outcome(outcome: TaskOutcome) -> None:
        if not begun:
            begun.append(len(client.begun))
        ledger.outcome(outcome)

    def fail(error: Exception) -> None:
        ledger.error = error
        over.set()

    cpu, wall = time.process_time(), time.monotonic()
    outcomes = all_of(client, _ids(options), poll_interval=options.interval, timeout=_TIMEOUT)
    with outcomes.subscribe(outcome, fail, over.set):
        while not over.wait(_LOOK_EVERY):
            most = max(most, threading.active_count())
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    ledger.check()
    require(
        begun == [options.waits],
        f"the first wait ended when {begun} of {options.waits} were under way: raise --interval",
    )
    return {"threads": most - before, "cpu": cpu, "wall": wall}


def limited(options: Namespace) -> dict[str, float]:
    """Under the server's own limit, in real time."""

    async def run() -> dict[str, float]:
        ledger = Ledger(options.waits)
        async with AsyncStreamClient(KEY, SECRET, base_url=options.url) as client:
            start = time.monotonic()
            await ledger.take(client, iter(_ids(options)), options.interval)
            refused = Gate.of(client).statistics().rate_limited
            return {"wall": time.monotonic() - start, "refused": refused, "lost": 0}

    return asyncio.run(run())


def limited_official(options: Namespace) -> dict[str, float]:
    """The same by the official helper, as it comes."""
    return asyncio.run(_limited_official(_ids(options), options))


async def _limited_official(ids: Sequence[str], options: Namespace) -> dict[str, float]:
    from getstream import AsyncStream  # type: ignore[import-untyped]  # noqa: PLC0415 -- may be missing

    async with AsyncStream(KEY, SECRET, base_url=options.url, request_timeout=60.0) as client:
        wait: Callable[..., Any] = client.wait_for_task
        start = time.monotonic()
        ends = await asyncio.gather(
            *(wait(each, poll_interval=options.interval, timeout=_TIMEOUT) for each in ids),
            return_exceptions=True,
        )
        lost = sum(isinstance(end, Exception) for end in ends)
        refused = sum(getattr(end, "status_code", 0) == 429 for end in ends)
        return {"wall": time.monotonic() - start, "refused": refused, "lost": lost}
