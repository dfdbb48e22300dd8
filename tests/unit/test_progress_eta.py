"""What a rate limit makes of an estimate."""

from __future__ import annotations

from typing import Any

import pytest
import reactivex
from hypothesis import given
from hypothesis import strategies as st
from reactivex import operators as ops

from rxstream import TaskOutcome
from rxstream import operators as rxs
from rxstream.testing import VirtualTime
from tests.support import KnownGate


def eta(left: int, **known: Any) -> float:
    """The estimate for so many after one wait that took a millisecond."""
    time = VirtualTime()
    source = reactivex.timer(0.001).pipe(ops.map(lambda _: TaskOutcome("a", polls=1)))
    seen = time.record(source.pipe(rxs.progress(left + 1, gate=KnownGate(**known))))
    found: float = seen[1].value.eta
    return found


@pytest.mark.parametrize(
    ("left", "known", "expected"),
    [
        # The pace alone: a millisecond each.
        (5_000, {}, 5),
        (5_000, {"in_flight": 100, "queued": 4_900}, 5),
        # A fresh window of a thousand: five minutes for five thousand, as the limit says.
        (5_000, {"limit": 1_000, "remaining": 1_000, "reset_after": 60.0}, 300),
        # What is left of this window needs no waiting for another.
        (300, {"limit": 1_000, "remaining": 312, "reset_after": 41.0}, 0.3),
        (1_312, {"limit": 1_000, "remaining": 312, "reset_after": 41.0}, 41 + 60),
        # Nothing is left of it.
        (500, {"limit": 1_000, "remaining": 0, "reset_after": 41.0, "closed_for": 41.0}, 41 + 30),
        # A 429 that names more time than the window has, and one that names less.
        (500, {"limit": 1_000, "remaining": 600, "reset_after": 9.0, "closed_for": 90.0}, 120),
        (500, {"limit": 1_000, "remaining": 600, "reset_after": 41.0, "closed_for": 12.0}, 12),
        (1_600, {"limit": 1_000, "remaining": 600, "reset_after": 41.0, "closed_for": 12.0}, 101),
        (500, {"closed_for": 12.0}, 12),
        # Polls that are spread until the window ends.
        (100, {"limit": 1_000, "remaining": 200, "reset_after": 40.0, "paced_for": 40.0}, 20),
        # The window has ended since the newest answer: the next one is taken to be whole.
        (900, {"limit": 1_000, "remaining": 0, "reset_after": 0.0}, 0.9),
        (3_000, {"limit": 1_000, "remaining": 0, "reset_after": None}, 60 + 120),
        # A header that makes no sense.
        (500, {"limit": 0, "remaining": 0, "reset_after": 41.0}, 0.5),
    ],
)
def test_never_less_than_the_rate_limit_makes_of_it(
    left: int, known: dict[str, Any], expected: float
) -> None:
    assert eta(left, **known) == pytest.approx(expected, rel=1e-3)


def test_a_pace_below_the_limit_is_what_counts() -> None:
    time = VirtualTime()
    gate = KnownGate(limit=1_000, remaining=1_000, reset_after=60.0)
    source = reactivex.timer(10.0).pipe(ops.map(lambda _: TaskOutcome("a", polls=1)))
    seen = time.record(source.pipe(rxs.progress(101, gate=gate)))
    assert seen[1].value.eta == pytest.approx(1_000)


def test_nothing_left_takes_no_time_however_closed_the_gate_is() -> None:
    assert eta(0, closed_for=90.0, limit=60, remaining=0, reset_after=90.0) == 0


limits = st.integers(1, 5_000)
spans = st.floats(0, 120)


@given(
    left=st.integers(0, 10_000),
    limit=limits,
    remaining=limits,
    reset_after=st.none() | spans,
    closed_for=spans,
    paced_for=spans,
)
def test_more_waits_never_take_less_time_and_none_takes_a_negative_one(
    left: int, **known: Any
) -> None:
    known["remaining"] = min(known["remaining"], known["limit"])
    known["paced_for"] = min(known["paced_for"], known["reset_after"] or 0.0)
    few, more = eta(left, **known), eta(left + 1, **known)
    assert 0 <= few <= more + 1e-6
    assert more >= known["closed_for"]
    later = (left + 1 - known["limit"]) / known["limit"] * 60
    assert more >= later - 1e-6, "one window may be used at once, the rest comes a minute each"
