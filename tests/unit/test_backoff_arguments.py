"""Arguments of schedules: each error names its argument."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from rxstream.backoff import Schedule, constant, exponential, fibonacci

if TYPE_CHECKING:
    from collections.abc import Callable

BAD_NUMBERS: list[tuple[Any, type[Exception]]] = [
    (math.nan, ValueError),
    (math.inf, ValueError),
    (-math.inf, ValueError),
    (-0.001, ValueError),
    (10**400, ValueError),
    (timedelta(seconds=-1), ValueError),
    (True, TypeError),
    ("1", TypeError),
    ([], TypeError),
]


@pytest.mark.parametrize(("value", "kind"), BAD_NUMBERS)
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (constant, "delay"),
        (exponential, "first"),
        (fibonacci, "first"),
        (lambda value: exponential(1, maximum=value), "maximum"),
        (lambda value: fibonacci(1, maximum=value), "maximum"),
        (constant(1).capped, "maximum"),
    ],
)
def test_bad_durations_are_refused_by_name(
    make: Callable[[Any], Schedule], name: str, value: object, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=rf"^{name} must be "):
        make(value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [*BAD_NUMBERS[:5], (0.999, ValueError), (0, ValueError), *BAD_NUMBERS[6:], (None, TypeError)],
)
def test_bad_factors_are_refused_by_name(value: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^factor must be "):
        exponential(1, factor=value)


@pytest.mark.parametrize("value", [None, constant])
def test_a_first_delay_must_be_given(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^delay must be "):
        constant(value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (0, ValueError),
        (-1, ValueError),
        (True, TypeError),
        (2.0, TypeError),
        ("2", TypeError),
        (None, TypeError),
        (math.inf, TypeError),
    ],
)
def test_bad_limits_are_refused_by_name(value: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^attempts must be "):
        constant(1).limited(value)


@pytest.mark.parametrize("how", ["", "Full", "none", None, 1, [], True])
def test_unknown_jitter_is_refused_by_name(how: object) -> None:
    with pytest.raises(ValueError, match=r"^how must be "):
        constant(1).jittered(cast("Any", how))
