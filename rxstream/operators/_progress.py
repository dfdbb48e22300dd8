"""`progress`: running totals over outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactivex import Observable

from .._checks import optional, whole
from .._gate.gate import Gate
from .._merge.downstream import Downstream
from .._time.schedulers import operator_clock
from .._wait.tally import Progress, Tally
from ._items import refuse_observable

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from .._values import TaskOutcome

__all__ = ["progress"]


def progress(
    total: int | None = None, *, gate: Gate | None = None
) -> Callable[[Observable[TaskOutcome]], Observable[Progress]]:
    """Emit the progress of many waits: once at the beginning, and after each outcome.

    ::

        source       ────o──o──×o──o|       o an outcome, × one with an error
        progress(5)  0───1──2──34──5|       done of 5

    `eta` is the average time per ended wait so far, times the waits that are left. Ids that were
    refused without a poll do not count for that average. `eta` is None if `total` is, and until the
    first wait has ended.

    A `gate` that knows the rate limit sets a lower bound for `eta`: each wait that is left polls at
    least once more. Polls beyond the requests that are left in this window take `1 / limit` of a
    minute each, counted from the end of the window.

    Args:
        total: How many outcomes there will be, 0 or more; None: unknown. If more come, it grows.
        gate: The gate that the waits pass: the one that you gave them, or `Gate.of(client)`.

    Returns:
        An operator whose observable ends as the source does, and errors with `TypeError` if an item
        is not a `TaskOutcome`.

    Raises:
        TypeError: `total` is not a whole number, `gate` is not a `Gate`, or `progress` was not
            called.
        ValueError: `total` is negative.
    """
    refuse_observable(total, "progress")
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
