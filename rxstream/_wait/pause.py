"""One pause of a wait, between two polls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .._time.clock import Clock

__all__ = ["Pause"]


class Sleeper(Protocol):
    """Who pauses."""

    def pause_over(self, pause: Pause) -> None:
        """Poll, unless another pause has taken the place of this one."""
        ...


class Pause:
    """One pause, and its timer.

    An object of its own for each: a timer that was overtaken may fire all the same, on a thread,
    and must not end the next pause.
    """

    __slots__ = ("_clock", "_is_cancelled", "_owner", "_timer", "ends_at")

    def __init__(self, owner: Sleeper, clock: Clock, ends_at: float) -> None:
        self._owner = owner
        self._clock = clock
        self._timer: Any = None
        self._is_cancelled = False
        self.ends_at = ends_at
        """When it is over, by the clock of the wait."""

    def start(self, delay: float) -> None:
        """Set the timer."""
        # Nothing is locked: it may be a scheduler of the user's.
        timer = self._timer = self._clock.call_later(delay, self._over)
        if self._is_cancelled:
            self._clock.cancel(timer)

    def cancel(self) -> None:
        """Cancel the timer."""
        self._is_cancelled = True
        if self._timer is not None:
            self._clock.cancel(self._timer)

    def _over(self) -> None:
        self._owner.pause_over(self)
