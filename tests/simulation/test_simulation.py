"""Random histories against the model: the short form of `python -m tests.simulation`."""

from __future__ import annotations

import secrets
from typing import Final

import pytest

from .play import play
from .report import told

SEEDS: Final = 200
EACH: Final = 25


def holds(seed: int) -> None:
    result = play(seed)
    assert not result.violations, told(result)


@pytest.mark.parametrize("first", range(0, SEEDS, EACH))
def test_no_law_is_broken(first: int) -> None:
    for seed in range(first, first + EACH):
        holds(seed)


def test_no_law_is_broken_in_a_random_history() -> None:
    holds(secrets.randbelow(10**9))


def test_a_seed_is_replayed_exactly() -> None:
    def seen(seed: int) -> list[tuple[float, str, str, str]]:
        return [(at, who, what, str(detail)) for at, who, what, detail in play(seed).trace]

    for seed in range(5):
        assert seen(seed) == seen(seed)


def test_histories_are_rich_enough_to_find_something() -> None:
    seen = sum((play(seed).counts for seed in range(25)), start=play(25).counts)
    for what in ("poll", "refused", "cancelled", "wake", "dispose", "raise", "batch", "signal"):
        assert seen[what] > 0, what
