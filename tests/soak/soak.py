"""Rounds of waits on tasks of a server that is killed; counts what came of each."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rxstream import (
    AsyncStreamClient,
    Gate,
    StreamClient,
    TaskOutcome,
    TaskSnapshot,
    backoff,
    errors,
    task_observable,
    tasks_observable,
    to_async_iterable,
    wait_for_task_async,
)
from rxstream.testing import assert_nothing_left

from .chaos import Chaos
from .tasks import API_KEY, API_SECRET, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Figures", "soak"]

KINDS: Final = ("sync", "httpx", "aiohttp")
KEYWORDS: Final[dict[str, Any]] = {
    "poll_interval": 0.05,
    "timeout": 40.0,
    "retry": backoff.constant(0.1),
}
REQUEST: Final = 3.0
KILL_EVERY: Final = 8.0
MOST_GROWTH: Final = 1.10
_STATM: Final = Path("/proc/self/statm")


@dataclass
class Figures:
    """What came of it."""

    tasks: int = 0
    disposed: int = 0
    late: int = 0
    polls: int = 0
    kills: int = 0
    rounds: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    """RSS after each round, in MB."""

    @property
    def base(self) -> float:
        """RSS once it is warm: the median of the second fifth."""
        fifth = max(len(self.memory) // 5, 1)
        return statistics.median(self.memory[fifth : 2 * fifth] or self.memory)

    @property
    def last(self) -> float:
        """RSS at the end: the median of the last fifth."""
        return statistics.median(self.memory[-max(len(self.memory) // 5, 1) :])

    def lines(self) -> list[str]:
        """In words."""
        ends = ", ".join(f"{count:,} {name}" for name, count in sorted(self.ends.items()))
        done = f"{self.tasks:,} tasks in {self.rounds} rounds"
        return [
            f"{done}, {self.kills} kills, {self.polls:,} polls",
            f"{self.disposed:,} disposed, {self.late:,} at their deadline, {ends}",
            f"RSS {self.base:.0f} MB when warm, {self.last:.0f} MB at the end",
            *(f"WRONG: {line}" for line in self.wrong[:20]),
        ]


class _Books:
    """Which id had which outcome; whoever disposes says so first."""

    def __init__(self, figures: Figures, ids: Sequence[str]) -> None:
        self._figures = figures
        self._lock = threading.Lock()
        self._open = set(ids)
        self._disposed: set[str] = set()

    def enter(self, outcome: TaskOutcome) -> None:
        """One outcome of one id."""
        with self._lock:
            figures, task_id = self._figures, outcome.task_id
            if task_id not in self._open:
                figures.wrong.append(f"{task_id} had an outcome more than it should have")
                return
            self._open.discard(task_id)
            self._disposed.discard(task_id)
            figures.polls += outcome.polls
            said = verdict(outcome)
            if said == "late":
                figures.late += 1
            elif said:
                figures.wrong.append(f"{task_id}: {said}")
            figures.ends[type(outcome.error).__name__ if outcome.error else "completed"] += 1

    def dispose(self, task_ids: Sequence[str]) -> None:
        """These may have an outcome yet, or none."""
        with self._lock:
            self._disposed.update(task_id for task_id in task_ids if task_id in self._open)

    def close(self) -> None:
        """All must have ended, or have been disposed."""
        lost = self._open - self._disposed
        self._figures.wrong += [f"{task_id} had no outcome" for task_id in sorted(lost)]
        self._figures.disposed += len(self._open & self._disposed)


def soak(seconds: float, *, size: int, seed: int, tell: Callable[[str], object]) -> Figures:
    """Run rounds of `size` tasks for each kind of client."""
    rng, figures = random.Random(seed), Figures()
    end = time.monotonic() + seconds
    chaos = Chaos(rng)
    chaos.serve(["warm"])
    try:
        with (
            assert_nothing_left(),
            StreamClient(API_KEY, API_SECRET, base_url=chaos.url, timeout=REQUEST) as client,
        ):
            asyncio.run(_rounds(client, chaos, rng, figures, end, size, tell))
    except AssertionError as error:
        figures.wrong.append(str(error)[:400])
    finally:
        chaos.stop()
    figures.kills = chaos.kills
    return figures


async def _rounds(
    sync: StreamClient,
    chaos: Chaos,
    rng: random.Random,
    figures: Figures,
    end: float,
    size: int,
    tell: Callable[[str], object],
) -> None:
    keywords: dict[str, Any] = {"base_url": chaos.url, "timeout": REQUEST}
    async with (
        AsyncStreamClient(API_KEY, API_SECRET, **keywords) as over_httpx,
        AsyncStreamClient(API_KEY, API_SECRET, transport="aiohttp", **keywords) as over_aiohttp,
    ):
        clients = dict(zip(KINDS, (sync, over_httpx, over_aiohttp), strict=True))
        while time.monotonic() < end or not chaos.kills:
            ids = {
                kind: [f"{figures.rounds}-{kind}-{number}" for number in range(size)]
                for kind in KINDS
            }
            every_id = [task_id for some in ids.values() for task_id in some]
            await asyncio.to_thread(chaos.serve, every_id)
            books, over = _Books(figures, every_id), threading.Event()
            killing = threading.Thread(target=chaos.reign, args=(over, KILL_EVERY))
            killing.start()
            try:
                await asyncio.gather(
                    asyncio.to_thread(_sync_round, sync, ids["sync"], books, rng.random()),
                    _async_round(over_httpx, ids["httpx"], books, rng.random()),
                    _async_round(over_aiohttp, ids["aiohttp"], books, rng.random()),
                )
            finally:
                over.set()
                await asyncio.to_thread(killing.join)
            books.close()
            await _is_at_rest(clients, figures)
            figures.tasks += len(every_id)
            figures.rounds += 1
            gc.collect()
            figures.memory.append(_resident())
            tell(f"round {figures.rounds}: {figures.memory[-1]:.0f} MB, {chaos.kills} kills")


async def _is_at_rest(clients: dict[str, Any], figures: Figures) -> None:
    """No request is under way when all waits have ended, a little later."""
    end = time.monotonic() + REQUEST + 2
    busy: list[str] = []
    while True:
        busy = [kind for kind, each in clients.items() if Gate.of(each).statistics().in_flight]
        if not busy or time.monotonic() > end:
            break
        await asyncio.sleep(0.02)
    figures.wrong += [f"{kind}: {Gate.of(clients[kind])!r} after a round" for kind in busy]


def _parts(ids: Sequence[str], rng: random.Random) -> tuple[list[str], list[str], list[str]]:
    """For one large batch, for single waits, and for a batch that is going to be disposed."""
    mixed = list(ids)
    rng.shuffle(mixed)
    third = len(mixed) // 4
    return mixed[2 * third :], mixed[:third], mixed[third : 2 * third]


def _sync_round(client: StreamClient, ids: Sequence[str], books: _Books, seed: float) -> None:
    rng = random.Random(seed)
    many, single, dropped = _parts(ids, rng)
    ended = threading.Event()
    tasks_observable(client, iter(many), max_concurrent=100, **KEYWORDS).subscribe(
        books.enter, lambda _: ended.set(), ended.set
    )
    batch = tasks_observable(client, dropped, **KEYWORDS).subscribe(books.enter)
    waits = [_observed(client, task_id, books) for task_id in single]
    time.sleep(rng.uniform(0.1, 3.0))
    books.dispose(dropped)
    batch.dispose()
    for task_id, (wait, _) in zip(single, waits, strict=True):
        if rng.random() < 0.3:
            books.dispose([task_id])
            wait.dispose()
        time.sleep(0.001)
    assert ended.wait(300), "a sync batch never ended"
    for task_id, (_, over) in zip(single, waits, strict=True):
        if task_id not in books._disposed:
            assert over.wait(100), f"the wait for {task_id} never ended"


def _observed(client: Any, task_id: str, books: _Books) -> tuple[Any, threading.Event]:
    over = threading.Event()
    last: list[Any] = [None]

    def on_error(error: Exception) -> None:
        books.enter(TaskOutcome(task_id, last[0], error))
        over.set()

    def on_completed() -> None:
        books.enter(TaskOutcome(task_id, last[0]))
        over.set()

    def on_next(snapshot: Any) -> None:
        last[0] = snapshot

    wait = task_observable(client, task_id, **KEYWORDS).subscribe(on_next, on_error, on_completed)
    return wait, over


async def _async_round(
    client: AsyncStreamClient, ids: Sequence[str], books: _Books, seed: float
) -> None:
    rng = random.Random(seed)
    many, single, dropped = _parts(ids, rng)

    async def batch() -> None:
        async for outcome in to_async_iterable(
            tasks_observable(client, iter(many), max_concurrent=200, **KEYWORDS)
        ):
            books.enter(outcome)

    async def disposed() -> None:
        wait = tasks_observable(client, dropped, **KEYWORDS).subscribe(books.enter)
        await asyncio.sleep(rng.uniform(0.1, 3.0))
        books.dispose(dropped)
        wait.dispose()

    waits = [asyncio.create_task(_one(client, task_id, books)) for task_id in single]

    async def cancelled() -> None:
        await asyncio.sleep(rng.uniform(0.1, 3.0))
        for task_id, wait in zip(single, waits, strict=True):
            if rng.random() < 0.3 and not wait.done():
                books.dispose([task_id])
                wait.cancel()
                await asyncio.sleep(0)

    await asyncio.gather(batch(), disposed(), cancelled())
    for found in await asyncio.gather(*waits, return_exceptions=True):
        if isinstance(found, Exception):
            raise found


async def _one(client: AsyncStreamClient, task_id: str, books: _Books) -> None:
    """Await one task, each second one as an observable."""
    try:
        if hash(task_id) % 2:
            snapshot = await task_observable(client, task_id, **KEYWORDS)
        else:
            result = await wait_for_task_async(client, task_id, **KEYWORDS)
            snapshot = TaskSnapshot(task_id, "completed", result=result)
    except errors.StreamException as error:
        books.enter(TaskOutcome(task_id, None, error))
    else:
        books.enter(TaskOutcome(task_id, snapshot))


def _resident() -> float:
    if not _STATM.exists():
        return 0.0
    pages = int(_STATM.read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2
