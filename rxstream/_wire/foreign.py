"""How the libraries beneath a client tell of a failure: one row for each library."""

from __future__ import annotations

import socket
import ssl
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from ..errors import TransportErrorType

__all__ = [
    "Library",
    "attribute",
    "chain",
    "kind_of",
    "library_of",
    "response_in_an_sdk",
    "was_not_sent",
    "was_raised_in_an_sdk",
]

_Kinds: TypeAlias = "Mapping[str, TransportErrorType | None]"


@dataclass(frozen=True, slots=True)
class Library:
    """How one library tells of a failure."""

    kinds: _Kinds
    """The kind of a failure by the name of its class; a subclass counts as the nearest class that
    is named. None, or no name: what lies beneath decides."""
    role: Literal["sdk", "http", "beneath", "unknown"]
    """An SDK of Stream, or what it reads answers with; an HTTP library; or a part of one."""
    status: str = "status_code"
    """The attribute that holds an HTTP status."""
    body: str = ""
    """The attribute that holds the body of an HTTP error; empty: its response has it."""
    unsent: frozenset[str] = frozenset()
    """The classes of failures before there is a connection, so that nothing can have been sent."""


_HTTPX: Final[_Kinds] = {
    "TimeoutException": "timeout",
    "NetworkError": "connection_reset",
    "ProtocolError": "connection_reset",
}

_UNSENT: Final = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})

_LIBRARIES: Final[Mapping[str, Library]] = {
    "getstream": Library({}, "sdk", body="raw_response_body"),
    "stream_chat": Library({}, "sdk", body="response_text"),
    # getstream reads its answers with it.
    "dataclasses_json": Library({}, "sdk"),
    "httpx": Library(_HTTPX, "http", unsent=_UNSENT),
    "httpcore": Library(
        {**_HTTPX, "ConnectionNotAvailable": "connection_reset"}, "http", unsent=_UNSENT
    ),
    "h11": Library({"ProtocolError": "connection_reset"}, "beneath"),
    "aiohttp": Library(
        {
            "ClientConnectionError": "connection_reset",
            "ClientOSError": None,
            "ClientConnectorError": "connection_reset",
            "ClientConnectorDNSError": "dns_failure",
            "ClientSSLError": "tls_handshake_failed",
            "ServerFingerprintMismatch": None,
        },
        "http",
        status="status",
        unsent=frozenset({"ClientConnectorError", "ConnectionTimeoutError"}),
    ),
    "requests": Library(
        {
            "Timeout": "timeout",
            "ConnectTimeout": "timeout",
            "ConnectionError": "connection_reset",
            "SSLError": "tls_handshake_failed",
            "ProxyError": None,
        },
        "http",
        unsent=frozenset({"ConnectTimeout"}),
    ),
    "urllib3": Library(
        {
            "TimeoutError": "timeout",
            "TimeoutStateError": "timeout",
            "NewConnectionError": "connection_reset",
            "NameResolutionError": "dns_failure",
            "ProtocolError": "connection_reset",
            "ResponseNotChunked": None,
            "SSLError": "tls_handshake_failed",
        },
        "http",
        unsent=frozenset({"ConnectTimeoutError", "NameResolutionError", "NewConnectionError"}),
    ),
}
# Beneath them: no connection, no name, no trust. Any other TLS error may come at any time.
_UNSENT_BENEATH: Final = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
_UNKNOWN: Final = Library({}, "unknown", body="raw_response_body")


def library_of(error: BaseException) -> Library:
    """The library that an exception comes from, or that its class is derived from."""
    for kind in type(error).__mro__:
        library = _LIBRARIES.get(_package(kind.__module__))
        if library is not None:
            return library
    return _UNKNOWN


def attribute(value: object, name: str) -> object:
    """An attribute of a foreign object; None where there is none, or where it raises."""
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 -- a property may raise anything
        return None


def was_raised_in_an_sdk(error: BaseException) -> bool:
    """Whether an official SDK raised it, or what it calls, for an answer that it cannot read."""
    return any(_role_of(frame) == "sdk" for frame, _ in traceback.walk_tb(error.__traceback__))


def response_in_an_sdk(error: BaseException) -> object:
    """The response that an official SDK was reading when it raised; None: it was reading none.

    It is a local variable `response` there, or in the HTTP library beneath, and has no other name
    that could be had.
    """
    is_in_an_sdk = False
    for frame, _ in traceback.walk_tb(error.__traceback__):
        role = _role_of(frame)
        is_in_an_sdk = is_in_an_sdk or role == "sdk"
        is_reading = is_in_an_sdk and role in ("sdk", "http")
        if is_reading and frame.f_locals.get("response") is not None:
            return frame.f_locals["response"]
    return None


def _role_of(frame: FrameType) -> str:
    module = str(frame.f_globals.get("__name__", ""))
    return _LIBRARIES.get(_package(module), _UNKNOWN).role


def kind_of(error: BaseException) -> TransportErrorType:
    """Name the kind of a failure on the way, by what lies beneath it."""
    found: TransportErrorType = "unknown"
    for cause in chain(error):
        kind = _own_kind(cause)
        if kind is not None:
            found = kind
        # Keep looking: beneath a refused connection may lie the name that was not found.
        if kind not in (None, "connection_reset"):
            break
    return found


def was_not_sent(error: BaseException) -> bool:
    """Whether it is certain that the request never went out."""
    # Not by the context: that may be the failure of a request before this one.
    causes = list(chain(error, contexts=False))
    if any(isinstance(cause, _UNSENT_BENEATH) for cause in causes):
        return True
    # The innermost library knows: httpx-aiohttp calls any lost connection a ConnectTimeout.
    known = [cause for cause in causes if library_of(cause).role == "http"]
    return bool(known) and _is_named_in(library_of(known[-1]).unsent, known[-1])


def _is_named_in(names: frozenset[str], error: BaseException) -> bool:
    return any(
        kind.__name__ in names and _package(kind.__module__) in _LIBRARIES
        for kind in type(error).__mro__
    )


def chain(error: BaseException, *, contexts: bool = True) -> Iterator[BaseException]:
    """An exception and what lies beneath it; some libraries keep it in `args` or `reason`.

    Args:
        error: The exception.
        contexts: Also what was being handled when it was raised.
    """
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        cause = todo.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            todo += [
                cause.__cause__,
                *((cause.__context__,) if contexts else ()),
                attribute(cause, "reason"),
                *cause.args,
            ]


def _own_kind(error: BaseException) -> TransportErrorType | None:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ssl.SSLError):
        return "tls_handshake_failed"
    if isinstance(error, socket.gaierror):
        return "dns_failure"
    kinds = library_of(error).kinds
    for kind in type(error).__mro__:
        if kind.__name__ in kinds and _package(kind.__module__) in _LIBRARIES:
            return kinds[kind.__name__]
    return "connection_reset" if isinstance(error, ConnectionError) else None


def _package(module: str) -> str:
    return module.partition(".")[0]
