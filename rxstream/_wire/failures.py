"""What a failed attempt means: which exception of ours it is, and whether to try again."""

from __future__ import annotations

import asyncio
import json
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
from .foreign import chain, kind_of, library_of, was_raised_in_an_sdk
from .messages import ENVELOPE, api_exception

if TYPE_CHECKING:
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
            isinstance(cause, ssl.SSLCertVerificationError) for cause in chain(error)
        )
    return False


def named_delay(error: BaseException) -> float:
    """The pause that the server asks for: `Retry-After`, else the window's end; 0 for none."""
    if isinstance(error, StreamApiException):
        if error.retry_after is not None:
            return error.retry_after.total_seconds()
        window = error.rate_limit
        # A 429 while requests are left comes from another limit, of which this window says nothing.
        if isinstance(error, StreamRateLimitException) and window and window.remaining <= 0:
            return window.reset_after.total_seconds()
    return 0.0


def rate_limit_of(
    snapshot: TaskSnapshot | None, error: BaseException | None
) -> tuple[RateLimitInfo | None, float | None]:
    """What an answer says of the rate limit, and for a 429 the pause that it names."""
    if snapshot is not None:
        return snapshot.rate_limit, None
    rate_limit = error.rate_limit if isinstance(error, StreamApiException) else None
    return rate_limit, named_delay(error) if isinstance(error, StreamRateLimitException) else None


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
    elif isinstance(error, LookupError | AttributeError | TypeError) and was_raised_in_an_sdk(
        error
    ):
        ours = InvalidResponseException(
            status_code=None, message=f"The client could not read the answer: {error!r}"
        )
    elif kind in _TRANSPORT_TYPES:
        ours = StreamTransportException(cast("TransportErrorType", kind), str(error))
    elif isinstance(error, OSError) or library_of(error).role == "http":
        ours = transport_error(error)
    else:
        return error
    ours.__cause__ = error
    return ours


def transport_error(error: BaseException) -> StreamTransportException:
    """Make our exception of a failure on the way."""
    return StreamTransportException(kind_of(error), f"{type(error).__name__}: {error}")


def _status(error: Exception) -> int | None:
    """The HTTP status that an exception tells of.

    Stream's SDKs have it on the exception; httpx's and requests' `raise_for_status` have it on the
    response there.
    """
    response, own = getattr(error, "response", None), library_of(error).status
    for status in (getattr(error, own, None), getattr(response, "status_code", None)):
        if isinstance(status, int) and not isinstance(status, bool):
            return status
    return None


def _foreign_api_exception(error: Exception, status: int) -> StreamException:
    response = getattr(error, "http_response", None) or getattr(error, "response", None)
    body = getattr(error, library_of(error).body, None)
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
