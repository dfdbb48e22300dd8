"""Who polls, and who waits for a turn."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from .._time.clock import is_real
from .._time.timer_thread import TIMER_THREAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._time.clock import Clock

__all__ = ["Places", "Waiter"]


class Waiter(Protocol):
    """A wait that wants to poll."""

    def admitted(self) -> None:
        """It may poll now; it owes the gate one `leave`."""
        ...


class Places:
    """Who polls, and who waits for a turn, each with its clock. Not thread-safe.

    A loop may be closed while its waits stand here. They are forgotten: they will neither poll nor
    leave.
    """

    __slots__ = ("in_flight", "is_shared", "queue")

    def __init__(self) -> None:
        self.queue: OrderedDict[Waiter, Clock] = OrderedDict()
        self.in_flight: dict[Waiter, Clock] = {}
        self.is_shared = False
        """Whether waits of several loops, or of loops and threads, stand here."""

    def admit_first(self) -> tuple[Waiter, Clock]:
        """Move the first of the queue to those that poll."""
        waiter, clock = self.queue.popitem(last=False)
        self.in_flight[waiter] = clock
        return waiter, clock

    def sweep(self, newest: Clock) -> None:
        """Forget who lives on closed loops, and see who is left beside the newest."""
        _drop_closed(self.in_flight)
        _drop_closed(self.queue)
        clocks = (*self.in_flight.values(), *self.queue.values())
        self.is_shared = any(clock.timeline is not newest.timeline for clock in clocks)

    def forget_closed(self, width: int) -> None:
        """Forget who lives on a closed loop and is in the way."""
        if len(self.in_flight) >= width:
            _drop_closed(self.in_flight)
        while self.queue:
            waiter, clock = next(iter(self.queue.items()))
            if not clock.is_closed:
                return
            del self.queue[waiter]

    def alarm_clocks(self) -> Iterator[tuple[Waiter, Clock]]:
        """The clocks that can tell when the next of the queue may poll, the best first."""
        for waiter, clock in list(self.queue.items()):
            if self.is_shared and is_real(clock):
                # It goes on when a loop is closed.
                yield waiter, TIMER_THREAD
            elif not clock.is_closed:
                yield waiter, clock


def _drop_closed(waiters: dict[Waiter, Clock]) -> None:
    for waiter in [waiter for waiter, clock in waiters.items() if clock.is_closed]:
        del waiters[waiter]
