"""The laws of the gate under every kind of rate limit: some of the table, and the table itself."""

from __future__ import annotations

import re

import pytest

from tests.limits.__main__ import PAGE
from tests.limits.rows import GROUPS, LEAST_USED, MOST_REFUSED, QUICK, broken_laws
from tests.limits.servers import COUNTERS
from tests.limits.simulation import Case, simulate


@pytest.mark.parametrize("name", QUICK)
def test_the_laws_hold(name: str) -> None:
    case = QUICK[name]
    found = simulate(case)
    assert not broken_laws(case, found)


def test_a_case_gives_the_same_each_time() -> None:
    case = Case("token bucket, reset: full", limit=100, waits=100, longest=150.0)
    assert simulate(case) == simulate(case)


@pytest.mark.parametrize("title", COUNTERS)
def test_a_counter_allows_no_more_than_its_limit(title: str) -> None:
    counter = COUNTERS[title](10)
    asked = [n / 10 for n in range(1_200)]
    allowed = [now for now in asked if counter.take(now).allowed]
    in_store = 10 if "bucket" in title else 0
    first, second = (sum(start <= now < start + 60 for now in allowed) for start in (0, 60))
    assert 10 <= first <= 10 + in_store
    assert 9 <= second <= 10 + 1


@pytest.mark.parametrize("group", GROUPS)
def test_the_page_has_every_row_and_the_laws_hold_in_it(group: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    part = re.search(rf"<!-- simulated: {group} -->\n(.*?)<!-- end -->", page, re.DOTALL)
    assert part
    rows = [row.strip("| ").split(" | ") for row in part[1].splitlines() if row.startswith("| ")]
    assert [row[0] for row in rows[2:]] == [title for title, _ in GROUPS[group]]
    for (_, polls, refused, lost, used, *_), (_, case) in zip(rows[2:], GROUPS[group], strict=True):
        assert lost == "0"
        assert int(used.strip("%")) >= 100 * LEAST_USED
        share = int(refused.split()[0].replace(",", "")) / int(polls.replace(",", ""))
        assert not case.tells or share <= MOST_REFUSED
