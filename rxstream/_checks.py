"""Checks of arguments: each error names the argument."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, TypeGuard, cast

__all__ = [
    "begun",
    "checked_schedule",
    "fraction",
    "function",
    "is_async",
    "is_number",
    "is_whole",
    "optional",
    "seconds",
    "text",
    "to_mapping",
    "whole",
]

_BACKOFF: Final = "rxstream.backoff"
_CALLED: Final = "backoff.exponential(0.5)"


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is an int; `True` and `False` do not count."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is an int or a float; `True` and `False` do not count."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def seconds(value: object, name: str) -> float:
    """Check a duration and give it as seconds.

    Raises:
        TypeError: It is neither a number nor a timedelta.
        ValueError: It is NaN, infinite or negative.
    """
    if type(value) is float and 0.0 <= value <= sys.float_info.max:
        return value  # every pause of every wait passes here
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if not is_number(value):
        msg = f"{name} must be a number of seconds or a timedelta, not {type(value).__name__}"
        raise TypeError(msg)
    if not 0 <= value <= sys.float_info.max:
        msg = f"{name} must be a finite number of seconds, 0 or more, not {value!r}"
        raise ValueError(msg)
    return float(value)


def whole(value: object, name: str, least: int = 1) -> int:
    """Check a count.

    Raises:
        TypeError: It is not a whole number.
        ValueError: It is less than `least`.
    """
    if not is_whole(value):
        msg = f"{name} must be a whole number, not {type(value).__name__}"
        raise TypeError(msg)
    if value < least:
        msg = f"{name} must be {least} or more, not {value}"
        raise ValueError(msg)
    return value


def fraction(value: object, name: str) -> float:
    """Check a share: a number from 0 to less than 1.

    Raises:
        TypeError: It is not a number.
        ValueError: It is NaN, negative, or not less than 1.
    """
    if not is_number(value):
        msg = f"{name} must be a number from 0.0 to less than 1.0, not {type(value).__name__}"
        raise TypeError(msg)
    if not 0 <= value < 1:
        msg = f"{name} must be from 0.0 to less than 1.0, not {value!r}"
        raise ValueError(msg)
    return float(value)


def text(value: object, name: str, hint: str = "") -> str:
    """Check that a value is a string that is not blank, and that can be sent.

    Raises:
        TypeError: It is not a string.
        ValueError: It is empty, blank, or cannot be encoded.
    """
    if not isinstance(value, str):
        if inspect.iscoroutine(value):
            value.close()  # or Python warns that it was never awaited
            hint = ": did you forget await?"
        msg = f"{name} must be a string, not {type(value).__name__}{hint}"
        raise TypeError(msg)
    if not value.strip():
        msg = f"{name} must not be empty"
        raise ValueError(msg)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        msg = f"{name} cannot be sent: {error.reason}"
        raise ValueError(msg) from error
    return value


def optional(value: object, kind: type[Any], name: str) -> None:
    """Check the type of an argument that may be None.

    Raises:
        TypeError: It is something else.
    """
    if value is not None and not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIO" else "a"
        msg = f"{name} must be {article} {kind.__name__} or None, not {type(value).__name__}"
        raise TypeError(msg)


def checked_schedule(value: object, name: str, hint: str = "") -> Callable[[], Iterator[float]]:
    """Check that a value can serve as a schedule: a callable that returns an iterator of seconds.

    Raises:
        TypeError: It cannot.
    """
    if not callable(value):
        msg = (
            f"{name} must be a schedule of rxstream.backoff, or a callable that returns an "
            f"iterator of seconds{hint}, not {type(value).__name__}"
        )
        raise TypeError(msg)
    if made_by := _maker(value):
        msg = f"{name} is {made_by} itself, not what it returns: call it, as in {_CALLED}"
        raise TypeError(msg)
    if _needs_arguments(value):
        msg = (
            f"{name} must be callable without arguments; for a pause that the last answer chooses, "
            "pass poll_interval=backoff.by_answer(function)"
        )
        raise TypeError(msg)
    return cast("Callable[[], Iterator[float]]", value)


def _needs_arguments(value: object) -> bool:
    if not inspect.isfunction(value) and not inspect.ismethod(value):
        return False
    try:
        inspect.signature(value).bind()
    except TypeError:
        return True
    return False


def begun(schedule: Callable[[], Iterator[float]], name: str) -> Iterator[float]:
    """Begin a schedule.

    Raises:
        TypeError: It gives no iterator.
    """
    delays = schedule()
    if not hasattr(delays, "__next__"):
        msg = f"{name} must return an iterator of seconds, not {type(delays).__name__}"
        raise TypeError(msg)
    return delays


def _maker(value: object) -> str:
    """The name of what makes schedules, where that is given in place of one."""
    makes = inspect.isroutine(value) and str(value.__module__).startswith(_BACKOFF)
    return getattr(value, "__name__", "") if makes else ""


def function(value: object, name: str) -> None:
    """Check that a value can be called.

    Raises:
        TypeError: It cannot.
    """
    if not callable(value):
        msg = f"{name} must be a function, not {type(value).__name__}"
        raise TypeError(msg)


def to_mapping(value: object) -> Mapping[str, Any] | None:
    """Return a decoded JSON object, or None for anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else None


def is_async(client: object) -> bool:
    """Whether a client is async: whether its `get_task` is.

    Raises:
        TypeError: It is a class, or has no `get_task`.
    """
    if isinstance(client, type):
        msg = f"client must be a client, as in {client.__name__}(), not the class {client.__name__}"
        raise TypeError(msg)
    get_task = getattr(client, "get_task", None)
    if not callable(get_task):
        msg = (
            "client must have a get_task(task_id) method, plain or async; "
            f"{type(client).__name__} has none"
        )
        raise TypeError(msg)
    return inspect.iscoroutinefunction(get_task) or inspect.iscoroutinefunction(
        getattr(get_task, "__call__", None)  # noqa: B004 -- an object with an async __call__
    )
