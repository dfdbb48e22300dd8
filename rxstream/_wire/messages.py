"""What goes over the wire and how an answer is read, without I/O.

The source of the facts is the behaviour of Stream's own SDKs; no live backend was at hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final, cast
from urllib.parse import quote

from .._checks import to_mapping
from .._time.clock import utc_now
from .._values import RateLimitInfo, TaskSnapshot
from ..errors import InvalidResponseException, StreamApiException, StreamRateLimitException
from .fields import as_mapping, snapshot_of

__all__ = [
    "ENVELOPE",
    "Headers",
    "Request",
    "api_exception",
    "read_answer",
    "read_rate_limit",
    "read_started",
    "read_task",
    "segment",
    "task_request",
]

Headers = Mapping[str, str]
"""With names in lower case, or found in any case."""

ENVELOPE: Final = (
    "code",
    "message",
    "exception_fields",
    "unrecoverable",
    "more_info",
    "details",
)
"""The fields of an error answer that are kept."""

_TOO_MANY_REQUESTS: Final = 429


@dataclass(frozen=True, slots=True)
class Request:
    """One call of Stream's API."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, Any] | None = None


def segment(value: str) -> str:
    """Percent-encode a value so that nothing in it can leave its path segment."""
    encoded = quote(value, safe="")
    return encoded if encoded.strip(".") else encoded.replace(".", "%2E")


def task_request(task_id: str) -> Request:
    """`GET /api/v2/tasks/{id}`."""
    return Request("GET", f"/api/v2/tasks/{segment(task_id)}")


def read_task(status_code: int, headers: Headers, body: bytes, task_id: str) -> TaskSnapshot:
    """Read the answer to a poll.

    Args:
        status_code: The HTTP status.
        headers: The answer's headers.
        body: The answer's body, decompressed.
        task_id: The id that was asked for.

    Raises:
        StreamApiException: It is an HTTP error.
        InvalidResponseException: It is neither that nor this task.
    """
    data = _read_object(status_code, headers, body)
    snapshot = snapshot_of(data, task_id=task_id, rate_limit=read_rate_limit(headers))
    if snapshot is None:
        raise InvalidResponseException(
            status_code=status_code,
            raw_response_body=_text(body),
            message="The answer is not a task: it has neither task_id nor status",
        )
    if snapshot.task_id.casefold() != task_id.casefold():
        raise InvalidResponseException(
            status_code=status_code,
            raw_response_body=_text(body),
            message="The answer is about another task",
        )
    return snapshot


def read_started(status_code: int, headers: Headers, body: bytes) -> str | None:
    """Read the answer to a call that starts a task: its id, or None for nothing to wait for.

    Args:
        status_code: The HTTP status.
        headers: The answer's headers.
        body: The answer's body, decompressed.

    Raises:
        StreamApiException: It is an HTTP error.
        InvalidResponseException: It is neither that nor a JSON object.
    """
    task_id = _read_object(status_code, headers, body).get("task_id")
    return task_id if isinstance(task_id, str) and task_id else None


def read_answer(answer: object, task_id: str) -> TaskSnapshot:
    """Read what some client's `get_task` returned.

    Args:
        answer: A `TaskSnapshot`, a mapping, or an object with `.data` (a mapping or attributes).
        task_id: The id that was asked for.

    Raises:
        InvalidResponseException: It is none of these, or not a task.
    """
    if isinstance(answer, TaskSnapshot):
        return answer
    mapping = to_mapping(answer)
    data: object = getattr(answer, "data", None) if mapping is None else mapping
    if data is not None:
        # Official clients offer headers() on their answers; anything else goes without.
        headers = to_mapping(_called(answer, "headers")) or {}
        lowered = {str(name).lower(): str(value) for name, value in headers.items()}
        snapshot = snapshot_of(
            as_mapping(data), task_id=task_id, rate_limit=read_rate_limit(lowered)
        )
        if snapshot is not None:
            return snapshot
    status_code = _called(answer, "status_code")
    raise InvalidResponseException(
        status_code=status_code if isinstance(status_code, int) else None,
        message=f"get_task returned {type(answer).__name__}, which holds no task",
    )


def api_exception(status_code: int, headers: Headers, body: bytes | str) -> StreamApiException:
    """Read an HTTP error, whatever of Stream's error envelope is there."""
    text = body if isinstance(body, str) else _text(body)
    try:
        parsed: Any = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    said = to_mapping(parsed) or {}
    code, message, fields, unrecoverable, more_info, details = map(said.get, ENVELOPE)
    kind = StreamRateLimitException if status_code == _TOO_MANY_REQUESTS else StreamApiException
    return kind(
        status_code=status_code,
        code=code if isinstance(code, int) and not isinstance(code, bool) else 0,
        message=message if isinstance(message, str) else "",
        exception_fields=to_mapping(fields),
        unrecoverable=unrecoverable is True,
        more_info=more_info if isinstance(more_info, str) and more_info else None,
        details=list(cast("Iterable[Any]", details)) if isinstance(details, list) else (),
        raw_response_body=text,
        rate_limit=read_rate_limit(headers),
        retry_after=_retry_after(headers),
    )


def read_rate_limit(headers: Headers) -> RateLimitInfo | None:
    """Read the `X-RateLimit-*` headers; a missing or bad one gives None, never an error."""
    try:
        limit = _first_number(headers["x-ratelimit-limit"])
        remaining = _first_number(headers["x-ratelimit-remaining"])
        reset = datetime.fromtimestamp(_first_number(headers["x-ratelimit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    return RateLimitInfo(
        limit=limit,
        remaining=remaining,
        reset=reset,
        reset_after=max(reset - _answered_at(headers), timedelta(0)),
    )


def _read_object(status_code: int, headers: Headers, body: bytes) -> Mapping[str, Any]:
    if status_code >= 400:  # noqa: PLR2004 -- the HTTP classes are what they are
        raise api_exception(status_code, headers, body)
    if 200 <= status_code < 300:  # noqa: PLR2004 -- as above
        try:
            data: Any = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise InvalidResponseException(
                status_code=status_code,
                raw_response_body=_text(body),
                message="The answer is not JSON" if body else "The answer is empty",
            ) from error
        found = to_mapping(data)
        if found is not None:
            return found
    raise InvalidResponseException(
        status_code=status_code,
        raw_response_body=_text(body),
        message=(
            "The answer is a redirect, and redirects are not followed; check base_url"
            if 300 <= status_code < 400  # noqa: PLR2004 -- as above
            else "The answer is not a JSON object"
        ),
    )


def _retry_after(headers: Headers) -> timedelta | None:
    """`Retry-After`: whole seconds or an HTTP date; anything else counts as missing."""
    value = headers.get("retry-after", "").strip()
    try:
        if value[:1].isdecimal():
            return timedelta(seconds=_first_number(value))
        return max(_http_date(value) - _answered_at(headers), timedelta(0))
    except (ValueError, OverflowError):
        return None


def _answered_at(headers: Headers) -> datetime:
    # The server's own clock where it tells: ours may be wrong by more than a rate-limit window.
    try:
        return _http_date(headers.get("date", ""))
    except (ValueError, OverflowError):
        return utc_now()


@lru_cache(maxsize=16)  # all answers of one second have the same
def _http_date(value: str) -> datetime:
    moment = parsedate_to_datetime(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _first_number(value: str) -> int:
    """A proxy may double a header: `"60, 60"`."""
    return int(value.split(",", 1)[0])


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _called(answer: object, name: str) -> object:
    method = getattr(answer, name, None)
    return cast("Callable[[], object]", method)() if callable(method) else None
