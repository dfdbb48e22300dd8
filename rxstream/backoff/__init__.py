"""Delays as data: a schedule is a callable that returns a fresh iterator of seconds.

You can use a schedule in two places. As `poll_interval` it gives the pauses after good answers. As
`retry` it gives the pauses after failed polls, and when it ends, the wait fails. Instead of a
schedule of this module you can pass any callable that returns an iterator of seconds.

`by_answer` is no schedule: as `poll_interval`, it lets each answer choose the pause after it.
"""

from __future__ import annotations

import sys
from typing import Final

from .._checks import is_number, seconds
from ._by_answer import ByAnswer, PollInterval, by_answer
from ._schedule import Delays, Duration, Row, Schedule

__all__ = [
    "DEFAULT_RETRY",
    "ByAnswer",
    "Delays",
    "Duration",
    "PollInterval",
    "Schedule",
    "by_answer",
    "constant",
    "exponential",
    "fibonacci",
]


def constant(delay: Duration) -> Schedule:
    """Return a schedule with the same delay for ever.

    Args:
        delay: Seconds, or a timedelta.
    """
    value = seconds(delay, "delay")
    return Row("constant", value, 1.0, None)


def exponential(first: Duration, factor: float = 2.0, maximum: Duration | None = None) -> Schedule:
    """Return a schedule where each delay is `factor` times the one before.

    A factor of 1.1 to 1.25 suits `poll_interval`; 2 suits `retry`.

    Args:
        first: The first delay: seconds, or a timedelta.
        factor: The growth, 1 or more.
        maximum: The longest delay, or None for no bound.

    Raises:
        ValueError: `factor` is below 1, or not finite.
        TypeError: `factor` is not a number.
    """
    return Row("exponential", seconds(first, "first"), _growth(factor, "factor"), _bound(maximum))


def fibonacci(first: Duration, maximum: Duration | None = None) -> Schedule:
    """Return a schedule of Fibonacci numbers: 1, 1, 2, 3, 5 … times `first`.

    Args:
        first: The first delay: seconds, or a timedelta.
        maximum: The longest delay, or None for no bound.
    """
    return Row("fibonacci", seconds(first, "first"), 1.0, _bound(maximum))


def _bound(maximum: Duration | None) -> float | None:
    return None if maximum is None else seconds(maximum, "maximum")


def _growth(value: object, name: str) -> float:
    if not is_number(value):
        msg = f"{name} must be a number, not {type(value).__name__}"
        raise TypeError(msg)
    if not 1 <= value <= sys.float_info.max:
        msg = f"{name} must be a finite number, 1 or more, not {value!r}"
        raise ValueError(msg)
    return float(value)


DEFAULT_RETRY: Final = exponential(0.5, maximum=30.0).jittered("full").limited(10)
"""The default for `retry`: up to ten retries, the first after 0.5 s, then doubling, with jitter."""
