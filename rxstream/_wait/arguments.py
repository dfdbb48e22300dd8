"""The arguments that waits for one task and for many tasks share."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reactivex.disposable import CompositeDisposable

from .._call.choose import caller_of
from .._checks import checked_schedule, is_async, is_number, optional, seconds, text, to_mapping
from .._gate.gate import Gate, admission_of
from .._shared.guard import interruption_of
from .._text import cut_of
from .._time.clock import LoopClock
from .._time.crowd import CrowdClock
from .._time.schedulers import open_clock_of
from .._wire.foreign import attribute
from ..backoff import ByAnswer
from .closing import open_waits_of
from .context import WaitContext
from .engine import Wait
from .observable import WaitObservable

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import Observable, abc

    from .._time.clock import Clock
    from .._values import TaskSnapshot
    from ..backoff import Delays

__all__ = ["WaitArguments", "Waits", "checked_id", "start_or_dispose"]

_T = TypeVar("_T")

NOTHING_TO_WAIT_FOR: Final = "; an operation that returned None left nothing to wait for"
_MANY: Final = (list, tuple, set, frozenset)
FOR_MANY_IDS: Final = "; for many ids use tasks_observable or wait_for_tasks"


class WaitArguments:
    """The arguments of waits, checked."""

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
        self._cadence = _cadence(poll_interval)
        self._timeout = None if timeout is None else seconds(timeout, "timeout")
        self._retry = None if retry is None else checked_schedule(retry, "retry", ", or None")
        optional(gate, Gate, "gate")
        self._gate = gate

    def observable(
        self,
        subscribe: Callable[[abc.ObserverBase[_T], abc.SchedulerBase | None], abc.DisposableBase],
    ) -> Observable[_T]:
        """The observable of waits with these arguments."""
        return WaitObservable(subscribe, is_async=self._is_async)

    def clock(self, scheduler: abc.SchedulerBase | None) -> Clock:
        """The clock of a subscription with one wait.

        Raises:
            RuntimeError: There is no loop, or it is closed.
        """
        return open_clock_of(scheduler, is_async=self._is_async)

    def crowd_clock(self, scheduler: abc.SchedulerBase | None) -> Clock:
        """The clock of a subscription with many waits."""
        clock = self.clock(scheduler)
        if not isinstance(clock, LoopClock):
            return clock
        delays = (self._cadence, self._timeout)
        return CrowdClock(clock.loop, (delay for delay in delays if isinstance(delay, float)))

    def waits(self, clock: Clock) -> Waits:
        """The waits of a subscription."""
        lock = threading.RLock()
        context = WaitContext(
            cadence=self._cadence,
            timeout=self._timeout,
            retry=self._retry,
            clock=clock,
            caller=caller_of(self._client, clock, is_async=self._is_async),
            gate=admission_of(self._gate if self._gate is not None else Gate.of(self._client)),
            cut=cut_of(self._client),
            lock=lock,
            is_interrupted=interruption_of(lock),
            open_waits=open_waits_of(self._client),
        )
        return Waits(context, self._client)


class Waits:
    """Makes the waits of one subscription."""

    __slots__ = ("_context", "client", "clock", "cut")

    def __init__(self, context: WaitContext, client: Any) -> None:
        self._context = context
        self.client = client
        self.clock = context.clock
        self.cut = context.cut

    def close(self) -> None:
        """Let none of them poll any more, whichever is disposed first."""
        self._context.is_closed = True

    def prepare(self, task_id: str, observer: abc.ObserverBase[TaskSnapshot]) -> Wait:
        """Make the wait for a task; it begins with its `start`."""
        return Wait(task_id, observer, self._context)

    def start(self, task_id: str, observer: abc.ObserverBase[TaskSnapshot]) -> Wait:
        """Make the wait for a task, and begin it."""
        wait = self.prepare(task_id, observer)
        wait.start()
        return wait


def start_or_dispose(start: Callable[[], object], *parts: abc.DisposableBase) -> abc.DisposableBase:
    """Start, and return what disposes all parts; if `start` raises, dispose them at once."""
    everything = CompositeDisposable(*parts)
    try:
        start()
    except BaseException:
        everything.dispose()
        raise
    return everything


def checked_id(value: object) -> str:
    """Check the id of a task.

    Raises:
        TypeError: It is not a string.
        ValueError: It is empty, or cannot be sent.
    """
    return text(value, "task_id", "" if isinstance(value, str) else _way_out(value))


def _way_out(value: object) -> str:
    """What to pass instead of something that is no id."""
    if value is None:
        return NOTHING_TO_WAIT_FOR
    if isinstance(value, _MANY):
        return FOR_MANY_IDS
    # The answers of the official SDKs, snapshots, outcomes.
    found = {
        ".data.task_id": attribute(attribute(value, "data"), "task_id"),
        ".task_id": attribute(value, "task_id"),
        "['task_id']": (to_mapping(value) or {}).get("task_id"),
    }
    place = next((place for place, task_id in found.items() if isinstance(task_id, str)), None)
    return "" if place is None else f"; pass its {place}"


def _cadence(poll_interval: object) -> Delays | ByAnswer | float:
    if isinstance(poll_interval, ByAnswer):
        return poll_interval
    if callable(poll_interval):
        return checked_schedule(poll_interval, "poll_interval")
    if is_number(poll_interval) or isinstance(poll_interval, timedelta):
        return seconds(poll_interval, "poll_interval")
    msg = (
        "poll_interval must be a number of seconds, a timedelta, a schedule of rxstream.backoff, "
        f"or a callable that returns an iterator of seconds, not {type(poll_interval).__name__}"
    )
    raise TypeError(msg)
