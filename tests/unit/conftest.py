"""Fixtures of the unit tests."""

import pytest

from tests.support import COLOURS, Drive


@pytest.fixture(params=COLOURS)
def drive(request: pytest.FixtureRequest) -> Drive:
    return Drive(request.param)
