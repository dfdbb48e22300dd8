"""Virtual time for reactivex: any pipeline, run to its end at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from reactivex.internal import ArgumentOutOfRangeException
from reactivex.scheduler import VirtualTimeScheduler

if TYPE_CHECKING:
    from reactivex import Observable, typing

__all__ = ["Emission", "VirtualTime"]

_T = TypeVar("_T")

_AT_ONCE: Final = 100_000
# A poll a second for a day, and some seconds of real time.
_ENDLESS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Emission:
    """One item, error or completion of an observable, and its time."""

    at: float
    """Virtual seconds."""
    kind: Literal["next", "error", "completed"]
    """What was emitted: an item, an error or the completion."""
    value: Any = None
    """The item, or the error."""


class EndlessRun(RuntimeError):
    """There is no end in sight."""


class VirtualTime(VirtualTimeScheduler):
    """A scheduler whose time passes only by itself, and exactly (to the microsecond).

    It differs from reactivex's schedulers: it adds no time when much happens at one instant,
    cancelled actions do not move the clock, and you can use it after an action has raised.
    """

    def __init__(
        self, *, max_actions: int | None = None, max_at_once: int | None = _AT_ONCE
    ) -> None:
        """Start at 0.

        Args:
            max_actions: How many actions one run may take before it counts as endless; None:
                100,000 in a run without `until`, and any number in a run with one.
            max_at_once: The same for the actions of one instant. Time stands still where something
                repeats without a pause, and no deadline can ever pass.

        Raises:
            ValueError: `max_actions` or `max_at_once` is less than 1.
        """
        for name, limit in (("max_actions", max_actions), ("max_at_once", max_at_once)):
            if limit is not None and limit < 1:
                msg = f"{name} must be 1 or more, not {limit}"
                raise ValueError(msg)
        super().__init__(0.0)
        self._max_actions = max_actions
        self._max_at_once = max_at_once

    def start(self, until: float | None = None) -> None:
        """Run the scheduled actions in order, until none is left.

        Args:
            until: Stop at this second instead. Actions that are due then still run, and the clock
                stays there.

        Raises:
            ValueError: `until` has passed.
            RuntimeError: More than `max_actions` were run, or `max_at_once` at one instant.
        """
        if until is not None and self.to_datetime(until) < self.now:
            msg = f"until must not be before now ({self.to_seconds(self.now)} s), it is {until}"
            raise ValueError(msg)
        with self._lock:
            if self._is_enabled:
                return
            self._is_enabled = True
        try:
            reached = self._run(until)
        finally:
            self._is_enabled = False
        if reached and until is not None:
            self._clock = self.to_seconds(self.to_datetime(until))

    def advance_to(self, time: typing.AbsoluteTime) -> None:
        """Run the scheduled actions up to a moment, that moment included.

        Args:
            time: Seconds since 0, or a datetime.

        Raises:
            ArgumentOutOfRangeException: The moment has passed (it is a ValueError).
            RuntimeError: More than `max_actions` were run, or `max_at_once` at one instant.
        """
        if self.to_datetime(time) < self.now:
            raise ArgumentOutOfRangeException
        self.start(until=self.to_seconds(self.to_datetime(time)))

    def record(self, source: Observable[_T], *, until: float | None = None) -> list[Emission]:
        """Subscribe now, run, and return what was emitted when.

        Args:
            source: Any observable; it gets this scheduler.
            until: As for `start`; the subscription is disposed after it.

        Raises:
            ValueError: `until` has passed.
            RuntimeError: More than `max_actions` were run, or `max_at_once` at one instant. The
                text says what was emitted until then.
        """
        seen: list[Emission] = []

        def note(kind: Literal["next", "error", "completed"], value: object = None) -> None:
            seen.append(Emission(self.to_seconds(self.now), kind, value))

        with source.subscribe(
            lambda item: note("next", item),
            lambda error: note("error", error),
            lambda: note("completed"),
            scheduler=self,
        ):
            try:
                self.start(until)
            except EndlessRun as endless:
                msg = f"{endless}; {_told(seen)}"
                raise EndlessRun(msg) from None
        return seen

    def _run(self, until: float | None) -> bool:
        end = None if until is None else self.to_datetime(until)
        actions = at_once = 0
        most = self._max_actions
        if most is None and until is None:
            most = _ENDLESS
        while self._is_enabled:
            with self._lock:
                if not self._queue or (end is not None and self._queue.peek().duetime > end):
                    return True
                item = self._queue.dequeue()
                if item.is_cancelled():
                    continue
                if item.duetime > self.now:
                    self._clock = self.to_seconds(item.duetime)
                    at_once = 0
            if actions == most:
                msg = (
                    f"{actions} actions ran and more wait, at {self.to_seconds(self.now)} s: "
                    "something never ends, such as a wait with timeout=None for a task that never "
                    "does; pass until=, or raise the bound with VirtualTime(max_actions=…)"
                )
                raise EndlessRun(msg)
            if at_once == self._max_at_once:
                msg = (
                    f"{at_once} actions at {self.to_seconds(self.now)} s, where time stands still: "
                    "something repeats without a pause, such as poll_interval=0 with a client that "
                    "answers at once, or ops.retry(); give it a pause, or raise max_at_once"
                )
                raise EndlessRun(msg)
            actions += 1
            at_once += 1
            item.invoke()
        return False


def _told(seen: list[Emission]) -> str:
    if not seen:
        return "nothing was emitted until then"
    first, last = (f"{each.kind} at {each.at} s" for each in (seen[0], seen[-1]))
    return f"{len(seen)} emissions until then, from {first} to {last} ({seen[-1].value!r:.200})"
