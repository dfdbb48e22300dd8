"""What a failed attempt means: which exception of ours it is, and whether to try again."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from .._checks import to_mapping
from ..errors import (
    InvalidResponseException,
    StreamApiException,
    StreamException,
    StreamRateLimitException,
    StreamTaskException,
    StreamTransportException,
    TransportErrorType,
)
from .fields import failure_of
from .messages import ENVELOPE, api_exception

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._values import RateLimitInfo, TaskSnapshot

__all__ = [
    "add_gave_up_note",
    "is_transient",
    "named_delay",
    "rate_limit_of",
    "task_exception",
    "translated",
    "transport_error",
]

_TRANSIENT_STATUSES: Final = frozenset({408, 425, 429})
_TRANSPORT_TYPES: Final = frozenset(
    {"timeout", "connection_reset", "dns_failure", "tls_handshake_failed", "unknown"}
)
# Stream's SDKs, and what getstream reads its answers with.
_SDKS: Final = frozenset({"dataclasses_json", "getstream", "stream_chat"})
# The HTTP libraries beneath the clients that are met in the wild.
_HTTP_LIBRARIES: Final = frozenset({"aiohttp", "httpcore", "httpx", "requests", "urllib3"})


def task_exception(task_id: str, snapshot: TaskSnapshot) -> StreamTaskException:
    """The exception of a task that failed."""
    fields: dict[str, Any] = failure_of(snapshot)
    return StreamTaskException(task_id=task_id, snapshot=snapshot, **fields)


def is_transient(error: BaseException) -> bool:
    """Whether a poll that ended so is worth another try."""
    if isinstance(error, StreamApiException):
        status = error.status_code
        return (status in _TRANSIENT_STATUSES or status >= 500) and not error.unrecoverable  # noqa: PLR2004 -- 5xx
    if isinstance(error, StreamTransportException):
        # Only the cause itself: asyncio's own time-outs have a CancelledError further down.
        return not isinstance(error.__cause__, asyncio.CancelledError) and not any(
            isinstance(cause, ssl.SSLCertVerificationError) for cause in _chain(error)
        )
    return False


def named_delay(error: BaseException, longest: float) -> float:
    """The pause that the server asks for: `Retry-After`, else the window's end; 0 for none.

    Args:
        error: What went wrong.
        longest: What a longer one is cut to, in seconds.
    """
    delay = 0.0
    if isinstance(error, StreamApiException):
        window = error.rate_limit
        if error.retry_after is not None:
            delay = error.retry_after.total_seconds()
        # A 429 while requests are left comes from another limit, of which this window says nothing.
        elif isinstance(error, StreamRateLimitException) and window and window.remaining <= 0:
            delay = window.reset_after.total_seconds()
    return min(delay, longest)


def rate_limit_of(
    snapshot: TaskSnapshot | None, error: BaseException | None
) -> tuple[RateLimitInfo | None, float | None, bool]:
    """What an answer says of the rate limit, the pause that a 429 names, and whether it is good."""
    if snapshot is not None:
        return snapshot.rate_limit, None, True
    if not isinstance(error, StreamApiException):
        return None, None, False
    if not isinstance(error, StreamRateLimitException):
        return error.rate_limit, None, False
    # When its window ends the gate knows better: it has seen the windows before.
    after = error.retry_after
    return error.rate_limit, 0.0 if after is None else after.total_seconds(), False


def add_gave_up_note(error: BaseException, after: str) -> None:
    """Say on an error that it is the last of several, and after what."""
    error.add_note(f"rxstream gave up after {after}")


def translated(error: BaseException) -> BaseException:
    """Give a foreign client's exception our type, with the original as its cause.

    What is neither an HTTP error nor a failure on the way is a fault of the client's own, and is
    passed on as it is.
    """
    if isinstance(error, StreamException) or not isinstance(error, Exception):
        return error
    ours: StreamException
    status, kind = _status(error), getattr(error, "error_type", None)
    if status is not None:
        ours = _foreign_api_exception(error, status)
    elif isinstance(error, json.JSONDecodeError):
        ours = InvalidResponseException(
            status_code=None, raw_response_body=error.doc, message="The answer is not JSON"
        )
    elif isinstance(error, LookupError | AttributeError | TypeError) and _is_from_an_sdk(error):
        ours = InvalidResponseException(
            status_code=None, message=f"The client could not read the answer: {error!r}"
        )
    elif kind in _TRANSPORT_TYPES:
        ours = StreamTransportException(cast("TransportErrorType", kind), str(error))
    elif isinstance(error, OSError) or _library(error) in _HTTP_LIBRARIES:
        ours = transport_error(error)
    else:
        return error
    ours.__cause__ = error
    return ours


def transport_error(error: BaseException) -> StreamTransportException:
    """Name the kind of a failure on the way, by what lies beneath it."""
    kind: TransportErrorType = "unknown"
    for cause in _chain(error):
        name = type(cause).__name__
        if isinstance(cause, TimeoutError) or "Timeout" in name:
            kind = "timeout"
        elif isinstance(cause, ssl.SSLError) or "SSL" in name:
            kind = "tls_handshake_failed"
        elif isinstance(cause, socket.gaierror) or "DNS" in name or "NameResolution" in name:
            kind = "dns_failure"
        elif (
            isinstance(cause, ConnectionError)
            or any(
                part in name for part in ("Connect", "Disconnect", "NetworkError", "ProtocolError")
            )
            or name in {"ReadError", "WriteError", "CloseError"}
        ):
            # Keep looking: beneath a refused connection may lie the name that was not found.
            kind = "connection_reset"
            continue
        else:
            continue
        break
    return StreamTransportException(kind, f"{type(error).__name__}: {error}")


def _status(error: Exception) -> int | None:
    """The HTTP status that an exception tells of.

    Stream's SDKs have it on the exception; httpx's and requests' `raise_for_status` have it on the
    response there, and aiohttp's calls it `status`.
    """
    response = getattr(error, "response", None)
    for status in (
        getattr(error, "status_code", None),
        getattr(response, "status_code", None),
        getattr(error, "status", None) if _library(error) in _HTTP_LIBRARIES else None,
    ):
        if isinstance(status, int) and not isinstance(status, bool):
            return status
    return None


def _foreign_api_exception(error: Exception, status: int) -> StreamException:
    response = getattr(error, "http_response", None) or getattr(error, "response", None)
    # Stream's SDKs call the body raw_response_body (getstream) or response_text (stream_chat).
    body = getattr(error, "raw_response_body", None) or getattr(error, "response_text", None)
    if not body:
        with suppress(Exception):  # httpx raises where the body of a stream was never read
            body = getattr(response, "text", None)
    text = body if isinstance(body, str) else ""
    if status < 400:  # noqa: PLR2004 -- an SDK's way to say that it could not read a good answer
        return InvalidResponseException(status_code=status, raw_response_body=text)
    headers = to_mapping(getattr(response, "headers", getattr(error, "headers", None))) or {}
    said = text
    if not said and hasattr(error, "raw_response_body"):
        # A getstream exception without a body, as mocks make them: its own fields are all there is.
        fields = {name: getattr(error, name, None) for name in ENVELOPE}
        said = json.dumps(fields, skipkeys=True, default=str)
    ours = api_exception(status, headers, said)
    ours.raw_response_body = text
    retry_after = getattr(error, "retry_after", None)
    if ours.retry_after is None and isinstance(retry_after, timedelta):
        ours.retry_after = retry_after
    return ours


def _is_from_an_sdk(error: BaseException) -> bool:
    """Whether an official SDK raised it: getstream does, for answers that it cannot read."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    raised_in = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))
    return raised_in.partition(".")[0] in _SDKS


def _library(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and what lies beneath it; some libraries keep it in `args` or `reason`."""
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        cause = todo.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            todo += [
                cause.__cause__,
                cause.__context__,
                getattr(cause, "reason", None),
                *cause.args,
            ]
