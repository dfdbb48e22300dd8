"""Fixtures of the unit tests; each test ends with no timer, thread, task or socket left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rxstream.testing import assert_nothing_left
from tests.support import KINDS, Drive

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    with assert_nothing_left():
        yield


@pytest.fixture(params=KINDS)
def drive(request: pytest.FixtureRequest) -> Drive:
    return Drive(request.param)
