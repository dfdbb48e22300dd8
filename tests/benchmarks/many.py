"""Many tasks at once without HTTP, each run in a process of its own: time, memory, outcomes."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rxstream import TaskOutcome, TaskSnapshot, tasks_observable
from rxstream._wire.fields import snapshot_of
from rxstream.testing import run_virtual

from .report import require

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

__all__ = ["Ledger", "batch", "endless", "id_of", "memory", "resident"]

POLLS: Final = 3
ROOM: Final = 1000

_TIMEOUT: Final = 7200.0
_LOOK_EVERY: Final = 0.05
_SAMPLES: Final = 20
_SITES: Final = 14
_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = 4096
_PACKAGES: Final = ("rxstream", "reactivex", "asyncio", "json", "tests")


def id_of(number: int) -> str:
    """An id as long as Stream's are."""
    return f"00000000-0000-4000-8000-{number:012d}"


def resident() -> int:
    """The bytes of this process that are in memory."""
    require(_STATM.exists(), f"memory is measured where there is a {_STATM}: on Linux")
    return int(_STATM.read_text().split()[1]) * _PAGE


class Tasks:
    """Answers without I/O: each task runs for some polls, then it has a result of its own."""

    def __init__(self, waits: int, polls: int = POLLS, *, parsed: bool = False) -> None:
        self.polls = 0
        self.together = True
        self._last = polls - 1
        self._parsed = parsed
        self._seen = bytearray(waits)

    async def get_task(self, task_id: str) -> TaskSnapshot:
        number = int(task_id[-12:])
        seen = self._seen[number]
        self._seen[number] = seen + 1
        self.polls += 1
        if seen == 1 and self.polls <= len(self._seen):
            self.together = False
        if seen < self._last:
            return _as_from_the_wire(task_id) if self._parsed else _RUNNING
        return TaskSnapshot(task_id, "completed", result={"task_id": task_id})


_RUNNING: Final = TaskSnapshot("memory", "running")


def _as_from_the_wire(task_id: str) -> TaskSnapshot:
    now = 1_754_000_000_000_000_000
    said = {"task_id": task_id, "status": "running", "created_at": now, "updated_at": now}
    data = json.loads(json.dumps({**said, "duration": "1.23ms"}))
    snapshot = snapshot_of(data, task_id=task_id)
    assert snapshot is not None
    return snapshot


class Ledger:
    """Checks each outcome: the right result, and one for each id."""

    def __init__(self, waits: int) -> None:
        self.wrong: list[TaskOutcome] = []
        self.error: Exception | None = None
        self._ended = bytearray(waits)
        self._left = waits

    def outcome(self, outcome: TaskOutcome) -> None:
        number = int(outcome.task_id[-12:])
        if not outcome.ok or outcome.result["task_id"] != outcome.task_id or self._ended[number]:
            self.wrong.append(outcome)
        self._ended[number] = 1
        self._left -= 1

    def check(self) -> None:
        require(self.error is None, f"the stream of outcomes ended with {self.error!r}")
        require(not self.wrong, f"{len(self.wrong)} wrong outcomes: {self.wrong[:1]}")
        require(not self._left, f"{self._left} outcomes are missing")

    async def take(self, client: Any, ids: Iterator[str], interval: float, **options: Any) -> None:
        """Wait for all of them."""
        over = asyncio.Event()

        def fail(error: Exception) -> None:
            self.error = error
            over.set()

        outcomes = tasks_observable(
            client, ids, poll_interval=interval, timeout=_TIMEOUT, **options
        )
        with outcomes.subscribe(self.outcome, fail, over.set):
            await over.wait()
        self.check()


def batch(options: Namespace) -> dict[str, float]:
    """All of them at once, to their ends: CPU and wall seconds."""

    async def run(waits: int, interval: float) -> None:
        client = Tasks(waits)
        await Ledger(waits).take(client, map(id_of, range(waits)), interval)
        require(client.polls == waits * POLLS, f"{client.polls} polls for {waits} waits")
        require(client.together, "the first wait polled again before the last had begun")

    async def repeated() -> dict[str, float]:
        await run(100, 0.01)
        gc.collect()
        if options.uncollected:
            gc.disable()
        cpu, wall = time.process_time(), time.monotonic()
        for _ in range(options.repeat):
            await run(options.waits, options.interval)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        return {"cpu": cpu / options.repeat, "wall": wall / options.repeat}

    # Pauses cost nothing there, and end only when everybody has polled, however slow the machine.
    return run_virtual(repeated())


def memory(options: Namespace) -> dict[str, Any]:
    """What all of them take while each waits for its next poll."""

    async def run(waits: int) -> dict[str, Any]:
        client = Tasks(waits, parsed=options.parsed)
        gc.collect()
        if options.traced:
            tracemalloc.start()
        tracked = len(gc.get_objects())
        before, traced = resident(), tracemalloc.get_traced_memory()[0]
        ids = map(id_of, range(waits))
        outcomes = tasks_observable(client, ids, poll_interval=3600.0, timeout=_TIMEOUT)
        with outcomes.subscribe(lambda _: None):
            while client.polls < waits:  # noqa: ASYNC110 -- no event of its own in what is measured
                await asyncio.sleep(_LOOK_EVERY)
            await asyncio.sleep(_LOOK_EVERY)
            gc.collect()
            found: dict[str, Any] = {"rss": (resident() - before) / waits}
            if options.traced:
                found["traced"] = (tracemalloc.get_traced_memory()[0] - traced) / waits
                found["tracked"] = (len(gc.get_objects()) - tracked) / waits
                found["sites"] = _sites(waits)
                tracemalloc.stop()
        return found

    async def warmed_up() -> dict[str, Any]:
        traced, options.traced = options.traced, False
        await run(100)
        options.traced = traced
        return await run(options.waits)

    return asyncio.run(warmed_up())


def _sites(waits: int) -> list[tuple[str, float, float]]:
    """Where the most bytes come from: the line, bytes a wait, objects a wait."""
    found: list[tuple[str, float, float]] = []
    for each in tracemalloc.take_snapshot().statistics("lineno")[:_SITES]:
        frame = each.traceback[0]
        parts = Path(frame.filename).parts
        start = max((parts.index(name) for name in _PACKAGES if name in parts), default=-1)
        place = f"{'/'.join(parts[start:])}:{frame.lineno}"
        found.append((place, each.size / waits, each.count / waits))
    return found


def endless(options: Namespace) -> dict[str, Any]:
    """An endless source, with room for some at once: what the process holds as time goes by."""

    async def run(total: int) -> dict[str, Any]:
        running: set[str] = set()

        class Client:
            async def get_task(self, task_id: str) -> TaskSnapshot:
                if task_id not in running:
                    running.add(task_id)
                    return _RUNNING
                running.remove(task_id)
                return TaskSnapshot(task_id, "completed", result={"task_id": task_id})

        over, samples = asyncio.Event(), []
        done = wrong = 0
        every = max(total // _SAMPLES, 1)

        def outcome(outcome: TaskOutcome) -> None:
            nonlocal done, wrong
            done += 1
            wrong += not outcome.ok or outcome.result["task_id"] != outcome.task_id
            if done % every == 0:
                samples.append((done, resident()))
            if done == total:
                over.set()

        ids = map(id_of, itertools.count())
        outcomes = tasks_observable(Client(), ids, max_concurrent=ROOM, poll_interval=0.001)
        cpu = time.process_time()
        with outcomes.subscribe(outcome):
            await over.wait()
        require(not wrong, f"{wrong} wrong outcomes of an endless source")
        return {"samples": samples, "cpu": time.process_time() - cpu}

    return asyncio.run(run(options.waits))
