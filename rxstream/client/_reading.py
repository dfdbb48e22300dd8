"""Reading an answer: no more of it than is allowed, in steps between which others have a turn."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx

from ..errors import InvalidResponseException

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Answer", "Reader"]

# An exception keeps 4,000 characters of it.
_MOST_OF_AN_ERROR: Final = 64 * 1024
# So long that it costs nothing, so short that nobody's deadline notices.
_INFLATED_AT_ONCE: Final = 1024 * 1024
_CHUNKS_AT_ONCE: Final = 64
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_GZIP_WINDOW: Final = zlib.MAX_WBITS | 16


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was read: header names are in lower case, the content is inflated."""

    status_code: int
    headers: dict[str, str]
    content: bytes


class Reader:
    """Takes the chunks of one answer's body, and holds at most `most` bytes of it.

    The limit counts before and after decompression. A good answer that is larger is an error; of
    any other answer the rest is not read.
    """

    def __init__(self, status_code: int, headers: Iterable[tuple[bytes, bytes]], most: int) -> None:
        self._status_code = status_code
        self._headers = _lowered(headers)
        self._is_good = 200 <= status_code < 300  # noqa: PLR2004 -- the HTTP classes are what they are
        self._most = most if self._is_good else min(most, _MOST_OF_AN_ERROR)
        coding = self._headers.get("content-encoding", "").strip().lower()
        self._inflater: Any = zlib.decompressobj(_GZIP_WINDOW) if coding in _GZIP else None
        self._pieces: list[bytes] = []
        self._size = self._received = self._chunks = 0
        self.is_full = False
        """Whether no more of the answer is wanted."""

    @property
    def length(self) -> int | None:
        """How long the body is on the wire, where the head says it."""
        if "transfer-encoding" in self._headers:
            return None
        said = self._headers.get("content-length", "").partition(",")[0].strip()
        return int(said) if said.isascii() and said.isdecimal() else None

    def steps(self, chunk: bytes) -> Iterator[None]:
        """Take a chunk as it came; each step of this iterator is a moment to let others run.

        Raises:
            InvalidResponseException: The answer is larger than allowed.
            httpx.DecodingError: It is not compressed as it says.
        """
        self._received += len(chunk)
        self._chunks += 1
        if self._received > self._most:
            self._overflow()
        if self._inflater is None:
            self._keep(chunk)
        else:
            while chunk and not self.is_full:
                room = self._most - self._size + 1
                self._keep(self._inflated(chunk, min(room, _INFLATED_AT_ONCE)))
                chunk = self._inflater.unconsumed_tail or self._inflater.unused_data
                if chunk:
                    yield
        if self._chunks % _CHUNKS_AT_ONCE == 0:
            yield

    def take(self, content: bytes) -> Answer:
        """Take a body that somebody else has read and inflated already."""
        self._keep(content)
        return self._answer()

    def answer(self) -> Answer:
        """Give what was read."""
        if self._inflater is not None and not self.is_full:
            self._keep(self._inflater.flush())
        return self._answer()

    def _answer(self) -> Answer:
        return Answer(self._status_code, self._headers, b"".join(self._pieces)[: self._most])

    def _inflated(self, chunk: bytes, most: int) -> bytes:
        if self._inflater.eof:  # a gzip file may have several members
            self._inflater = zlib.decompressobj(_GZIP_WINDOW)
        try:
            inflated: bytes = self._inflater.decompress(chunk, most)
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from error
        return inflated

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._most:
            self._overflow()

    def _overflow(self) -> None:
        self.is_full = True
        if self._is_good:
            self._pieces.clear()
            raise InvalidResponseException(
                status_code=self._status_code,
                message=(
                    f"The answer is larger than the {self._most:,} bytes that "
                    "max_response_bytes of the client allows"
                ),
            )


def _lowered(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
