"""Starts in virtual time: a client whose operation plays what it is told to, and who watches it."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from types import coroutine
from typing import TYPE_CHECKING, Any

from reactivex.scheduler.eventloop import AsyncIOScheduler

from rxstream.testing import Emission, VirtualTime, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from reactivex import Observable

KINDS = ("sync", "async", "asyncio")
HANG = math.inf


@dataclass
class After:
    """Play something after some seconds."""

    seconds: float
    then: Any = None


@dataclass
class Starter:
    """A client with one operation, which plays `play(items, n)` for the nth start of a batch.

    What it plays is an answer, an exception to raise, or one of these `After` some seconds.
    """

    play: Callable[[tuple[Any, ...], int], Any]
    on_loop: bool = False
    sent: list[tuple[Any, ...]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    cancel_safe = True

    def delete_things(self, items: list[Any]) -> Any:
        return self._start(items)

    def keep_things(self, items: list[Any]) -> Any:
        return self._start(items)

    def get_task(self, task_id: str) -> Any:
        return {"task_id": task_id, "status": "completed", "result": task_id}

    def times(self, batch: tuple[Any, ...]) -> int:
        return self.sent.count(batch)

    def _start(self, items: list[Any]) -> Any:
        batch = tuple(items)
        items.clear()  # it is a list of its own
        self.sent.append(batch)
        return self._played(self.play(batch, self.times(batch)))

    def _played(self, answer: Any) -> Any:
        if isinstance(answer, After):
            return self._later(answer)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def _later(self, after: After) -> Any:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if not self.on_loop:
                await _pause(after.seconds)
            elif after.seconds < math.inf:
                await asyncio.sleep(after.seconds)
            else:
                await asyncio.Event().wait()
        finally:
            self.in_flight -= 1
        return self._played(after.then)


class AsyncStarter(Starter):
    """The same, async."""

    async def delete_things(self, items: list[Any]) -> Any:
        return await self._awaited(items)

    async def keep_things(self, items: list[Any]) -> Any:
        return await self._awaited(items)

    async def get_task(self, task_id: str) -> Any:
        return super().get_task(task_id)

    async def _awaited(self, items: list[Any]) -> Any:
        answer = self._start(items)
        return await answer if asyncio.iscoroutine(answer) else answer


@coroutine
def _pause(seconds: float) -> Generator[float, None, None]:
    yield seconds


@dataclass(frozen=True)
class Stage:
    """One of the kinds: sync and async in virtual time, and async on a loop."""

    kind: str

    def starter(self, play: Callable[[tuple[Any, ...], int], Any] | None = None) -> Starter:
        play = (lambda batch, _: f"t{batch[0]}") if play is None else play
        if self.kind == "sync":
            return Starter(play)
        return AsyncStarter(play, on_loop=self.kind == "asyncio")

    def record(
        self, source: Observable[Any], *, until: float = 1_000.0, dispose_at: float | None = None
    ) -> list[Emission]:
        """Subscribe, and tell what was emitted when."""
        if self.kind != "asyncio":
            return VirtualTime().record(source, until=until if dispose_at is None else dispose_at)
        return run_virtual(self._on_a_loop(source, until if dispose_at is None else dispose_at))

    @staticmethod
    async def _on_a_loop(source: Observable[Any], until: float) -> list[Emission]:
        loop = asyncio.get_running_loop()
        began, seen = loop.time(), list[Emission]()

        def note(kind: Any, value: Any = None) -> None:
            seen.append(Emission(round(loop.time() - began, 6), kind, value))

        subscription = source.subscribe(
            lambda item: note("next", item),
            lambda error: note("error", error),
            lambda: note("completed"),
            scheduler=AsyncIOScheduler(loop),
        )
        await asyncio.sleep(until)
        subscription.dispose()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return seen
