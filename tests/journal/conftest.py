"""Fixtures of the tests of journals; each test ends with nothing left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rxstream.journal import Journal, MemoryJournal
from rxstream.testing import assert_nothing_left

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    with assert_nothing_left():
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, path: Path, nothing_left: None) -> Iterator[Any]:
    """Any store; a new kind is one more parameter."""
    if request.param == "memory":
        yield MemoryJournal()
        return
    with Journal(path) as journal:
        yield journal
