"""Answers that are framed in an odd way: lengths, chunks, heads, redirects, surplus bytes."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from .fault import TASK, Fault, Kind, answer, running, task_body
from .statuses import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .server import Peer

__all__ = ["framing"]

DONE: Final = task_body("completed")
SMUGGLED: Final = answer(task_body("completed", result={"id": "smuggled"}))
CHUNKED: Final = b"Transfer-Encoding: chunked"
CLOSE: Final = b"Connection: close"


def framing() -> Iterator[Fault]:
    """All of them."""
    yield from _lengths()
    yield from _chunks()
    yield from _heads()
    yield from _interim()
    yield from _redirects()
    yield from _surplus()


def _and(data: bytes, end: str) -> Callable[[Peer], None]:
    def play(peer: Peer) -> None:
        peer.send(data)
        getattr(peer, end)()

    return play


def _head(*headers: bytes, body: bytes = DONE, status: bytes = b"200 OK") -> bytes:
    return answer(body, *headers, status=status, length=False)


def _length(value: bytes) -> bytes:
    return b"Content-Length: " + value


def _lengths() -> Iterator[Fault]:
    make = partial(Fault, "Content-Length")
    exact, longer = b"%d" % len(DONE), b"%d" % (len(DONE) + 50)
    shorter = b"%d" % (len(DONE) - 5)
    yield make("none, closed", Kind.COMPLETED, _and(_head(), "close"), is_typical=True)
    yield make("none, left open", Kind.HANG, _and(_head(), "hang"))
    yield make("none, reset", Kind.TRANSIENT, _and(_head(body=DONE[:9]), "reset"))
    yield make("too short", Kind.EITHER, say(_head(_length(shorter))), is_typical=True)
    yield make("too long, closed", Kind.TRANSIENT, _and(_head(_length(longer)), "close"))
    yield make("too long, left open", Kind.HANG, _and(_head(_length(longer)), "hang"))
    yield make("twice the same", Kind.COMPLETED, say(_head(_length(exact), _length(exact))))
    for name, value in {
        "twice, different": exact + b"\r\nContent-Length: " + longer,
        "negative": b"-5",
        "a word": b"many",
        "with a sign": b"+" + exact,
        "of 5,000 digits": b"9" * 5_000,
    }.items():
        # What a broken frame holds nobody knows: asked again, or refused.
        yield make(name, Kind.EITHER, _and(_head(_length(value)), "close"))
    both = _head(_length(shorter), CHUNKED, body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(DONE), DONE))
    yield make("and chunked", Kind.EITHER, _and(both, "close"))


def _chunks() -> Iterator[Fault]:
    make = partial(Fault, "chunks")
    whole = b"%x\r\n%s\r\n0\r\n\r\n" % (len(DONE), DONE)
    halves = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (DONE[:20], DONE[20:]))
    good = {
        "one": whole,
        "two": halves + b"0\r\n\r\n",
        "with an extension": whole.replace(b"\r\n", b";name=value\r\n", 1),
        "with a trailer": whole[:-2] + b"X-Trailer: 1\r\n\r\n",
        "of one byte": b"".join(b"1\r\n%c\r\n" % byte for byte in DONE) + b"0\r\n\r\n",
    }
    for name, body in good.items():
        yield make(name, Kind.COMPLETED, say(_head(CHUNKED, body=body)))
    cut = {
        "closed in the middle": halves[:40],
        "closed before the last": halves,
        "no size": b"\r\nab\r\n",
        "a size that is a word": b"xyz\r\nab\r\n",
        "a negative size": b"-5\r\nab\r\n",
        "a size beyond 64 bits": b"f" * 17 + b"\r\nab\r\n",
        "a size of 5,000 digits": b"f" * 5_000 + b"\r\nab\r\n",
        "more bytes than the size": b"2\r\nabcdef\r\n0\r\n\r\n",
        "no end of line": b"5" * 100,
    }
    for name, body in cut.items():
        typical = name in {"closed in the middle", "a size that is a word"}
        play = _and(_head(CHUNKED, body=body), "close")
        yield make(name, Kind.TRANSIENT, play, is_typical=typical)
    yield make("left open in the middle", Kind.HANG, _and(_head(CHUNKED, body=halves), "hang"))

    def token_as_size(peer: Peer) -> None:
        peer.send(_head(CHUNKED, body=peer.token + b"\r\nab\r\n"))
        peer.close()

    yield make("the token as a size", Kind.TRANSIENT, token_as_size)


def _heads() -> Iterator[Fault]:
    make = partial(Fault, "heads")
    good = answer(DONE)
    transient = {
        "no HTTP": b"hello there\r\n\r\n",
        "a status that is a word": good.replace(b"200", b"abc", 1),
        "a status of four digits": good.replace(b"200", b"2000", 1),
        "bytes of TLS": b"\x16\x03\x01\x02\x00" + b"\x00" * 64,
        "NUL bytes": b"\x00" * 256,
        "a header without a colon": running(b"no colon here"),
        "a header without a name": running(b": nameless"),
        "a space in a name": running(b"bad name: x"),
        "NUL in a header": running(b"X-Odd: a\x00b"),
        "a carriage return in a header": running(b"X-Odd: a\rb"),
        "a header of 1 MB": running(b"X-Long: " + b"x" * 1024 * 1024),
        "10,000 headers": running(*(b"X-%d: 1" % n for n in range(10_000))),
    }
    for name, data in transient.items():
        # Libraries differ in what they refuse: refused or read, nothing else.
        typical = name in {"no HTTP", "NUL in a header"}
        # Reading so many takes h11 seconds.
        is_big = name in {"a header of 1 MB", "10,000 headers"}
        play = _and(data, "close")
        yield make(name, Kind.TRANSIENT, play, is_typical=typical, is_big=is_big)
    yield make("HTTP/2.0", Kind.EITHER, _and(good.replace(b"1.1", b"2.0", 1), "close"))
    harmless = {
        "no reason": answer(DONE, status=b"200"),
        "HTTP/1.0": answer(DONE).replace(b"1.1", b"1.0", 1),
        "bytes above 127": answer(DONE, b"X-Odd: \xff\xfe\xe4"),
        "a folded header": answer(DONE, b"X-Odd: a\r\n  b"),
        "100 headers": answer(DONE, *(b"X-%d: 1" % n for n in range(100))),
        "a header of 4 kB": answer(DONE, b"X-Long: " + b"x" * 4_000),
        "no Content-Type": answer(DONE).replace(b"Content-Type: application/json\r\n", b""),
        "another Content-Type": answer(DONE, kind=b"text/html; charset=latin-1"),
        "an unknown charset": answer(DONE, kind=b"application/json; charset=klingon"),
        "Set-Cookie": answer(DONE, b"Set-Cookie: a=b; Path=/"),
    }
    for name, data in harmless.items():
        yield make(name, Kind.COMPLETED, say(data))

    def token_in_head(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 " + peer.token + b"\r\n\r\n")
        peer.close()

    def endless_head(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\n")
        peer.endlessly(b"X-Odd: " + b"x" * 1_000 + b"\r\n")

    yield make("the token as a status", Kind.TRANSIENT, token_in_head, is_typical=True)
    yield make("endless", Kind.TRANSIENT, endless_head, is_big=True)


def _interim() -> Iterator[Fault]:
    make = partial(Fault, "odd statuses")
    go_on, hints = (
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
    )
    good = answer(DONE)
    for name, data in {"100": go_on, "103": hints, "ten times 103": hints * 10}.items():
        yield make(f"{name} first", Kind.COMPLETED, say(data + good))

    def flood(peer: Peer) -> None:
        peer.endlessly(hints * 20)

    def slow_flood(peer: Peer) -> None:
        peer.endlessly(go_on, pause=0.02)

    yield make("a flood of 103", Kind.EITHER, flood, is_big=True, is_typical=True)
    yield make("a slow flood of 100", Kind.EITHER, slow_flood)
    for status in (b"201 Created", b"202 Accepted", b"203 Other"):
        name = status.decode()
        yield make(name, Kind.COMPLETED, say(_head(_length(b"%d" % len(DONE)), status=status)))
    empty = b"Content-Length: 0"
    for status in (b"204 No Content", b"205 Reset", b"206 Partial", b"304 Not Modified"):
        name = status.decode()
        yield make(name, Kind.INVALID, say(_head(empty, body=b"", status=status)))
    for status in (b"101 Switching Protocols", b"199 Odd", b"600 Odd", b"999 Odd"):
        play = _and(_head(_length(b"%d" % len(DONE)), status=status), "close")
        yield make(status.decode(), Kind.EITHER, play)


def _redirects() -> Iterator[Fault]:
    targets: dict[str, bytes] = {
        "the same place": b"/api/v2/tasks/" + TASK.encode(),
        "another host": b"http://127.0.0.1:1/api/v2/tasks/x",
        "nowhere": b"",
        "not an address": b"http://[",
        "a port that is none": b"http://127.0.0.1:99999/",
        "bytes above 127": b"/\xff\xe4",
        "8 kB": b"/" + b"x" * 8_000,
        "another scheme": b"file:///etc/passwd",
    }
    for status in (301, 302, 303, 307, 308):
        for name, target in targets.items():
            if status != 302 and name != "the same place":
                continue
            data = answer(b"", b"Location: " + target, status=b"%d Moved" % status)
            typical = (status, name) in {(302, "the same place"), (302, "not an address")}
            yield Fault(
                "redirects", f"{status} to {name}", Kind.INVALID, say(data), is_typical=typical
            )
    bare = answer(b"", status=b"302 Moved")
    yield Fault("redirects", "302 without Location", Kind.INVALID, say(bare))


def _surplus() -> Iterator[Fault]:
    make = partial(Fault, "surplus bytes", kind=Kind.HARMLESS, poll_interval=0.1)
    good = running()
    for name, surplus in {
        "a byte": b"x",
        "an end of line": b"\r\n",
        "a whole answer": SMUGGLED,
        "ten answers": SMUGGLED * 10,
        "half an answer": SMUGGLED[:60],
        "an interim answer": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    }.items():

        def later(peer: Peer, surplus: bytes = surplus) -> None:
            peer.send(good)
            time.sleep(0.02)
            peer.send(surplus)

        typical = name == "a whole answer"
        yield make(f"{name}, at once", play=say(good + surplus), is_typical=typical)
        yield make(f"{name}, 20 ms later", play=later, is_typical=typical)

    def stream(peer: Peer) -> None:
        peer.send(good)
        peer.endlessly(SMUGGLED)

    yield make("endless", play=stream, is_big=True)
