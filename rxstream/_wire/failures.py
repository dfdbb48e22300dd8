"""What a failed attempt means: which exception of ours it is, and whether to try again."""

from __future__ import annotations

import asyncio
import json
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from .._checks import to_mapping
from .._text import cut, shown
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
from .foreign import (
    attribute,
    chain,
    kind_of,
    library_of,
    response_in_an_sdk,
    was_not_sent,
    was_raised_in_an_sdk,
)
from .messages import ENVELOPE, api_exception, enveloped, http_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._text import Cut
    from .._values import RateLimitInfo, TaskSnapshot

__all__ = [
    "Answered",
    "add_gave_up_note",
    "is_cancelled",
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
# What an official SDK leaks while it reads an answer.
_LEAKS: Final = (
    *(LookupError, AttributeError, TypeError, ValueError, OverflowError, RecursionError),
)


def task_exception(task_id: str, snapshot: TaskSnapshot, by: Cut = cut) -> StreamTaskException:
    """The exception of a task that failed."""
    fields: dict[str, Any] = failure_of(snapshot, by)
    return StreamTaskException(task_id=task_id, snapshot=snapshot, **fields)


def is_transient(error: BaseException) -> bool:
    """Whether a poll that failed like this may succeed when it is tried again."""
    if isinstance(error, StreamApiException):
        status = error.status_code
        return (status in _TRANSIENT_STATUSES or status >= 500) and not error.unrecoverable  # noqa: PLR2004 -- 5xx
    if isinstance(error, StreamTransportException):
        return not is_cancelled(error) and not any(
            isinstance(cause, ssl.SSLCertVerificationError) for cause in chain(error)
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


def is_cancelled(error: BaseException | None) -> bool:
    """Whether a call ended because somebody cancelled it."""
    # Only the cause itself: asyncio's own time-outs have a CancelledError further down.
    return isinstance(error, StreamTransportException) and isinstance(
        error.__cause__, asyncio.CancelledError
    )


class Answered(Protocol):
    """What was read of an answer."""

    @property
    def rate_limit(self) -> RateLimitInfo | None:
        """What it said of the rate limit."""
        ...


def rate_limit_of(
    answer: Answered | None, error: BaseException | None
) -> tuple[RateLimitInfo | None, float | None, bool]:
    """What an answer says of the rate limit, the pause that a 429 names, and whether it is good."""
    if answer is not None:
        return answer.rate_limit, None, True
    if not isinstance(error, StreamApiException):
        return None, None, False
    if not isinstance(error, StreamRateLimitException):
        return error.rate_limit, None, False
    # When its window ends the gate knows better: it has seen the windows before.
    after = error.retry_after
    return error.rate_limit, 0.0 if after is None else after.total_seconds(), False


def add_gave_up_note(error: BaseException, after: str) -> None:
    """Note on an error that rxstream gave up, and after what."""
    error.add_note(f"rxstream gave up after {after}")


def translated(error: BaseException) -> BaseException:
    """Turn a foreign client's exception into one of ours, with the original as its cause.

    An exception that is neither an HTTP error nor a transport failure is a bug of the client, and
    is passed on as it is.
    """
    if isinstance(error, StreamException) or not isinstance(error, Exception):
        return error
    ours = _translation(error)
    if ours is None:
        return error
    ours.__cause__ = error
    return ours


def transport_error(error: BaseException, address: str = "") -> StreamTransportException:
    """Make our exception of a failure on the way; it tells the address if nothing was sent."""
    said = f"{type(error).__name__}: {shown(error)}"
    where = f", on the way to {address}" if address and was_not_sent(error) else ""
    return _on_the_way(error, kind_of(error), f"{said}{where}")


def _on_the_way(
    error: Exception | BaseException, kind: TransportErrorType, text: str
) -> StreamTransportException:
    ours = StreamTransportException(kind, text)
    ours.nothing_sent = was_not_sent(error)
    return ours


def _translation(error: Exception) -> Exception | None:
    if isinstance(error, StopIteration | StopAsyncIteration):
        # Neither can pass a coroutine; Python itself makes the same of them.
        return RuntimeError(f"the client raised {type(error).__name__}")
    return _of_an_answer(error) or _of_the_way(error)


def _of_an_answer(error: Exception) -> StreamException | None:
    status = _status(error)
    if status is not None:
        return _http_error(error, status)
    if isinstance(error, _LEAKS):
        response = response_in_an_sdk(error)
        # getstream's answers are httpx's, those of stream_chat requests' or aiohttp's.
        status = http_status(attribute(response, "status_code") or attribute(response, "status"))
        if status is not None:
            return _unread(error, response, status)
    if isinstance(error, json.JSONDecodeError):
        return InvalidResponseException(
            status_code=None,
            raw_response_body=shown(attribute(error, "doc") or ""),
            message="The answer is not JSON",
        )
    if isinstance(error, _LEAKS) and was_raised_in_an_sdk(error):
        return InvalidResponseException(status_code=None, message=_could_not_read(error))
    return None


def _of_the_way(error: Exception) -> StreamException | None:
    kind = attribute(error, "error_type")
    if isinstance(kind, str) and kind in _TRANSPORT_TYPES:
        return _on_the_way(error, cast("TransportErrorType", kind), shown(error))
    if isinstance(error, OSError) or library_of(error).role == "http":
        return transport_error(error)
    return None


def _could_not_read(error: Exception) -> str:
    return f"The client could not read the answer: {type(error).__name__}: {shown(error)}"


def _status(error: Exception) -> int | None:
    """The HTTP status that an exception holds.

    Stream's SDKs have it on the exception; httpx's and requests' `raise_for_status` have it on the
    response there.
    """
    own = http_status(attribute(error, library_of(error).status))
    if own is not None:
        return own
    return http_status(attribute(attribute(error, "response"), "status_code"))


def _unread(error: Exception, response: object, status: int) -> StreamException:
    """The exception of an answer that an SDK fails to read: of the answer itself."""
    text, headers = _text_of(response), _headers_of(response)
    if status >= 400:  # noqa: PLR2004 -- the HTTP classes are what they are
        return api_exception(status, headers, text)
    return InvalidResponseException(
        status_code=status, raw_response_body=text, message=_could_not_read(error)
    )


def _http_error(error: Exception, status: int) -> StreamException:
    response = attribute(error, "http_response") or attribute(error, "response")
    body = attribute(error, library_of(error).body)
    text = body if isinstance(body, str) and body else _text_of(response)
    if status < 400:  # noqa: PLR2004 -- an SDK's way to say that it could not read a good answer
        return InvalidResponseException(status_code=status, raw_response_body=text)
    headers = _headers_of(response if response is not None else error)
    if text or attribute(error, "raw_response_body") is None:
        ours = api_exception(status, headers, text)
    else:
        # A getstream exception without a body, as mocks make them: its own fields are all there is.
        ours = enveloped(status, headers, {name: attribute(error, name) for name in ENVELOPE}, "")
    retry_after = attribute(error, "retry_after")
    if ours.retry_after is None and isinstance(retry_after, timedelta):
        ours.retry_after = retry_after
    return ours


def _text_of(response: object) -> str:
    # httpx raises where the body of a stream was never read.
    text = attribute(response, "text")
    return text if isinstance(text, str) else ""


def _headers_of(answer: object) -> Mapping[str, str]:
    return to_mapping(attribute(answer, "headers")) or {}
