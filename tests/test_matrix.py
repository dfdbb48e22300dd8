"""The short form of the fault matrix: typical faults, one moment each, every client.

`python -m tests.matrix --full` plays all of it.
"""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.matrix.faults import every_fault
from tests.matrix.moments import MOMENTS, designed
from tests.matrix.run import Played, cells, play

GROUPS = sorted({fault.group for fault in every_fault().values()})


@pytest.fixture(scope="module")
def played() -> list[Played]:
    workers = 2 + (os.cpu_count() or 1)
    return asyncio.run(play(list(cells(full=False)), workers))


@pytest.mark.parametrize("group", GROUPS)
def test_every_client_ends_as_designed(played: list[Played], group: str) -> None:
    found = [each for each in played if each.fault.startswith(f"{group}: ")]
    assert found
    wrong = [f"{e.column}, {e.fault}, {e.moment}: {'; '.join(e.wrong)}" for e in found if e.wrong]
    assert not wrong, "\n".join(wrong)


def test_a_rule_gives_each_cell_an_end() -> None:
    for fault in every_fault().values():
        for moment in MOMENTS.values():
            assert designed(fault, moment)
