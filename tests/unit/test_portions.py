"""A parser never sees a byte that comes after an answer, however the bytes arrive."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import h11
import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxstream.client._portions import Portions

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES = st.sampled_from([b"\r\n", b"\n"])
# Blank lines in the body, and at its ends, are what could be taken for the end of an answer.
BODIES = st.lists(st.sampled_from([b"\r\n\r\n", b"\n\n", b"\r", b"\n", b"0", b"{}", b"HTTP/"]))
SURPLUS = st.sampled_from(
    [b"", b"\n", b"\r\n", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"x"]
)


def in_chunks(parts: list[bytes]) -> bytes:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part)
    return chunks + b"0\r\n\r\n"


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, bytes, int | None]:
    """An answer as it comes over the wire, its body, and the length that its head tells."""
    end, parts = draw(LINES), draw(BODIES)
    body = b"".join(parts)
    interim = b"HTTP/1.1 103 Early Hints" + end + b"Link: </x>" + end + end
    heads = interim * draw(st.integers(0, 3)) + b"HTTP/1.1 200 OK" + end
    if draw(st.booleans()):
        heads += b"Content-Length: %d" % len(body) + end + end
        return heads + body, body, len(body)
    return heads + b"Transfer-Encoding: chunked" + end + end + in_chunks(parts), body, None


def cut(data: bytes, points: list[int]) -> Iterator[bytes]:
    """Cut data at some points."""
    edges = sorted({point % (len(data) + 1) for point in points} | {0, len(data)})
    for start, end in pairwise(edges):
        yield data[start:end]


@given(st.lists(st.tuples(answers(), SURPLUS), min_size=1, max_size=2), st.data())
def test_an_answer_is_passed_on_whole_and_nothing_after_it(
    sent: list[tuple[tuple[bytes, bytes, int | None], bytes]], data: st.DataObject
) -> None:
    for (wire, body, length), surplus in sent:
        pieces = cut(wire + surplus, data.draw(st.lists(st.integers(0, 10_000), max_size=8)))
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method="GET", target="/", headers=[("Host", "h")]))
        parser.send(h11.EndOfMessage())
        portions, found = Portions(), b""
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                portion = portions.portion(portions.held or next(pieces))
                assert portion  # nothing at all would mean that the connection has ended
                parser.receive_data(portion)
            elif isinstance(event, h11.Response):
                portions.begin_body(length)
            elif isinstance(event, h11.Data):
                found += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
        assert found == body
        assert parser.trailing_data == (b"", False)
        assert portions.held + b"".join(pieces) == surplus


def test_what_is_no_answer_is_passed_on_as_it_is() -> None:
    # SOCKS: an address may hold what looks like a blank line.
    portions = Portions()
    said = b"\x05\x00\x00\x01\x0a\x0a\x0a\x01\x04\x38"
    assert portions.portion(said) == said
    assert portions.portion(b"HTTP/1.1 200 OK\r\n\r\nmore") == b"HTTP/1.1 200 OK\r\n\r\n"


def test_informational_answers_are_counted() -> None:
    portions = Portions()
    said = b"HTTP/1.1 100 Continue\r\n\r\n"
    for _ in range(16):
        assert portions.portion(portions.held or said * 20) == said
    with pytest.raises(httpcore.RemoteProtocolError, match="informational"):
        portions.portion(portions.held)
    portions.begin()
    assert portions.portion(said) == said


def test_the_end_of_a_connection_is_passed_on() -> None:
    portions = Portions()
    assert portions.portion(b"") == b""
    portions.begin_body(None)
    assert portions.portion(b"") == b""
    portions.begin_body(3)
    assert portions.portion(b"") == b""
