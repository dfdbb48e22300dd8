"""What answers tell of a rate limit: which kind it is, and when it is renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rxstream import RateLimitInfo
from rxstream._gate.window import Window

BEGAN = datetime(2024, 5, 1, 12, tzinfo=UTC)


def said(reset: float, after: float, remaining: int = 50, limit: int = 100) -> RateLimitInfo:
    """An answer that names a reset, by the server's clock, and in so many seconds."""
    return RateLimitInfo(
        limit, remaining, BEGAN + timedelta(seconds=reset), timedelta(seconds=after)
    )


def told(*answers: tuple[float, RateLimitInfo]) -> Window:
    window = Window()
    for now, answer in answers:
        assert window.learn(now, answer)
    return window


def test_a_reset_that_stands_is_the_end_of_a_budget() -> None:
    window = told((0, said(60, 60)), (30, said(60, 30)), (59, said(61, 2)))
    assert not window.is_level
    assert window.ends_at == 60


@pytest.mark.parametrize("moved", [3, 29, -3, -29])
def test_a_reset_that_moves_by_less_than_a_window_is_that_of_a_level(moved: float) -> None:
    window = told((0, said(60, 60)), (3, said(60 + moved, 60)))
    assert window.is_level


def test_a_new_window_that_begins_with_nothing_left_is_a_levels() -> None:
    before = [(0.0, said(60, 60)), (59.0, said(60, 1, remaining=0))]
    assert told(*before, (60.0, said(120, 60, remaining=2))).is_level
    assert not told(*before, (60.0, said(120, 60, remaining=60))).is_level
    assert not told(*before, (60.0, said(120, 60, remaining=99))).is_level


def test_a_new_window_that_begins_with_all_left_is_a_budgets_again() -> None:
    step = [(0.0, said(60, 60)), (10.0, said(70, 60))]  # somebody set the server's clock
    assert told(*step).is_level
    assert not told(*step, (70.0, said(130, 60, remaining=99))).is_level


@pytest.mark.parametrize("off", [-90, -20, 0, 20, 90])
def test_a_window_that_was_seen_to_begin_ends_in_time_whatever_the_clocks_say(off: float) -> None:
    window = told((0, said(10, 10 + off)), (9, said(10, 1 + off)), (10, said(70, 60 + off)))
    assert 69 <= window.ends_at <= 70
    assert window.saw_begin


def test_the_time_left_when_first_seen_is_a_minute_at_most() -> None:
    assert told((5, said(95, 90))).ends_at == 65


def test_a_window_that_outlives_its_end_is_over_a_minute_after_its_first_answer() -> None:
    window = told((0, said(60, 40)), (45, said(60, 0)))
    assert window.ends_at == 60


def test_what_is_left_rises_no_faster_than_the_limit_allows() -> None:
    """Answers overtake each other; a counter that weighs in the last minute rises indeed."""
    window = told((0, said(60, 60, remaining=10)), (0.1, said(60, 60, remaining=90)))
    assert window.remaining == 10
    many = [(0.1 + number / 1_000, said(60, 60, remaining=90)) for number in range(100)]
    assert told((0, said(60, 60, remaining=10)), *many).remaining == 10
    window = told((0, said(60, 60, remaining=10)), (30, said(60, 30, remaining=90)))
    assert window.remaining == 60


@pytest.mark.parametrize("limit", [0, -1, 10**9 + 1, 10**400])
def test_a_limit_that_is_none_teaches_nothing(limit: int) -> None:
    window = told((0, said(60, 60)))
    assert not window.learn(1, said(120, 60, limit=limit))
    assert (window.limit, window.remaining) == (100, 50)
