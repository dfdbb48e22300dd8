"""Answers of 200 whose body is not what it should be."""

from __future__ import annotations

import gzip
import json
import struct
import time
import zlib
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from .fault import Fault, Kind, answer, task_body
from .statuses import HTML, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .server import Peer

__all__ = ["bodies"]

GZIP: Final = b"Content-Encoding: gzip"
MEGABYTE: Final = 1024 * 1024


def bodies() -> Iterator[Fault]:
    """All of them."""
    yield from _no_task()
    yield from _fields()
    yield from _encodings()
    yield from _big()


def _no_task() -> Iterator[Fault]:
    whole = task_body("completed")
    invalid: dict[str, bytes] = {
        "empty": b"",
        "HTML": HTML,
        "text": b"upstream connect error",
        "cut JSON": whole[:-1],
        "JSON cut in the middle": whole[: len(whole) // 2],
        "a list": b"[" + whole + b"]",
        "a string": json.dumps("completed").encode(),
        "a number": b"1",
        "null": b"null",
        "true": b"true",
        "an empty object": b"{}",
        "another object": b'{"hello": "world"}',
        "two objects": whole + whole,
        "bad UTF-8": whole.replace(b"1.00ms", b"\xff\xfe"),
        "NUL bytes": b"\x00" * 100,
        "nested 100,000 deep": b"[" * 100_000,
        "an error's envelope": b'{"code": 16, "message": "no", "StatusCode": 404}',
    }
    make = partial(Fault, "200, no task")
    for name, body in invalid.items():
        typical = name in {"HTML", "empty"}
        yield make(name, Kind.INVALID, say(answer(body)), is_typical=typical)
    other = task_body("completed", "of-another-task")
    yield make("an answer about another task", Kind.OTHER_TASK, say(answer(other)), is_typical=True)
    for name, text in {"with a byte order mark": "utf-8-sig", "in UTF-16": "utf-16"}.items():
        said = whole.decode().encode(text)
        yield make(name, Kind.COMPLETED, say(answer(said)))


def _fields() -> Iterator[Fault]:
    odd: dict[str, Any] = {
        "null": None,
        "true": True,
        "0": 0,
        "-1": -1,
        "1e308": 1e308,
        "10**30": 10**30,
        "an empty string": "",
        "a string of NUL": "\x00",
        "escape codes": "\x1b[2J\r\nforged",
        "a lone surrogate": "\ud800",
        "a long string": "x" * 100_000,
        "a list": [],
        "an object": {},
        "a list of lists": [[1], [None]],
        "nested 300 deep": _nested(300),
    }
    for field in ("task_id", "status", "error", "created_at", "updated_at", "duration"):
        for name, value in odd.items():
            body = task_body("running", **{field: value})
            kind = Kind.HARMLESS
            if field == "task_id" and isinstance(value, str) and value:
                kind = Kind.OTHER_TASK
            typical = (field, name) in {("status", "a list"), ("created_at", "1e308")}
            yield Fault(
                "200, odd fields", f"{field} is {name}", kind, say(answer(body)), is_typical=typical
            )
    for name, value in odd.items():
        body = task_body("completed", result=value)
        yield Fault(
            "200, odd fields",
            f"result is {name}",
            Kind.COMPLETED,
            say(answer(body)),
            payload=(value,),
        )
        body = task_body("failed", error=value)
        yield Fault("200, odd fields", f"failed, error is {name}", Kind.FAILED, say(answer(body)))
        body = task_body("failed", error={"type": value, "description": value})
        yield Fault(
            "200, odd fields", f"failed, description is {name}", Kind.FAILED, say(answer(body))
        )
    huge = task_body("failed", error={"type": "x", "description": 0})
    huge = huge.replace(b'"description": 0', b'"description": ' + b"9" * 4_301)
    yield Fault("200, odd fields", "an integer of 4,301 digits", Kind.INVALID, say(answer(huge)))
    deep = task_body("completed", result=0).replace(
        b'"result": 0', b'"result": ' + b'{"a":' * 978 + b"0" + b"}" * 978
    )
    yield Fault(
        "200, odd fields",
        "result nested 978 deep",
        Kind.COMPLETED,
        say(answer(deep)),
        payload=(...,),
    )


def _nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = {"a": value}
    return value


def _encodings() -> Iterator[Fault]:
    whole = task_body("completed")
    packed = gzip.compress(whole)
    make = partial(Fault, "compression")
    good = {
        "gzip": answer(packed, GZIP),
        "gzip in two members": answer(gzip.compress(whole[:9]) + gzip.compress(whole[9:]), GZIP),
        "identity": answer(whole, b"Content-Encoding: identity"),
    }
    for name, data in good.items():
        yield make(name, Kind.COMPLETED, say(data))
    broken = {
        "gzip, cut": answer(packed[:-12], GZIP),
        "gzip, corrupt": answer(packed[:20] + b"\xff" * 20 + packed[40:], GZIP),
        "gzip, wrong checksum": answer(packed[:-8] + b"\x00" * 8, GZIP),
        "gzip, which it is not": answer(whole, GZIP),
        "gzip, empty": answer(b"", GZIP),
        "deflate": answer(zlib.compress(whole), b"Content-Encoding: deflate"),
        "one that nobody knows": answer(packed, b"Content-Encoding: x-unheard-of"),
        "gzip, not declared": answer(packed),
        "gzip, surplus bytes": answer(packed + b"surplus", GZIP),
        "gzip twice": answer(gzip.compress(packed), b"Content-Encoding: gzip, gzip"),
    }
    for name, data in broken.items():
        # Damaged on the way, or not from Stream: either way to see it is right.
        yield make(name, Kind.EITHER, say(data), is_typical=name == "gzip, cut")


@cache
def _bomb(megabytes: int) -> bytes:
    """White space in gzip, made of one block again and again, which takes no time."""
    part, crc = b" " * MEGABYTE, 0
    squeezing = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = squeezing.compress(part) + squeezing.flush(zlib.Z_FULL_FLUSH)
    for _ in range(megabytes):
        crc = zlib.crc32(part, crc)
    length = megabytes * MEGABYTE
    head, last = b"\x1f\x8b\x08" + b"\x00" * 7, b"\x03\x00"
    return head + block * megabytes + last + struct.pack("<II", crc, length)


def _long(before: bytes, part: bytes, after: bytes, *, status: bytes) -> Callable[[Peer], None]:
    """A body of 24 times a part, made only when it is played."""

    def play(peer: Peer) -> None:
        length = len(before) + 24 * len(part) + len(after)
        header = b"Content-Length: %d" % length
        peer.send(answer(before, header, status=status, length=False), *[part] * 24, after)

    return play


def _packed(status: bytes, make: Callable[[], bytes], encoding: bytes) -> Callable[[Peer], None]:
    def play(peer: Peer) -> None:
        peer.send(answer(make(), b"Content-Encoding: " + encoding, status=status))

    return play


def _big() -> Iterator[Fault]:
    make = partial(Fault, "too much", kind=Kind.EITHER, is_big=True)
    text, spaces, words = b"x" * MEGABYTE, b" " * MEGABYTE, b"x y " * (MEGABYTE // 4)
    before, after = task_body("completed", result=0).split(b": 0", 1)
    # A whole task, however long; whether that is too long is for the client to say.
    play = _long(before + b': "', text, b'"' + after, status=b"200 OK")
    yield make("a result of 24 MB", play=play, payload=(...,))
    for status in (b"200 OK", b"404 Error"):
        play = _packed(status, lambda: _bomb(200), b"gzip")
        yield make(f"gzip bomb, {status.decode()}", play=play, status=_number(status))
    play = _packed(b"200 OK", lambda: gzip.compress(_bomb(200)), b"gzip, gzip")
    yield make("gzip bomb in a bomb", play=play)
    for status in (b"404 Error", b"503 Error"):
        named = partial(make, status=_number(status))
        start = b'{"code": 4, "message": "'
        name = f"{_number(status)}, "
        typical = status == b"404 Error"
        play = _long(b"", text, b"", status=status)
        yield named(f"{name}24 MB of text", play=play, is_typical=typical)
        yield named(f"{name}24 MB of white space", play=_long(b"", spaces, b"{}", status=status))
        yield named(f"{name}a message of 24 MB", play=_long(start, words, b'"}', status=status))
        yield named(f"{name}endless", play=_endless(status))
    yield make("endless", play=_endless(b"200 OK"), is_typical=True)
    yield make("endless gzip", play=_endless(b"200 OK", b"Content-Encoding: gzip"))
    yield make("endless chunks", play=_endless(b"200 OK", b"Transfer-Encoding: chunked"))


def _number(status: bytes) -> int | None:
    number = int(status[:3])
    return number if number >= 400 else None


def _endless(status: bytes, *headers: bytes) -> Callable[[Peer], None]:
    def play(peer: Peer) -> None:
        peer.send(answer(b"", *headers, status=status, length=False))
        part = b" " * (128 * 1024)
        if any(b"chunked" in header for header in headers):
            part = b"%x\r\n%s\r\n" % (len(part), part)
        if any(b"gzip" in header for header in headers):
            squeezing = zlib.compressobj(9, zlib.DEFLATED, 31)
            while True:
                more = squeezing.compress(part * 8) + squeezing.flush(zlib.Z_SYNC_FLUSH)
                peer.send(more)
                time.sleep(0.001)
        peer.endlessly(part)

    return play
