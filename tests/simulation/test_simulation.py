"""Random histories against the model: the short form of `python -m tests.simulation`."""

from __future__ import annotations

import secrets

import pytest

from .play import play
from .report import told

# A seed takes some hundredths of a second; each test takes some of them.
EACH = 20


def run(first: int) -> None:
    for seed in range(first, first + EACH):
        result = play(seed)
        assert not result.violations, told(result)


@pytest.mark.parametrize("first", range(0, 120, EACH))
def test_no_law_is_broken(first: int) -> None:
    run(first)


def test_no_law_is_broken_in_a_random_history() -> None:
    seed = secrets.randbelow(10**9)
    result = play(seed)
    assert not result.violations, told(result)


def test_a_seed_is_replayed_exactly() -> None:
    def seen(seed: int) -> list[tuple[float, str, str, str]]:
        return [(at, who, what, str(detail)) for at, who, what, detail in play(seed).trace]

    for seed in range(5):
        assert seen(seed) == seen(seed)
