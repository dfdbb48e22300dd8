"""A loop's time for a crowd of waits.

Most timers of a crowd have one of two delays, the poll interval and the deadline, so that they fire
in the order in which they were set: a line each does for them, behind a single timer of the loop.
A timer of the loop is a handle, a context and a bound method, which the collector walks over.
"""

from __future__ import annotations

from collections import deque
from types import MethodType
from typing import TYPE_CHECKING, Any, Final, cast

from typing_extensions import override

from .clock import LoopClock, running_loop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

__all__ = ["CrowdClock"]

# A shorter delay means one turn of the loop; a line would serve newcomers within the same turn.
_LEAST: Final = 1e-6


class CrowdClock(LoopClock):
    """A loop's time, where timers of given delays stand in line."""

    __slots__ = ("_lanes",)

    def __init__(self, loop: asyncio.AbstractEventLoop, delays: Iterable[float]) -> None:
        super().__init__(loop)
        self._lanes = {delay: _Lane(loop, delay) for delay in delays if delay >= _LEAST}

    @override
    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        lane = self._lanes.get(delay)
        if lane is not None and isinstance(callback, MethodType) and running_loop() is self.loop:
            return lane.add(callback)
        return super().call_later(delay, callback)


class _Place:
    """A timer. Kept as function and owner: each bound method is one more object to collect."""

    __slots__ = ("due", "function", "lane", "owner")

    def __init__(self, due: float, method: MethodType, lane: _Lane) -> None:
        self.due = due
        self.function: Callable[[Any], object] | None = method.__func__
        self.owner: object = method.__self__
        self.lane = lane

    def cancel(self) -> None:
        if self.function is not None:
            self.function = self.owner = None
            self.lane.left()


class _Lane:
    """Timers of one delay, of one loop and only touched there."""

    __slots__ = ("_adding", "_delay", "_gone", "_line", "_loop", "_serving", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, delay: float) -> None:
        self._loop = loop
        self._delay = delay
        self._line: deque[_Place] = deque()
        self._gone = 0
        self._serving = False
        self._adding = False
        self._timer: asyncio.TimerHandle | None = None

    def add(self, method: MethodType) -> _Place:
        place = _Place(self._loop.time() + self._delay, method, self)
        self._adding = True
        self._line.append(place)
        self._adding = False
        self._arm()
        return place

    def left(self) -> None:
        """Count a cancelled timer, and drop such timers from the line at a flat cost."""
        self._gone += 1
        # A signal handler may dispose in the middle of `add`, which holds on to the line.
        if self._gone * 2 > len(self._line) and not self._adding:
            self._line = deque(place for place in self._line if place.function is not None)
            self._gone = 0
            if not self._line and self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _arm(self) -> None:
        if self._timer is None and self._line and not self._serving:
            due = self._line[0].due
            self._timer = self._loop.call_at(due, self._serve, due)

    def _serve(self, due: float) -> None:
        # Clocks round: what the loop takes for due may not be due by its time.
        now = max(self._loop.time(), due)
        self._timer = None
        self._serving = True
        try:
            while (place := self._next(now)) is not None:
                function, owner = cast("Any", place.function), place.owner
                place.function = place.owner = None
                function(owner)
        finally:
            # Also after a callback that raised, which is the loop's to report.
            self._serving = False
            self._arm()

    def _next(self, now: float) -> _Place | None:
        line = self._line
        while line:
            is_gone = line[0].function is None
            if not is_gone and line[0].due > now:
                return None
            place = line.popleft()
            if not is_gone:
                return place
            self._gone = max(self._gone - 1, 0)
        return None
