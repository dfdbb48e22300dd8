"""Bodies as they come: whatever the chunks, the same answer."""

from __future__ import annotations

import gzip

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxstream.client._reading import Reader

GZIP = [(b"Content-Encoding", b"gzip")]


def read(*chunks: bytes, most: int = 1_000_000) -> bytes:
    reader = Reader(200, GZIP, most)
    for chunk in chunks:
        for _ in reader.steps(chunk):
            pass
    return reader.answer().content


@given(st.lists(st.binary(), min_size=1, max_size=4), st.integers(1, 40))
def test_a_gzipped_body_may_have_several_members(members: list[bytes], size: int) -> None:
    body = b"".join(map(gzip.compress, members))
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    assert read(*chunks) == read(body) == b"".join(members)


@pytest.mark.parametrize("rest", [b"{}", b"\x1f\x8bno gzip at all"])
def test_what_follows_a_member_is_another_one_or_an_error(rest: bytes) -> None:
    with pytest.raises(httpx.DecodingError):
        read(gzip.compress(b"{}") + rest)
    with pytest.raises(httpx.DecodingError):
        read(gzip.compress(b"{}"), rest)
