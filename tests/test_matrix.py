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
OPEN: dict[str, str] = {
    "200, no task": "issue 9, item 20: an answer about another task",
    "200, odd fields": "issue 9, item 30: getstream's OverflowError",
    "HTTP 4xx": "issue 9, item 29: a token that comes back",
    "Retry-After": "issue 9, item 27: a pause of 30,000 years",
    "limits on a 429": "issue 9, item 27: as above",
    "TLS": "issue 9, item 29: the token in the locals of a traceback",
    "heads": "issue 9, item 29: echoed bytes in warnings",
    "limits on a good answer": "issue 9, item 23: a limit of 10**400",
    "odd statuses": "issue 9, item 22: a flood of 1xx",
    "silence": "issue 9, items 5 and 22: requests have no total time",
    "surplus bytes": "issue 9, item 20",
    "too much": "issue 9, item 21",
}
"""Groups in which a cell deviates, and the item of the issue that mends it."""


@pytest.fixture(scope="module")
def played() -> list[Played]:
    workers = 2 + (os.cpu_count() or 1)
    return asyncio.run(play(list(cells(full=False)), workers))


@pytest.mark.parametrize("group", GROUPS)
def test_every_client_ends_as_designed(
    played: list[Played], group: str, request: pytest.FixtureRequest
) -> None:
    if group in OPEN:
        request.applymarker(pytest.mark.xfail(strict=False, reason=OPEN[group]))
    found = [each for each in played if each.fault.startswith(f"{group}: ")]
    assert found
    wrong = [f"{e.column}, {e.fault}, {e.moment}: {'; '.join(e.wrong)}" for e in found if e.wrong]
    assert not wrong, "\n".join(wrong)


def test_a_rule_gives_each_cell_an_end() -> None:
    for fault in every_fault().values():
        for moment in MOMENTS.values():
            assert designed(fault, moment)
