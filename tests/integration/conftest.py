"""Fixtures of the tests over a real socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rxstream.testing import TaskServer, assert_nothing_left

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[TaskServer]:
    with assert_nothing_left(), TaskServer(pending=0.02, running=0.03) as running:
        yield running
