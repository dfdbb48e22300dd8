"""HTTP errors: every status with every kind of body and header."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from email.utils import format_datetime, formatdate
from functools import partial
from typing import TYPE_CHECKING, Final

from .fault import Fault, Kind, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .server import Peer

__all__ = ["statuses"]

STATUSES: Final = (400, 401, 403, 404, 408, 409, 413, 425, 429, 500, 502, 503, 504)
TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
HTML: Final = b"<html><head><title>502</title></head><body>upstream</body></html>"


def envelope(status: int, **fields: object) -> bytes:
    """Stream's own error."""
    said = {
        "code": 16,
        "message": "GetTask failed",
        "StatusCode": status,
        "duration": "0.00ms",
        "more_info": "https://getstream.io/chat/docs/api_errors_response",
        "details": [1, 2],
    }
    return json.dumps({**said, **fields}).encode()


def error(status: int, body: bytes, *headers: bytes, kind: bytes = b"application/json") -> bytes:
    """An HTTP error, byte for byte."""
    return answer(body, *headers, status=b"%d Error" % status, kind=kind)


def say(data: bytes) -> Callable[[Peer], None]:
    """Send this in place of an answer."""

    def play(peer: Peer) -> None:
        peer.send(data)

    return play


def echo(status: int, render: Callable[[str], bytes]) -> Callable[[Peer], None]:
    """Send back the token."""

    def play(peer: Peer) -> None:
        peer.send(error(status, render(peer.token.decode())))

    return play


def escaped(token: str) -> bytes:
    """The token as JSON may have it."""
    return b'{"code": 4, "message": "' + "".join(f"\\u{ord(c):04x}" for c in token).encode() + b'"}'


def statuses() -> Iterator[Fault]:
    """All of them."""
    for status in STATUSES:
        yield from _bodies(status)
    yield from _pauses()


def _bodies(status: int) -> Iterator[Fault]:
    kind = Kind.TRANSIENT if status in TRANSIENT else Kind.API
    bodies: Mapping[str, bytes] = {
        "Stream's envelope": envelope(status),
        "half an envelope": b'{"message": "half"}',
        "odd types": envelope(status, code="x", message=[1], details={}, exception_fields="no"),
        "cut JSON": envelope(status)[:-9],
        "a list": b"[1, 2, 3]",
        "nested": b"[" * 5_000 + b"]" * 5_000,
        "empty": b"",
        "bad UTF-8": b"\xff\xfe\xfa",
        "control codes": "\x1b[2J\r\nINFO forged line\x00\ud7ff".encode(),
    }
    group = f"HTTP {status // 100}xx"
    make = partial(Fault, group, status=status)
    for name, body in bodies.items():
        typical = name == "Stream's envelope" and status in {404, 429, 503}
        yield make(f"{status}, {name}", kind, say(error(status, body)), is_typical=typical)
    html = error(status, HTML, kind=b"text/html")
    yield make(f"{status}, HTML", kind, say(html), is_typical=status == 502)
    yield make(f"{status}, text", kind, say(error(status, b"upstream", kind=b"text/plain")))
    final = error(status, envelope(status, unrecoverable=True))
    yield make(f"{status}, unrecoverable", Kind.API, say(final))
    for name, render in {"plain": str.encode, "JSON-escaped": escaped}.items():
        yield make(
            f"{status}, the token sent back, {name}",
            kind,
            echo(status, render),
            is_typical=status == 401 and name == "JSON-escaped",
        )


def _pauses() -> Iterator[Fault]:
    date = partial(formatdate, usegmt=True)
    far = format_datetime(datetime(9999, 12, 31, tzinfo=UTC), usegmt=True).encode()
    soon, past = date(time.time() + 1).encode(), date(time.time() - 99).encode()
    short = {"0": b"0", "1": b"1", "1.5": b"1.5", "a date that is over": past, "a date": soon}
    bad = {"negative": b"-5", "a word": b"soon", "empty": b"", "not a date": b"Mon, 99 Foo 2020"}
    far_off = {"60": b"60", "60, 60": b"60, 60", "10**12": b"1" + b"0" * 12, "the year 9999": far}
    absurd = {"10**400": b"1" + b"0" * 400, "5,000 digits": b"9" * 5_000}
    for status in (429, 503):
        for names, kind in ((short | bad, Kind.TRANSIENT), (far_off | absurd, Kind.CLOSING)):
            for name, value in names.items():
                sent = error(status, envelope(status), b"Retry-After: " + value)
                yield Fault(
                    "Retry-After",
                    f"{status}, {name}",
                    kind,
                    say(sent),
                    status=status,
                    is_typical=status == 429 and name in {"1", "10**12"},
                )
