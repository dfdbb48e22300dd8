"""`progress`: running totals over outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactivex import Observable

from .._checks import optional, whole
from .._gate.gate import Gate
from .._merge.downstream import Downstream
from .._time.schedulers import operator_clock
from .._wait.tally import Progress, Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from .._values import TaskOutcome

__all__ = ["progress"]


def progress(
    total: int | None = None, *, gate: Gate | None = None
) -> Callable[[Observable[TaskOutcome]], Observable[Progress]]:
    """Emit how far many waits are: once at the beginning, and after each outcome.

    ::

        source       ────o──o──×o──o|       o an outcome, × one with an error
        progress(5)  0───1──2──34──5|       done of 5

    `eta` goes by the pace so far: the seconds that passed for each wait that ended, for each that
    is left. With a `gate` that knows the rate limit it is never less than what the limit makes of
    it, since each wait that is left polls once more at least: what exceeds the requests that are
    left in this window takes `1 / limit` of a minute each, counted from the window's end. It is
    None where `total` is, and until the first wait has ended; ids that were refused without a poll
    do not count for the pace.

    Args:
        total: How many outcomes there will be, 0 or more; None: unknown. Where more come, it grows
            with them.
        gate: The gate that the waits pass: the one they were given, or `Gate.of(client)`.

    Returns:
        An operator whose observable ends as the source does, and errors with `TypeError` if an item
        is no `TaskOutcome`.

    Raises:
        TypeError: `total` is no whole number, or `gate` is no `Gate`.
        ValueError: `total` is negative.
    """
    count = None if total is None else whole(total, "total", 0)
    optional(gate, Gate, "gate")

    def operator(source: Observable[TaskOutcome]) -> Observable[Progress]:
        def subscribe(
            observer: abc.ObserverBase[Progress], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            tally = Tally(count, gate, operator_clock(scheduler))
            downstream = Downstream(observer)

            def on_next(outcome: TaskOutcome) -> None:
                try:
                    tally.add(outcome)
                except TypeError as error:
                    downstream.on_error(error)
                else:
                    downstream.on_next(tally.progress())

            downstream.on_next(tally.progress())
            return downstream.subscribe_to(source, scheduler, on_next=on_next)

        return Observable(subscribe)

    return operator
