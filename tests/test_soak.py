"""The short form of the soak; `python -m tests.soak` runs for as long as you like."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.soak.soak import soak

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Each kill fails the polls of all waits."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def test_nothing_is_lost_while_the_server_is_killed_again_and_again() -> None:
    """RSS takes longer to say anything."""
    figures = soak(5, size=60, seed=9, tell=print)
    assert not figures.wrong
    assert figures.tasks == 180 * figures.rounds
    assert figures.kills
