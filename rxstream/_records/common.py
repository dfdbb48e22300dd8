"""What writing and reading records share."""

from __future__ import annotations

import threading
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .. import errors
from .._values import RateLimitInfo, TaskOutcome, TaskSnapshot
from ..errors import StreamException

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CLASSES", "OF_LIMITS", "OF_OUTCOMES", "OF_SNAPSHOTS", "RecordError", "in_any_depth"]

T = TypeVar("T")

CLASSES: Final[dict[str, type[StreamException]]] = {
    name: thing
    for name in errors.__all__
    if isinstance(thing := getattr(errors, name), type) and issubclass(thing, StreamException)
}
OF_OUTCOMES: Final = {
    field.name: field.default
    for field in fields(TaskOutcome)
    if field.name not in {"task_id", "snapshot", "error", "replayed"}
}
OF_SNAPSHOTS: Final = tuple(field.name for field in fields(TaskSnapshot))
OF_LIMITS: Final = tuple(field.name for field in fields(RateLimitInfo))


class RecordError(ValueError):
    """A text that is no record, or an outcome that cannot be one."""


def in_any_depth(function: Callable[[Any], T], value: object) -> T:
    """Call with as much of the stack as there is; whoever nests deeply has read it with less."""
    try:
        return function(value)
    except RecursionError:
        results: list[T] = []
        thread = threading.Thread(target=_call, args=(function, value, results), daemon=True)
        thread.start()
        thread.join()
        if results:
            return results[0]
        raise


def _call(function: Callable[[Any], T], value: object, results: list[T]) -> None:
    try:
        results.append(function(value))
    except RecursionError:
        return
