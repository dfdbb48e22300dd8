"""What comes into an operator: snapshots, and an operator that was called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reactivex import Observable

from .._values import TaskOutcome, TaskSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["refuse_observable", "snapshots_only"]


def snapshots_only(
    name: str, on_next: Callable[[Any], None], on_error: Callable[[Exception], None]
) -> Callable[[Any], None]:
    """Give an `on_next` that takes snapshots, and turns the first other item into an error.

    What an `on_next` raises never reaches the observer, which would then wait for ever.

    Args:
        name: The name of the operator.
        on_next: What to do with a snapshot.
        on_error: What to do with the error.
    """

    def checked(item: object) -> None:
        if isinstance(item, TaskSnapshot):
            on_next(item)
        else:
            on_error(TypeError(_refusal(name, item)))

    return checked


def _refusal(name: str, item: object) -> str:
    text = (
        f"{name} takes TaskSnapshot items, not {type(item).__name__}: "
        "use it directly after task_observable, before other operators"
    )
    if isinstance(item, TaskOutcome):
        text += "; the payload of an outcome is outcome.unwrap()"
    return text


def refuse_observable(value: object, name: str) -> None:
    """Check that an operator was called before it went into a `pipe`.

    Raises:
        TypeError: Its first argument is the source.
    """
    if isinstance(value, Observable):
        msg = f"{name} must be called: write pipe(rxs.{name}()), not pipe(rxs.{name})"
        raise TypeError(msg)
