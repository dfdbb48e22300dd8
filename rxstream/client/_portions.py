"""Where one answer ends, so that what comes after it is never taken for the next one."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Final

import httpcore

if TYPE_CHECKING:
    from httpcore import AsyncNetworkStream, NetworkStream

__all__ = ["Portions", "has_unread"]

# What ends a head, and a body that comes in chunks; as lenient as the parser is.
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_ANSWER: Final = b"HTTP/"
_MOST_INFORMATIONAL: Final = 16


class Portions:
    """Passes the bytes of a connection on to a parser, and never past the end of an answer.

    httpcore's parser reads as much as there is, and keeps what it does not need for the next
    answer; nothing tells that it does. So it gets a head up to its blank line, then a body up to
    its length or, where it comes in chunks, up to the next blank line. The rest is held here.
    """

    __slots__ = ("_heads", "_is_head", "_left", "_tail", "held", "passed")

    def __init__(self) -> None:
        self.held = b""
        """What has come and was not passed on."""
        self.begin()

    def begin(self) -> None:
        """An answer's head comes next."""
        self._is_head = True
        self._heads = 0
        self._left: int | None = None
        self._tail = b""
        self.passed = 0
        """How many bytes of the answer were passed on."""

    def begin_body(self, length: int | None) -> None:
        """A body comes next: of this length, or in chunks, or until the connection ends."""
        self._is_head = False
        self._left = length
        self._tail = b""

    def portion(self, data: bytes) -> bytes:
        """Give as much of the data as may be passed on, and hold the rest.

        Raises:
            httpcore.RemoteProtocolError: There are too many answers before the answer (1xx).
        """
        end = len(data)
        if self._left is not None:
            end = min(end, self._left)
            self._left -= end
        elif not self._is_head or self._tail or data.startswith(_ANSWER[: len(data)]):
            end = self._end_of_part(data)
        self.held = data[end:]
        self.passed += end
        return data[:end]

    def _end_of_part(self, data: bytes) -> int:
        # A blank line may lie across two reads.
        found = _BLANK_LINE.search(self._tail + data if self._tail else data)
        if found is None:
            self._tail = (self._tail + data)[-2:]
            return len(data)
        end = found.end() - len(self._tail)
        self._tail = b""
        if self._is_head:
            self._heads += 1
            if self._heads > _MOST_INFORMATIONAL:
                msg = f"more than {_MOST_INFORMATIONAL} informational answers"
                raise httpcore.RemoteProtocolError(msg)
        return end


def has_unread(portions: Portions, stream: NetworkStream | AsyncNetworkStream) -> bool:
    """Whether bytes lie between answers on a stream, or the end of its connection."""
    if portions.held or stream.get_extra_info("is_readable"):
        return True
    tls = stream.get_extra_info("ssl_object")
    if not isinstance(tls, ssl.SSLObject):
        return False
    # What came may lie in memory, still encrypted, where only a read finds it.
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        return True
    return True
