"""What the wait on one task and the wait on many have in common: arguments, clock, gate."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, cast

from reactivex.disposable import CompositeDisposable

from ._checks import checked_schedule, optional, seconds
from ._clock import LoopClock
from ._fetch import fetch_of, is_async
from ._gate import Gate
from ._lanes import CrowdClock
from ._pauses import Plan
from ._polling import Polling
from ._schedulers import clock_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from ._clock import Clock
    from ._snapshot import TaskSnapshot
    from .backoff import Delays

__all__ = ["NOTHING_TO_WAIT_FOR", "Poller", "begun"]

NOTHING_TO_WAIT_FOR: Final = "; an operation that gives None has left nothing to wait for"


class Poller:
    """The arguments that one task and many have in common, checked."""

    def __init__(
        self,
        client: Any,
        poll_interval: object,
        timeout: object,
        retry: object,
        gate: Gate | None,
    ) -> None:
        self._is_async = is_async(client)
        self._client = client
        self._plan = Plan(
            cadence=_cadence(poll_interval),
            timeout=None if timeout is None else seconds(timeout, "timeout"),
            retry=None if retry is None else checked_schedule(retry, "retry", ", or None"),
        )
        optional(gate, Gate, "gate")
        self._gate = gate

    def clock(self, scheduler: abc.SchedulerBase | None) -> Clock:
        """The clock of a subscription."""
        return clock_of(scheduler, is_async=self._is_async)

    def crowd_clock(self, scheduler: abc.SchedulerBase | None) -> Clock:
        """The clock of a subscription with many waits."""
        clock = self.clock(scheduler)
        if not isinstance(clock, LoopClock):
            return clock
        delays = (self._plan.cadence, self._plan.timeout)
        return CrowdClock(clock.loop, (delay for delay in delays if isinstance(delay, float)))

    def on(self, clock: Clock) -> Callable[[str, abc.ObserverBase[TaskSnapshot]], Polling]:
        """Give what makes the waits of a subscription; each of them is still to be begun."""
        plan, fetch = self._plan, fetch_of(self._client, clock, is_async=self._is_async)
        gate = self._gate if self._gate is not None else Gate.of(self._client)
        lock = threading.Lock()  # held for moments only, and so one for all

        def wait(task_id: str, observer: abc.ObserverBase[TaskSnapshot]) -> Polling:
            return Polling(task_id, plan, observer, clock, fetch, gate, lock)

        return wait


def begun(begin: Callable[[], object], *parts: abc.DisposableBase) -> abc.DisposableBase:
    """Begin; give what stops all the parts, and stop them where a consumer raises meanwhile."""
    everything = CompositeDisposable(*parts)
    try:
        begin()
    except BaseException:
        everything.dispose()
        raise
    return everything


def _cadence(poll_interval: object) -> Delays | float:
    if callable(poll_interval):
        return cast("Delays", poll_interval)
    return seconds(poll_interval, "poll_interval")
