"""Pictures and tables of the documentation are what the code draws today."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import pytest

from rxstream import operators as rxs
from rxstream.backoff import exponential
from tests.pictures.book import DOCS, generated, pictures
from tests.pictures.cadence import DURATIONS, cost, polls_at
from tests.pictures.operators import DIAGRAMS


def test_nothing_is_missing_or_stale() -> None:
    stale = [
        path.name
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "run: python -m tests.pictures"


def measured() -> set[str]:
    """The plots of the benchmarks: no two runs are the same, so they cannot be stale."""
    return {path.name for path in (DOCS / "pictures").glob("benchmark-*.svg")}


def test_no_picture_is_left_over() -> None:
    drawn = {path.name for path in (DOCS / "pictures").iterdir()}
    assert drawn - measured() == set(pictures())


def test_every_measured_plot_is_shown_with_what_was_measured() -> None:
    page = (DOCS / "explanation" / "performance.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"\(\.\./pictures/(benchmark-[\w-]+\.svg)\)", page))
    assert shown == measured()
    for name in shown:
        ET.fromstring((DOCS / "pictures" / name).read_text(encoding="utf-8"))


def test_what_was_measured_names_its_machine_and_versions() -> None:
    page = (DOCS / "explanation" / "performance.md").read_text(encoding="utf-8")
    parts = re.findall(r"<!-- measured: ([\w-]+) -->\n(.*?)<!-- end -->", page, re.DOTALL)
    assert [name for name, _ in parts]
    for name, text in parts:
        assert "| ---: |" in text, name
        assert re.search(r"^Measured \d{4}-\d\d-\d\d, .*Python .*rxstream \d", text, re.MULTILINE)


def test_every_picture_is_shown_on_a_page() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    for name, text in pictures().items():
        ET.fromstring(text)
        assert f"(pictures/{name})" in pages, name


def test_every_operator_has_its_picture() -> None:
    assert set(rxs.__all__) == set(DIAGRAMS)


def test_every_operator_has_its_entry() -> None:
    page = (DOCS / "operators.md").read_text(encoding="utf-8")
    for name in rxs.__all__:
        assert f"\n## `{name}" in page, name


@pytest.mark.parametrize("factor", [1.1, 1.25, 1.5, 2])
@pytest.mark.parametrize("first", [0.5, 1, 10])
def test_growth_bounds_lateness_and_polls(first: float, factor: float) -> None:
    moments = polls_at(exponential(first, factor))
    for duration in DURATIONS:
        found = cost(exponential(first, factor), [duration])
        assert found.lateness <= (factor - 1) * duration + first + 1e-6
        assert found.polls <= math.log(1 + (factor - 1) * duration / first, factor) + 2 + 1e-6
    assert moments[0] == 0


def test_durations_are_spread_evenly_on_a_logarithmic_scale() -> None:
    assert 1 <= min(DURATIONS) < max(DURATIONS) <= 3600
    below = sum(duration < 60 for duration in DURATIONS) / len(DURATIONS)
    assert below == pytest.approx(0.5, abs=0.01)


def test_growth_with_a_maximum_beats_a_fixed_pause_for_short_tasks_and_growth_alone_for_long() -> (
    None
):
    fixed, free = cost(exponential(10, 1)), cost(exponential(1, 1.2))
    capped = cost(exponential(1, 1.2, 30))
    assert capped.polls < fixed.polls
    assert capped.share < fixed.share / 4
    assert capped.lateness < free.lateness / 4


def test_the_text_says_what_the_simulation_says() -> None:
    page = (DOCS / "backoff.md").read_text(encoding="utf-8")
    free, capped = cost(exponential(1, 1.2)), cost(exponential(1, 1.2, 30))
    assert f"costs {cost(exponential(1, 1)).polls:.0f} polls a task on average" in page
    assert f"falls from {free.lateness:.0f} s to {capped.lateness:.0f} s" in page
    assert f"costs {capped.polls - free.polls:.0f} polls more" in page
