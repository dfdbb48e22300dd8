"""Loads our pytest plugin after coverage has started; its entry point is off in pyproject.toml."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from hypothesis import settings

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["rxstream.testing.pytest_plugin", "pytester"]

# How long one example takes says how busy the machine is.
settings.register_profile("rxstream", deadline=None)
settings.load_profile("rxstream")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-seconds",
        type=float,
        default=0.0,
        help="how long each test in tests/fuzz looks for a finding; 0: a moment, always the same",
    )


def pytest_collection_finish() -> None:
    """Let garbage collections, of which each test that looks for leaks makes some, skip modules."""
    gc.collect()
    gc.freeze()
