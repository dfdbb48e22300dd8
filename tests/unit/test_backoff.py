"""Schedules of delays: their laws."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import FrozenInstanceError
from datetime import timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxstream import backoff
from rxstream.backoff import DEFAULT_RETRY, Schedule, constant, exponential, fibonacci

SECONDS = st.floats(0, 1e9)
FACTORS = st.floats(1, 1e300)
MAXIMA = st.none() | SECONDS
SEEDS = st.integers(0, 2**40)
ROWS = (
    st.builds(constant, SECONDS)
    | st.builds(exponential, SECONDS, FACTORS, MAXIMA)
    | st.builds(fibonacci, SECONDS, MAXIMA)
)
JITTERS = st.sampled_from(["full", "equal", "decorrelated"])
SEEDED: st.SearchStrategy[Schedule] = st.recursive(
    ROWS,
    lambda inner: (
        st.builds(lambda s, how, seed: s.jittered(how, seed), inner, JITTERS, SEEDS)
        | st.builds(lambda s, maximum: s.capped(maximum), inner, SECONDS)
        | st.builds(lambda s, attempts: s.limited(attempts), inner, st.integers(1, 50))
    ),
    max_leaves=4,
)


def first(schedule: Schedule, count: int = 60) -> list[float]:
    return list(islice(schedule(), count))


@pytest.mark.parametrize(
    ("schedule", "delays"),
    [
        (constant(2), [2, 2, 2, 2, 2]),
        (constant(0), [0, 0, 0, 0, 0]),
        (exponential(0.5), [0.5, 1, 2, 4, 8]),
        (exponential(1, factor=3), [1, 3, 9, 27, 81]),
        (exponential(1, factor=1), [1, 1, 1, 1, 1]),
        (exponential(1, maximum=3), [1, 2, 3, 3, 3]),
        (exponential(5, maximum=3), [3, 3, 3, 3, 3]),
        (fibonacci(1), [1, 1, 2, 3, 5]),
        (fibonacci(0.5, maximum=1.2), [0.5, 0.5, 1, 1.2, 1.2]),
        (exponential(1).capped(3), [1, 2, 3, 3, 3]),
        (exponential(1).limited(2), [1, 2]),
        (exponential(1).limited(4).limited(3), [1, 2, 4]),
        (exponential(1).limited(3).capped(2), [1, 2, 2]),
        (constant(timedelta(minutes=1)).limited(1), [60]),
        (exponential(timedelta(seconds=1), maximum=timedelta(seconds=2)), [1, 2, 2, 2, 2]),
        (fibonacci(timedelta(milliseconds=500)).capped(timedelta(seconds=1)), [0.5, 0.5, 1, 1, 1]),
    ],
)
def test_delays_are_as_documented(schedule: Schedule, delays: list[float]) -> None:
    assert first(schedule, 5) == delays


@given(SEEDED)
def test_every_delay_is_finite_and_not_negative(schedule: Schedule) -> None:
    delays = first(schedule)
    assert delays
    assert all(math.isfinite(delay) and delay >= 0 for delay in delays)


@given(SECONDS, FACTORS, MAXIMA)
def test_growing_schedules_never_shrink(start: float, factor: float, maximum: float | None) -> None:
    for schedule in (exponential(start, factor, maximum), fibonacci(start, maximum)):
        assert all(before <= after for before, after in pairwise(first(schedule)))


@given(SEEDED, SECONDS)
def test_a_cap_is_never_passed(schedule: Schedule, maximum: float) -> None:
    assert max(first(schedule.capped(maximum))) <= maximum


@given(SECONDS, FACTORS, SECONDS)
def test_a_maximum_is_reached_and_never_passed(start: float, factor: float, maximum: float) -> None:
    assert max(first(exponential(start, factor, maximum))) <= maximum
    assert max(first(fibonacci(start, maximum), 200)) <= maximum
    assert first(exponential(1, 2, maximum), 100)[-1] == maximum


@given(ROWS, st.integers(1, 50))
def test_a_limit_is_exact(schedule: Schedule, attempts: int) -> None:
    assert first(schedule.limited(attempts)) == first(schedule, attempts)
    assert len(list(schedule.limited(attempts)())) == attempts


@given(SEEDED)
def test_each_call_starts_afresh_and_a_seed_repeats(schedule: Schedule) -> None:
    one, other = schedule(), schedule()
    assert one is not other
    ahead = list(islice(one, 30))
    assert list(islice(other, 30)) == ahead
    assert first(pickle.loads(pickle.dumps(schedule)), 30) == ahead


def test_without_a_seed_each_call_differs() -> None:
    for how in ("full", "equal"):
        schedule = exponential(1, maximum=30).jittered(how)
        assert first(schedule) != first(schedule)
    assert first(constant(9).jittered(seed=1)) != first(constant(9).jittered(seed=2))


@given(ROWS, SEEDS)
def test_full_and_equal_jitter_stay_below_the_delay(row: Schedule, seed: int) -> None:
    plain = first(row)
    full, equal = first(row.jittered("full", seed)), first(row.jittered("equal", seed))
    assert all(0 <= value <= delay for value, delay in zip(full, plain, strict=True))
    assert all(delay / 2 <= value <= delay for value, delay in zip(equal, plain, strict=True))


@given(SECONDS, FACTORS, MAXIMA, SEEDS)
def test_decorrelated_jitter_grows_from_the_one_before(
    start: float, factor: float, maximum: float | None, seed: int
) -> None:
    row = exponential(start, factor, maximum)
    plain, jittered = first(row), first(row.jittered("decorrelated", seed))
    least = plain[0]
    for before, after in pairwise([least, *jittered]):
        assert least <= after <= max(least, before * 3) * (1 + 1e-9)
        assert after <= row.ceiling


def test_jitter_uses_the_whole_range() -> None:
    full = first(constant(1).jittered("full", seed=1), 1_000)
    equal = first(constant(1).jittered("equal", seed=1), 1_000)
    assert min(full) < 0.05
    assert max(full) > 0.95
    assert min(equal) < 0.55
    assert max(equal) > 0.95
    assert len(set(first(exponential(1, maximum=9).jittered("decorrelated", seed=1)))) > 20


@pytest.mark.parametrize(
    "schedule",
    [
        exponential(1, factor=1e308),
        exponential(1e308, 1e308, 1e308),
        fibonacci(1e308),
        fibonacci(1e308, 1.7e308),
        exponential(1.7e308, 10, 1.7e308).jittered("decorrelated", 1),
    ],
)
def test_huge_growth_stays_finite(schedule: Schedule) -> None:
    assert all(math.isfinite(delay) for delay in first(schedule, 2_000))


def test_growth_without_a_maximum_ends_at_a_year() -> None:
    year = timedelta(days=365).total_seconds()
    assert first(exponential(1), 2_000)[-1] == first(fibonacci(1), 2_000)[-1] == year


@given(SEEDED)
def test_repr_reads_back_as_the_same_schedule(schedule: Schedule) -> None:
    back = eval(repr(schedule), {name: getattr(backoff, name) for name in backoff.__all__})
    assert back == schedule
    assert hash(back) == hash(schedule)
    assert repr(back) == repr(schedule)


@pytest.mark.parametrize(
    ("schedule", "shown"),
    [
        (constant(2), "constant(2)"),
        (exponential(0.5), "exponential(0.5, factor=2)"),
        (exponential(1 / 3), "exponential(0.3333333333333333, factor=2)"),
        (fibonacci(1, 30).limited(3), "fibonacci(1, maximum=30).limited(3)"),
        (constant(1).jittered(), 'constant(1).jittered("full")'),
        (constant(1).jittered("equal", 7), 'constant(1).jittered("equal", seed=7)'),
        (constant(1).capped(0.5), "constant(1).capped(0.5)"),
        (
            DEFAULT_RETRY,
            'exponential(0.5, factor=2, maximum=30).jittered("full").limited(10)',
        ),
    ],
)
def test_repr_is_readable(schedule: Schedule, shown: str) -> None:
    assert repr(schedule) == shown


def test_equality_is_by_value() -> None:
    def make() -> list[Schedule]:
        one = constant(1)
        rows = [one, constant(2), exponential(1), exponential(1, 3), exponential(1, 2, 9)]
        rows += [fibonacci(1), fibonacci(1, 9), one.limited(1), one.limited(2), one.capped(1)]
        return [*rows, one.jittered(), one.jittered("equal"), one.jittered(seed=1)]

    assert make() == make()
    assert len(set(make() + make())) == len(make())
    assert constant(timedelta(seconds=1)) == constant(1.0)
    assert exponential(1, 1) != constant(1)


@pytest.mark.parametrize(
    "schedule",
    [constant(1), constant(1).jittered(), constant(1).capped(1), constant(1).limited(1)],
)
def test_schedules_are_immutable(schedule: Schedule) -> None:
    before = copy.deepcopy(schedule)
    for name in ("first", "inner", "seed", "maximum", "attempts", "kind"):
        if hasattr(schedule, name):
            with pytest.raises(FrozenInstanceError):
                setattr(schedule, name, 5)
    schedule.jittered().capped(1).limited(1)
    assert schedule == before


def test_the_default_retry_is_as_documented() -> None:
    assert exponential(0.5, maximum=30.0).jittered("full").limited(10) == DEFAULT_RETRY
    assert len(list(DEFAULT_RETRY())) == 10
    assert all(0 <= delay <= 30 for delay in DEFAULT_RETRY())
