"""The timer after which a queue goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._time.clock import Clock
    from .places import Places, Waiter

__all__ = ["Alarm"]


class Alarm:
    """One timer, in the time of a wait that is still alive."""

    __slots__ = ("_callback", "_timer")

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback = callback
        self._timer: tuple[Waiter, Clock, Any] | None = None

    def set(self, pause: float, places: Places) -> None:
        """Call back after a pause, in place of the time that was set before."""
        for waiter, clock in places.alarm_clocks():
            try:
                timer = clock.call_later(max(pause, 0.0), self._callback)
            except Exception:  # noqa: BLE001, S112 -- a disposed scheduler is one wait's business
                continue
            before, self._timer = self._timer, (waiter, clock, timer)
            _cancel(before)
            break
        if not places.queue:
            self.cancel()

    def ends_with(self, waiter: Waiter) -> bool:
        """Whether it is set in the time of this wait."""
        return self._timer is not None and self._timer[0] is waiter

    def cancel(self) -> None:
        """Do not call back."""
        timer, self._timer = self._timer, None
        _cancel(timer)


def _cancel(timer: tuple[Waiter, Clock, Any] | None) -> None:
    if timer is not None:
        _, clock, handle = timer
        clock.cancel(handle)
