"""A live bar for many waits, drawn by rich.

It is an extra (`pip install 'rxstream[progress]'`), and no other module of rxstream imports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reactivex import Observable
from reactivex.disposable import Disposable

from .._checks import optional, text, whole
from .._gate.gate import Gate
from .._merge.downstream import Downstream
from .._text import one_line
from .._time.schedulers import operator_clock
from .._wait.tally import Tally

try:
    from rich.console import Console

    from ._bar import Bar
    from ._display import hide, show
except ModuleNotFoundError as _missing:
    if _missing.name is None or _missing.name.partition(".")[0] != "rich":
        raise
    _msg = "rxstream.progress_bar needs rich: pip install 'rxstream[progress]'"
    raise ImportError(_msg) from _missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from .._values import TaskOutcome

__all__ = ["progress_bar"]


def progress_bar(
    total: int | None = None,
    *,
    client: Any = None,
    gate: Gate | None = None,
    description: str = "waiting",
    console: Console | None = None,
) -> Callable[[Observable[TaskOutcome]], Observable[TaskOutcome]]:
    """Show a live bar for many waits while their outcomes pass through unchanged.

    ::

        source           ─o──×──o──o|
        progress_bar(4)  ─o──×──o──o|

    It shows how many waits are done, how they ended, what passes the gate, the rate limit, and when
    all will be done (the `eta` of `rxstream.operators.progress`). Each subscription has its own
    bar; bars on one console are drawn below each other. After the end, an error or disposal, the
    last state of the bar stays on the screen.

    Nothing is written if the output is not a terminal. Nothing is written either if the console has
    a live display already and rich is older than 14.1.

    Args:
        total: How many outcomes there will be, 0 or more; None: unknown.
        client: The client of the waits, for the state of its gate.
        gate: The gate of the waits, if you gave them one; it wins over `client`.
        description: The text before the bar.
        console: Where to draw, with its colours and its width; None: standard error. Pass the
            console of your own output, so that neither draws over the other.

    Raises:
        TypeError: An argument is of the wrong type, or `client` has no `get_task`.
        ValueError: `total` is negative, or `description` is empty.
    """
    count = None if total is None else whole(total, "total", 0)
    optional(gate, Gate, "gate")
    optional(console, Console, "console")
    text(description, "description")
    passed = gate if gate is not None or client is None else Gate.of(client)

    def operator(source: Observable[TaskOutcome]) -> Observable[TaskOutcome]:
        def subscribe(
            observer: abc.ObserverBase[TaskOutcome], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            tally = Tally(count, passed, operator_clock(scheduler))
            bar = Bar(tally, passed, one_line(description))
            downstream = Downstream(observer)

            def on_next(outcome: TaskOutcome) -> None:
                try:
                    tally.add(outcome)
                except TypeError as error:
                    end("stopped")
                    downstream.on_error(error)
                    return
                downstream.on_next(outcome)

            def on_error(error: Exception) -> None:
                end(f"ended with {type(error).__name__}")
                downstream.on_error(error)

            def on_completed() -> None:
                end("done")
                downstream.on_completed()

            def end(how: str) -> None:
                hide(bar, console, how)

            downstream.resources.add(Disposable(lambda: end("disposed")))
            try:
                show(bar, console)
            except BaseException:
                downstream.dispose()
                raise
            return downstream.subscribe_to(
                source, scheduler, on_next=on_next, on_error=on_error, on_completed=on_completed
            )

        return Observable(subscribe)

    return operator
