"""Many observables as one: the next is asked for when there is room, at a flat cost for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from reactivex import abc
from typing_extensions import override

from .downstream import Downstream
from .intake import Intake

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._time.clock import Clock
    from .sources import Items

__all__ = ["Merge"]

T = TypeVar("T")
R = TypeVar("R")


class Merge(abc.DisposableBase, Generic[T, R]):
    """One subscription that merges what many items give.

    Two halves: the intake asks for items and knows what runs; the downstream passes values on, one
    after another, whatever threads they come from.
    """

    __slots__ = ("_downstream", "_intake", "_observer")

    def __init__(
        self,
        observer: abc.ObserverBase[R],
        items: Items[T],
        start: Callable[[T, int], abc.DisposableBase | None],
        limit: float,
        clock: Clock,
        on_close: Callable[[], object] = lambda: None,
    ) -> None:
        """Prepare; nothing is asked for.

        Args:
            observer: Where the values go.
            items: Where the items come from.
            start: Starts something for an item, under the number that it is given. It gives what
                stops what it started, or None if that has ended already. What it started calls
                `emit` with its number for each value, and in the end `ended` with it once, or
                `fail`.
            limit: How many may run at once.
            clock: Where the pauses between many items are taken.
            on_close: Called once, before what runs is stopped one by one.
        """
        self._observer = observer
        self._downstream = Downstream(observer)
        self._intake = Intake(items, start, self._no_more_items, limit, clock, on_close)

    def start(self) -> None:
        """Ask for the first items."""
        self._intake.start()

    def emit(self, value: R, number: int) -> None:
        """Pass a value on, after those that came before it."""
        try:
            self._downstream.on_next(value)
        except BaseException:
            self._downstream.current.disposable = self._intake.dispose_around(number)
            raise

    def ended(self, number: int) -> None:
        """What was started for an item has ended."""
        self._intake.ended(number)
        self._complete_if_over()

    def fail(self, error: Exception) -> None:
        """End everything with an error.

        Raises:
            Exception: It is what the observer itself raised.
        """
        self._downstream.raise_if_own(error)
        self._intake.stop_asking()
        self._downstream.end(lambda: self._end(error), at_once=True)

    @override
    def dispose(self) -> None:
        """End everything at once."""
        self._downstream.close()
        self._downstream.dispose()
        self._intake.dispose()

    def _no_more_items(self, error: Exception | None) -> None:
        if error is not None:
            self.fail(error)
        else:
            self._complete_if_over()

    def _complete_if_over(self) -> None:
        if self._intake.is_over:
            self._downstream.end(self._end)

    def _end(self, error: Exception | None = None) -> None:
        self._intake.dispose()
        if error is None:
            self._observer.on_completed()
        else:
            self._observer.on_error(error)
