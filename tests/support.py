"""Runs one wait in virtual time, sync and async, and records what was emitted when."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rxstream import Gate, GateStatistics, TaskSnapshot, task_observable
from rxstream.hub import TaskHub
from rxstream.testing import FakeAsyncClient, FakeClient, VirtualTime, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

TASK = "5a1f0c9e"
KINDS = ("sync", "async", "asyncio", "sync hub", "async hub", "asyncio hub")
"""The sync and the async client under a virtual-time scheduler, and the async one on a loop; each
on its own and through a hub."""


_OPEN: dict[str, Any] = {
    "in_flight": 0,
    "queued": 0,
    "closed_for": 0.0,
    "paced_for": 0.0,
    "limit": None,
    "remaining": None,
    "reset_after": None,
    "rate_limited": 0,
}


class KnownGate(Gate):
    """A gate whose statistics are given."""

    def __init__(self, **known: Any) -> None:
        super().__init__()
        self.known = GateStatistics(**{**_OPEN, **known})

    def statistics(self) -> GateStatistics:
        return self.known


def seconds_of(time: VirtualTime) -> Callable[[], float]:
    """A virtual scheduler's clock."""

    def now() -> float:
        return time.now.timestamp()

    return now


@dataclass
class Recording:
    """What one subscription saw."""

    client: Any
    emitted: list[tuple[float, TaskSnapshot]] = field(default_factory=list)
    error: BaseException | None = None
    completed: bool = False
    ended_at: float | None = None

    @property
    def statuses(self) -> list[str]:
        return [snapshot.status for _, snapshot in self.emitted]

    @property
    def moments(self) -> list[float]:
        return [round(at, 6) for at, _ in self.emitted]

    @property
    def polled_at(self) -> list[float]:
        return [round(request.at, 6) for request in self.client.requests]

    def observe(self, observable: Any, now: Callable[[], float], scheduler: Any = None) -> Any:
        start = now()

        def on_next(snapshot: TaskSnapshot) -> None:
            assert self.ended_at is None, "emitted after the end"
            self.emitted.append((now() - start, snapshot))

        def on_error(error: Exception) -> None:
            assert self.ended_at is None, "ended twice"
            self.error, self.ended_at = error, now() - start

        def on_completed() -> None:
            assert self.ended_at is None, "ended twice"
            self.completed, self.ended_at = True, now() - start

        return observable.subscribe(on_next, on_error, on_completed, scheduler=scheduler)


@dataclass(frozen=True)
class Drive:
    """Plays a script to one kind of wait; virtual time starts at 0."""

    kind: str

    def __call__(
        self,
        script: Any,
        *,
        until: float = 10_000.0,
        dispose_at: float | None = None,
        **keywords: Any,
    ) -> Recording:
        if self.kind.startswith("asyncio"):
            return run_virtual(self._on_a_loop(script, until, dispose_at, keywords))
        time = VirtualTime()
        fake = FakeClient if self.kind.startswith("sync") else FakeAsyncClient
        recording = Recording(fake(script, scheduler=time))
        observable = self._observable(recording.client, scheduler=time, **keywords)
        subscription = recording.observe(observable, seconds_of(time))
        if dispose_at is not None:
            time.schedule_relative(dispose_at, lambda *_: subscription.dispose())
        time.start(until=until)
        subscription.dispose()
        return recording

    def _observable(self, client: Any, **keywords: Any) -> Any:
        if self.kind.endswith("hub"):
            return TaskHub(client, **keywords).observe(TASK)
        return task_observable(client, TASK, **keywords)

    async def _on_a_loop(
        self, script: Any, until: float, dispose_at: float | None, keywords: dict[str, Any]
    ) -> Recording:
        loop = asyncio.get_running_loop()
        recording = Recording(FakeAsyncClient(script))
        observable = self._observable(recording.client, **keywords)
        subscription = recording.observe(observable, loop.time)
        if dispose_at is not None:
            loop.call_later(dispose_at, subscription.dispose)
        await asyncio.sleep(until)
        subscription.dispose()
        await asyncio.sleep(0)
        return recording
