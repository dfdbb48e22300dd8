"""Connections that are refused, reset, half closed, silent, slow, or badly encrypted."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import trustme

from .fault import Fault, Kind, answer, task_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .server import Peer

__all__ = ["AUTHORITY", "connections", "good_context"]

AUTHORITY = trustme.CA()
"""The one that clients of a cell trust."""
HOST = "127.0.0.1"
DONE = answer(task_body("completed"))


def connections() -> Iterator[Fault]:
    """All of them."""
    yield from _ends()
    yield from _silence()
    yield from _tls()


def _nothing(peer: Peer) -> None:
    pass


def _after(at: int, end: str) -> Callable[[Peer], None]:
    """Send so many bytes of a good answer, and end it in some way."""

    def play(peer: Peer) -> None:
        if at:
            peer.send(DONE[:at])
        getattr(peer, end)()

    return play


def _ends() -> Iterator[Fault]:
    make = partial(Fault, "connections", kind=Kind.TRANSIENT)
    body = DONE.index(b"\r\n\r\n") + 20
    yield make("refused", play=_nothing, level="port", is_typical=True)
    places = {"after the request": 0, "in the head": 40, "in the body": body}
    for name, end in {"reset": "reset", "closed": "close"}.items():
        yield make(f"{name} at once", play=_after(0, end), level="connect")
        for place, at in places.items():
            typical = name == "reset" and place == "in the body"
            yield make(f"{name} {place}", play=_after(at, end), is_typical=typical)
    for place, at in places.items():
        yield make(f"half closed {place}", play=_after(at, "half_close"))

    def leave(peer: Peer) -> None:
        peer.send(DONE.replace(b"completed", b"running  "))
        peer.close()

    def tear(peer: Peer) -> None:
        peer.send(DONE.replace(b"completed", b"running  "))
        peer.reset()

    def early(peer: Peer) -> None:
        peer.send(DONE)
        peer.close()

    yield make("closed after a good answer", kind=Kind.HARMLESS, play=leave)
    yield make("reset after a good answer", play=tear)
    yield make("an answer before the request", kind=Kind.EITHER, play=early, level="connect")


def _silence() -> Iterator[Fault]:
    make = partial(Fault, "silence", kind=Kind.HANG)
    # The same, where the client gives up on the request long before the deadline.
    again = partial(Fault, "silence", kind=Kind.TRANSIENT, request_timeout=0.2)
    body = DONE.index(b"\r\n\r\n") + 20
    for place, at in {"after the request": 0, "in the head": 40, "in the body": body}.items():
        typical = place == "after the request"
        yield make(place, play=_after(at, "hang"), is_typical=typical)
        yield again(f"{place}, short requests", play=_after(at, "hang"), is_typical=typical)

    def drip(peer: Peer) -> None:
        peer.drip(DONE, 0.05)

    def quick(peer: Peer) -> None:
        peer.drip(DONE, 0.0005)

    def drip_head(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
        peer.endlessly(b"x", pause=0.05)

    yield make("a byte every 50 ms", play=drip, is_typical=True)
    yield again("a byte every 50 ms, short requests", play=drip, is_typical=True)
    yield make("an endless head, a byte every 50 ms", play=drip_head)
    yield make("a byte every 0.5 ms", kind=Kind.COMPLETED, play=quick)
    yield make("on connecting", play=_after(0, "hang"), level="connect")
    yield make("connecting", play=_nothing, level="port", fills_backlog=True)


def good_context() -> ssl.SSLContext:
    """A certificate that clients of a cell trust."""
    return _context(AUTHORITY)


def _context(authority: trustme.CA, *hosts: str, **keywords: datetime) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*(hosts or (HOST,)), **keywords).configure_cert(context)
    return context


def _tls() -> Iterator[Fault]:
    old = datetime(2020, 1, 1, tzinfo=UTC)
    new = datetime(2090, 1, 1, tzinfo=UTC)
    bad: dict[str, Callable[[ssl.SSLContext], ssl.SSLContext]] = {
        "a good certificate": lambda good: good,
        "an unknown authority": lambda _: _context(trustme.CA()),
        "expired": lambda _: _context(AUTHORITY, not_before=old, not_after=old.replace(year=2021)),
        "not yet valid": lambda _: _context(
            AUTHORITY, not_before=new, not_after=new.replace(year=2091)
        ),
        "for another host": lambda _: _context(AUTHORITY, "stream.example"),
        "for another address": lambda _: _context(AUTHORITY, "127.0.0.2"),
    }
    for name, context in bad.items():
        kind = Kind.COMPLETED if name == "a good certificate" else Kind.CERTIFICATE
        typical = name == "expired"
        yield Fault("TLS", name, kind, _nothing, level="tls", context=context, is_typical=typical)

    def ending(end: str, data: bytes = b"") -> Callable[[Peer], None]:
        def play(peer: Peer) -> None:
            peer.connection.recv(4096)
            if data:
                peer.send(data)
            getattr(peer, end)()

        return play

    make = partial(Fault, "TLS", level="connect", context=_same)
    yield make("closed in the handshake", Kind.TRANSIENT, ending("close"), is_typical=True)
    yield make("reset in the handshake", Kind.TRANSIENT, ending("reset"))
    yield make("silence in the handshake", Kind.HANG, ending("hang"))
    yield make("plain HTTP", Kind.TRANSIENT, ending("close", DONE))
    yield make("garbage", Kind.TRANSIENT, ending("close", b"\x16\x03\x03\x00\x05hello"))
    alert = b"\x15\x03\x03\x00\x02\x02\x28"
    yield make("the handshake refused", Kind.TRANSIENT, ending("close", alert))


def _same(context: ssl.SSLContext) -> ssl.SSLContext:
    return context
