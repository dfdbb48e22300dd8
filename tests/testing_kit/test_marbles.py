from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import reactivex as rx
from hypothesis import given
from hypothesis import strategies as st
from reactivex import operators as ops

from rxstream import TaskSnapshot, task_observable
from rxstream.testing import (
    Emission,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    draw_marbles,
    failed,
    marbles,
)
from rxstream.testing import _svg as svg

SVG = "{http://www.w3.org/2000/svg}"


def recorded(last: Any = None) -> list[Emission]:
    time = VirtualTime()
    script = {0: "pending", 2: "running", 5: last or completed(1)}
    client = FakeClient(Script.timeline(script), scheduler=time)
    return time.record(task_observable(client, "t", poll_interval=2.5))


def items(*moments: float, end: float | None = None) -> list[Emission]:
    row = [Emission(at, "next", str(number)) for number, at in enumerate(moments)]
    return row if end is None else [*row, Emission(end, "completed")]


def texts(drawn: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(drawn).iter(f"{SVG}text")]


def circles(drawn: str) -> list[tuple[float, float, float]]:
    found = ET.fromstring(drawn).iter(f"{SVG}circle")
    return [tuple(float(node.attrib[name]) for name in ("cx", "cy", "r")) for node in found]


def test_a_wait_as_a_line() -> None:
    assert marbles(recorded(), step=2.5) == "prC|"
    assert marbles(recorded()) == "p-r--C|"
    assert marbles(recorded(failed()), step=2.5) == "prF×"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (rx.empty(), "-|"),
        (rx.never(), ""),
        (rx.throw(ValueError()), "-×"),
        (rx.timer(3), "---0|"),
        (rx.of("a", "b"), "(ab)|"),
        (rx.of("a", "b").pipe(ops.concat(rx.timer(2.0))), "(ab)-0|"),
        (rx.timer(2.0).pipe(ops.concat(rx.timer(1.0).pipe(ops.ignore_elements()))), "--0-|"),
        (rx.of(42, "-", "", "a\nb", "x" * 99), f"([42][-][][a b][{'x' * 23}…])|"),
        (rx.timer(3600), "3600s 0|"),
        (rx.timer(3600).pipe(ops.start_with("p")), "p 3599s 0|"),
        (rx.never().pipe(ops.merge(rx.timer(1))), "-0"),
    ],
)
def test_lines(source: Any, line: str) -> None:
    assert marbles(VirtualTime().record(source)) == line


def test_a_step_of_a_line_is_not_lost_to_rounding() -> None:
    row = [Emission(number / 10, "next", str(number)) for number in range(10)]
    assert marbles(row, step=0.1) == "0123456789"


@pytest.mark.parametrize("step", [0, -1, float("nan"), float("inf")])
def test_a_step_takes_time(step: float) -> None:
    with pytest.raises(ValueError, match="step"):
        marbles([], step=step)


@given(
    st.lists(st.floats(0, 1e6), max_size=20),
    st.floats(1e-3, 1e3),
)
def test_a_line_has_every_item_in_order(moments: list[float], step: float) -> None:
    line = marbles([Emission(at, "next", "x") for at in sorted(moments)], step=step)
    assert line.count("x") == len(moments)


def test_the_initial_of_an_end_is_in_upper_case() -> None:
    row = [Emission(0, "next", TaskSnapshot("t", name)) for name in ("failed", "error", "new", "")]
    assert marbles(row) == "(FEn[])"


def test_a_picture_has_titles_labels_and_the_error() -> None:
    drawn = draw_marbles({"source": recorded(), "result & <more>": recorded(failed())})
    root = ET.fromstring(drawn)
    assert (root.tag, root.attrib["width"]) == (f"{SVG}svg", "720")
    assert root.findtext(f"{SVG}title") == "source; result & <more>"
    axis = ["0", "1 s", "2 s", "3 s", "4 s", "5 s"]
    first, second = ["source", "p", "r", "C"], ["result & <more>", "StreamTaskException"]
    assert texts(drawn) == [*axis, *first, *second, "p", "r", "F"]


def test_the_same_recording_gives_the_same_bytes() -> None:
    def draw() -> str:
        return draw_marbles({"a": recorded(), "b": VirtualTime().record(rx.of(object(), None))})

    hidden = re.compile("0x[0-9a-f]+")  # an address: the item's own `str`
    assert hidden.sub("", draw()) == hidden.sub("", draw())
    rows = {"a": recorded(), "b": items(0.1, 1 / 3, end=2 / 3)}
    assert draw_marbles(rows) == draw_marbles(rows)
    assert not re.search(r'(x|y|c.|r|width|height)="[^"]*\.\d\d', draw_marbles(rows))


def test_time_runs_to_the_right_and_rows_to_the_bottom() -> None:
    drawn = circles(draw_marbles({"a": items(0, 1, 2), "b": items(0.5, 1.5, end=3)}))
    for row in (drawn[:3], drawn[3:]):
        assert [x for x, _, _ in row] == sorted(x for x, _, _ in row)
        assert len({y for _, y, _ in row}) == 1
    assert drawn[0][1] < drawn[3][1]


def test_what_comes_at_once_is_piled_up_and_never_covered() -> None:
    drawn = circles(draw_marbles({"a": items(*[0.0] * 3, *[1.0] * 9, 1.001, 60)}))
    large = [(x, y) for x, y, radius in drawn if radius > 5]
    assert len(drawn) == 14
    for number, (x, y) in enumerate(large):
        for other_x, other_y in large[:number]:
            assert (x - other_x) ** 2 + (y - other_y) ** 2 >= 26**2
    assert [y for _, y in large[:3]] == sorted((y for _, y in large[:3]), reverse=True)


def test_the_end_stands_clear_of_the_last_item() -> None:
    drawn = draw_marbles({"a": items(0, 5, end=5)})
    ((x, _, radius),) = circles(drawn)[1:]
    bar = re.findall(r'd="M([\d.]+) [\d.]+L\1 [\d.]+"[^>]*stroke-width="3"', drawn)
    assert float(bar[0]) > x + radius


@pytest.mark.parametrize(
    ("end", "last"),
    [
        (0.0004, "0.4 ms"),
        (0.02, "20 ms"),
        (0.8, "800 ms"),
        (1, "1 s"),
        (7, "7 s"),
        (90, "80 s"),
        (120, "120 s"),
        (3600, "60 min"),
        (7200, "120 min"),
        (86_400, "24 h"),
        (864_000, "10 d"),
        (1e300, f"{1e300 / 86_400:.6g} d"),
    ],
)
def test_the_axis_is_readable_for_any_time(end: float, last: str) -> None:
    labels = texts(draw_marbles({"": items(end)}, label=lambda _: ""))[:-1]
    assert labels[0] == "0"
    assert last in labels
    assert len(labels) <= 9


def test_until_ends_the_axis_and_leaves_out_what_came_later() -> None:
    drawn = draw_marbles({"a": items(0, 1, 9, end=9)}, until=5)
    assert len(circles(drawn)) == 2
    assert "5 s" in texts(drawn)
    assert "6 s" not in texts(drawn)
    with pytest.raises(ValueError, match="until"):
        draw_marbles({}, until=-1)


def test_nothing_at_all_is_a_picture_too() -> None:
    ET.fromstring(draw_marbles({}))
    assert texts(draw_marbles({"a": []}, until=0))[0] == "0"


def test_labels_of_ones_own() -> None:
    drawn = draw_marbles({"a": items(0, 2)}, label=lambda item: f"item {item}")
    assert texts(drawn)[-2:] == ["ite…", "ite…"]
    hints = [node.text for node in ET.fromstring(drawn).iter(f"{SVG}title")]
    assert hints[1:] == ["0 s: item 0", "2 s: item 1"]


@given(st.text(), st.text(), st.floats(0, 1e9))
def test_any_text_makes_valid_xml(title: str, label: str, at: float) -> None:
    class Odd(Exception):
        pass

    Odd.__name__ = label.replace("\0", "").encode(errors="ignore").decode() or "Odd"
    row = [Emission(at, "next", label), Emission(at, "error", Odd())]
    ET.fromstring(draw_marbles({title: row}))


@pytest.mark.parametrize("lone", ["\ud800", "\x00", "\x1b[0m", "\ufffe", "]]>", "&amp;"])
def test_what_xml_cannot_hold_is_replaced(lone: str) -> None:
    drawn = draw_marbles({lone: items(0)}, label=lambda _: lone)
    ET.fromstring(drawn.encode())


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    "name", ["INK", "BLUE", "GREEN", "GREY", "ORANGE", "PINK", "PURPLE", "RED", "TEAL"]
)
def test_colours_are_legible_on_light_and_dark(name: str) -> None:
    own = luminance(getattr(svg, name)) + 0.05
    assert 1.05 / own >= 4.5  # on white, and white letters on it
    assert own / (luminance("#0d1117") + 0.05) >= 3
