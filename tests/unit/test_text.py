"""Text and values from anywhere: escaped, bounded, and nothing raises."""

from __future__ import annotations

import enum
import pickle
import threading
import tracemalloc
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxstream._text import (
    bounded,
    brief,
    cut,
    is_nested_deeply,
    one_line,
    picklable,
    printable,
    shown,
)

HUGE = 10**5_000


class Raising:
    """Whatever is asked of it, it raises."""

    def __repr__(self) -> NoReturn:
        msg = "no repr"
        raise RuntimeError(msg)

    __str__ = __repr__
    __class__ = property(__repr__)  # type: ignore[assignment] -- as rude as can be


class Rude(dict[str, Any]):
    def items(self) -> NoReturn:
        raise KeyError

    __iter__ = items


def nested(depth: int, leaf: object = 1) -> Any:
    for _ in range(depth):
        leaf = {"a": leaf}
    return leaf


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain", "plain"),
        ("größer 東京 ✓", "größer 東京 ✓"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("bell\a", "bell\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("a\nb\rc", "a\\nb\\rc"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("a\u2028b\u2029c\x85d", "a\\u2028b\\u2029c\\x85d"),
        ("\ud800", "\\ud800"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, escaped: str) -> None:
    assert printable(text) == escaped
    printable(text).encode()


@given(st.text(st.characters()))
def test_what_is_printed_is_printable(text: str) -> None:
    for found in (printable(text), one_line(text), one_line([text]), brief(text)):
        assert found.isprintable()
        found.encode()


def test_a_line_is_folded_and_cut() -> None:
    assert one_line(" a\n\n b\t c ") == "a b c"
    assert one_line("x" * 501) == "x" * 499 + "…"
    assert len(one_line("\x1b" * 500)) == 500


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        (7, "7"),
        (None, "None"),
        (1.5, "1.5"),
        (["a", 1], "['a', 1]"),
        (("a",), "['a']"),
        ({"a": {"b": [True]}}, "{'a': {'b': [True]}}"),
        (b"x", "b'x'"),
        (ValueError("said"), "said"),
        (HUGE, "<an integer of 16610 bits>"),
        ([HUGE], "['<an integer of 16610 bits>']"),
        ({HUGE: 1}, "{'<an integer of 16610 bits>': 1}"),
        (Raising(), "<Raising>"),
        ([Raising()], "['<Raising>']"),
        (Rude(a=1), "<Rude>"),
        (ValueError(Raising()), "<ValueError>"),
        (ValueError(HUGE), "<ValueError>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_value_has_a_text(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("depth", [978, 100_000])
def test_a_value_nested_deeply_has_a_text(depth: int) -> None:
    deep = nested(depth)
    for found in (shown(deep), brief(deep), one_line(deep), repr(bounded(deep))):
        assert found == "{'a': " * 10 + "{}" + "}" * 10
    while deep != 1:  # by hand: Python recurses where it lets go of it
        deep = deep.pop("a")


def test_a_value_that_holds_itself_has_a_text() -> None:
    ring: list[object] = []
    ring += [ring, ring]
    assert len(shown(ring)) <= 4_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON.filter(lambda value: len(repr(value)) < 900 and "e+" not in repr(value)))
def test_a_small_value_is_copied_as_it_is(value: object) -> None:
    small = not isinstance(value, int) or abs(value) < 2**200
    assert not small or "<an integer" in repr(bounded(value)) or bounded(value) == value


def test_a_copy_is_a_copy() -> None:
    inner: list[int] = [1]
    copied = bounded({"a": inner})
    inner.append(2)
    assert copied == {"a": [1]}


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**7,
        ["x" * 5_000] * 10_000,
        dict.fromkeys(range(10**6), "y" * 100),
        [[[[["x"] * 20] * 20] * 20] * 20] * 20,
        {"k" * 10**7: 1},
    ],
    ids=["text", "list", "dict", "tree", "key"],
)
def test_little_is_made_of_much(value: object) -> None:
    tracemalloc.start()
    try:
        for make in (bounded, shown, brief, one_line):
            found: object = make(value)
            assert len(repr(found)) <= 40_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


class Colour(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize("value", [threading.Lock(), lambda: None, {"a": threading.Lock()}, ()])
def test_a_copy_can_be_pickled(value: object) -> None:
    pickle.loads(pickle.dumps(bounded(value)))


def test_what_cannot_be_pickled_becomes_none() -> None:
    lock = threading.Lock()
    assert picklable({"a": 1, "b": lock, "c": nested(600)}) == {"a": 1, "b": None, "c": None}
    assert picklable(("a", lock)) == ("a", None)
    fields = {"a": 1}
    assert picklable(fields) is fields


@pytest.mark.parametrize(("depth", "deep"), [(0, False), (99, False), (101, True), (2_000, True)])
def test_depth_is_told(depth: int, *, deep: bool) -> None:
    assert is_nested_deeply(nested(depth)) is deep
    assert is_nested_deeply([nested(depth), [], {}, "text"]) is deep


def test_depth_of_a_value_that_holds_itself_is_told() -> None:
    ring: list[object] = []
    ring += [ring, ring]
    assert is_nested_deeply(ring)


def test_a_text_is_cut_before_it_is_worked_on() -> None:
    long = "\n" * 10**7 + "end"
    tracemalloc.start()
    try:
        assert one_line(long) == ""
        assert cut(long) == "\n" * 4_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000
