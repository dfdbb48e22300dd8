"""Merging many observables, by rxstream and by reactivex: each run in a process of its own."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from typing import TYPE_CHECKING, Any, Final

import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops
from reactivex.disposable import Disposable

from rxstream import TaskSnapshot
from rxstream import operators as rxs

from .many import Ledger, id_of
from .report import require

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from reactivex import abc

__all__ = ["MERGES", "merge"]

MERGES: Final[dict[str, Callable[[], Callable[[Observable[Any]], Observable[Any]]]]] = {
    "fan_in": lambda: rxs.fan_in(_project),
    "flat_map": lambda: ops.flat_map(_project),
    "merge": lambda: lambda source: source.pipe(ops.map(_project), ops.merge(max_concurrent=1000)),
}
"""What merges. `merge` has room for a thousand, so it cannot hold all of them alive at once."""


class _Live:
    """An observable that ends when it is told to."""

    def __init__(self) -> None:
        self._observer: abc.ObserverBase[Any] | None = None

    def subscribe(self, observer: abc.ObserverBase[Any], _: Any = None) -> abc.DisposableBase:
        self._observer = observer
        return Disposable()

    @property
    def is_alive(self) -> bool:
        return self._observer is not None

    def end(self) -> None:
        assert self._observer is not None
        self._observer.on_next(None)
        self._observer.on_completed()


def _project(item: Any) -> Observable[Any]:
    return Observable(item.subscribe) if isinstance(item, _Live) else rx.just(item)


def merge(options: Namespace) -> dict[str, float]:
    """Merge as many as there are waits: CPU and wall seconds."""
    kind, _, name = options.name.removeprefix("merge-").partition("-")
    work = _tasks if name == "tasks" else _ready if kind == "ready" else _live
    work(name, 100)
    gc.collect()
    cpu, wall = time.process_time(), time.monotonic()
    for _ in range(options.repeat):
        work(name, options.waits)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    return {"cpu": cpu / options.repeat, "wall": wall / options.repeat}


def _ready(name: str, count: int) -> None:
    """Each emits and ends as soon as it is subscribed to."""
    _merged(name, rx.from_iterable(range(count)), count, lambda: None)


def _live(name: str, count: int) -> None:
    """All of them live at once, and end in any order."""
    lives = [_Live() for _ in range(count)]
    order = random.Random(count).sample(lives, count)

    def end_all() -> None:
        while not lives[-1].is_alive:
            time.sleep(0.001)  # a pause for breath between them
        for live in order:
            live.end()

    _merged(name, rx.from_iterable(lives), count, end_all)


def _merged(name: str, source: Observable[Any], count: int, then: Callable[[], None]) -> None:
    seen = 0
    ends: list[Exception | None] = []

    def on_next(_: object) -> None:
        nonlocal seen
        seen += 1

    source.pipe(MERGES[name]()).subscribe(on_next, ends.append, lambda: ends.append(None))
    then()
    deadline = time.monotonic() + 600
    while not ends and time.monotonic() < deadline:
        time.sleep(0.001)  # where the merging goes on on a thread of its own
    require(seen == count and ends == [None], f"{name} gave {seen} of {count}, and ended {ends}")


def _tasks(_: str, count: int) -> None:
    """Tasks that are completed when they are polled first."""

    class Client:
        async def get_task(self, task_id: str) -> TaskSnapshot:
            return TaskSnapshot(task_id, "completed", result={"task_id": task_id})

    asyncio.run(Ledger(count).take(Client(), map(id_of, range(count)), 1.0))
