"""`retry_with`: subscribe again, after a pause, when the source fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from reactivex import Observable
from reactivex.disposable import Disposable, SingleAssignmentDisposable

from .._checks import begun, checked_schedule, seconds
from .._gate.closing import LONGEST_PAUSE
from .._merge.downstream import Downstream
from .._time.schedulers import operator_clock
from .._wait.closing import ClientClosedError
from .._wire.failures import add_gave_up_note, named_delay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reactivex import abc

    from ..backoff import Delays

__all__ = ["RetryOn", "retry_with"]

T = TypeVar("T")

RetryOn: TypeAlias = "type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]"
"""Exception types, or a predicate."""


def retry_with(backoff: Delays, *, on: RetryOn) -> Callable[[Observable[T]], Observable[T]]:
    """Subscribe again, after a pause, when the source fails with one of these errors.

    ::

        source            ─r──×        ─r──C|
        retry_with(2 s)   ─r─────────────r──C|

    Each subscription starts `backoff` from its first pause. A pause that the server names
    (`Retry-After`) wins over the schedule. An exception that the consumer raises is never retried.

    Args:
        backoff: The pauses: a schedule of `rxstream.backoff`, or any callable that returns an
            iterator of seconds. When it ends, the last error is passed on, with a note.
        on: Which errors: a type, a tuple of types, or a predicate. There is no default: some
            errors would come again after every retry.

    Raises:
        TypeError: `backoff` is not a schedule, or `on` is neither types nor a predicate.
    """
    checked_schedule(backoff, "backoff")
    is_worth_it = _predicate(on)

    def operator(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            clock = operator_clock(scheduler)
            downstream = Downstream(observer)
            budget = _Budget(begun(backoff, "backoff"), is_worth_it)

            def attempt() -> None:
                if not downstream.current.is_disposed:
                    downstream.subscribe_to(source, scheduler, on_error=on_error)

            def rest(pause: float) -> None:
                # Its place is taken first: the next try, on another thread, may come before the
                # timer has been given back.
                place = SingleAssignmentDisposable()
                downstream.current.disposable = place
                pending = clock.call_later(pause, attempt)
                place.disposable = Disposable(lambda: clock.cancel(pending))

            def on_error(error: Exception) -> None:
                try:
                    pause = budget.pause_after(error)
                    if pause is not None:
                        rest(pause)
                        return
                except Exception as fault:  # noqa: BLE001 -- a user's code may raise anything
                    error = fault
                downstream.on_error(error)

            attempt()
            return downstream

        return Observable(subscribe)

    return operator


class _Budget:
    """Counts the tries of one subscription."""

    def __init__(self, delays: Iterator[float], is_worth_it: Callable[[Exception], bool]) -> None:
        self._delays = delays
        self._is_worth_it = is_worth_it
        self._tries = 0

    def pause_after(self, error: Exception) -> float | None:
        """The pause before the next try; None: give up."""
        if isinstance(error, ClientClosedError) or not self._is_worth_it(error):
            return None
        self._tries += 1
        delay = next(self._delays, None)
        if delay is None:
            add_gave_up_note(error, f"{self._tries} tries")
            return None
        return named_delay(error, LONGEST_PAUSE) or seconds(delay, "a delay of retry_with")


def _predicate(on: object) -> Callable[[Exception], bool]:
    types = _types(on)
    if types:
        return lambda error: isinstance(error, types)
    if callable(on) and not isinstance(on, type):
        return cast("Callable[[Exception], bool]", on)
    msg = f"on must be an exception type, a tuple of them, or a predicate, not {on!r}"
    raise TypeError(msg)


def _types(on: object) -> tuple[type[Exception], ...]:
    kinds = cast("tuple[object, ...]", on) if isinstance(on, tuple) else (on,)
    types = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception)]
    return tuple(types) if len(types) == len(kinds) else ()
