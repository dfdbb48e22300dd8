"""How long to look: a moment in the gate, `--fuzz-seconds` by hand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable

_IN_THE_GATE: Final = 40
_A_ROUND: Final = 1_000


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    """Run a test of hypothesis for as long as was asked for."""
    seconds: float = request.config.getoption("--fuzz-seconds")
    examples = _A_ROUND if seconds else _IN_THE_GATE

    def run(test: Any) -> None:
        looking = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=not seconds,
            suppress_health_check=list(HealthCheck),
        )(test)
        rounds, end = 0, time.monotonic() + seconds
        while not rounds or time.monotonic() < end:
            looking()
            rounds += 1
        if seconds:
            print(f" {rounds * examples:,} examples")  # noqa: T201 -- with -s

    return run
