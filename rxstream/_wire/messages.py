"""What goes over the wire and how an answer is read, without I/O.

It follows the behaviour of Stream's own SDKs; it was not checked against a live backend.
"""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from .._checks import to_mapping
from .._text import bounded, cut
from ..errors import InvalidResponseException, StreamApiException, StreamRateLimitException
from .fields import about_another, snapshot_of
from .headers import Headers, read_rate_limit, read_retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._text import Cut
    from .._values import TaskSnapshot

__all__ = [
    "ENVELOPE",
    "Request",
    "api_exception",
    "enveloped",
    "http_status",
    "read_started",
    "read_task",
    "segment",
    "task_request",
]

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
# Of a body that goes into an error no more is looked at. Stream's own are of some hundred bytes.
_MOST_OF_AN_ERROR: Final = 65_536
_LARGEST_CODE: Final = 2**31


@dataclass(frozen=True, slots=True)
class Request:
    """One call of Stream's API."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, Any] | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    """Names it in the server's log; an error of it has it as `request_id`."""


def segment(value: str) -> str:
    """Percent-encode a value so that nothing in it can leave its path segment."""
    encoded = quote(value, safe="")
    return encoded if encoded.strip(".") else encoded.replace(".", "%2E")


def task_request(task_id: str) -> Request:
    """Make the request of a poll: `GET /api/v2/tasks/{id}`."""
    return Request("GET", f"/api/v2/tasks/{segment(task_id)}")


def read_task(
    status_code: int, headers: Headers, body: bytes, task_id: str, by: Cut = cut
) -> TaskSnapshot:
    """Read the answer to a poll.

    Args:
        status_code: The HTTP status.
        headers: The answer's headers.
        body: The answer's body, decompressed.
        task_id: The id that was asked for.
        by: Cuts the texts of an error.

    Raises:
        StreamApiException: It is an HTTP error.
        InvalidResponseException: It is neither that nor this task.
    """
    data = _read_object(status_code, headers, body, by)
    snapshot = snapshot_of(data, task_id=task_id, rate_limit=read_rate_limit(headers))
    wrong = (
        "The answer is not a task: it has neither task_id nor status"
        if snapshot is None
        else about_another(snapshot, task_id, by)
    )
    if snapshot is None or wrong:
        raise InvalidResponseException(
            status_code=status_code, raw_response_body=_text(body, by), message=wrong
        )
    return snapshot


def read_started(
    status_code: int, headers: Headers, body: bytes, by: Cut = cut
) -> tuple[str | None, Mapping[str, Any]]:
    """Read the answer to a call that starts a task: the id of the task, and the whole answer.

    The id is None where there is nothing to wait for.

    Args:
        status_code: The HTTP status.
        headers: The answer's headers.
        body: The answer's body, decompressed.
        by: Cuts the texts of an error.

    Raises:
        StreamApiException: It is an HTTP error.
        InvalidResponseException: It is neither that nor a JSON object.
    """
    answer = _read_object(status_code, headers, body, by)
    task_id = answer.get("task_id")
    return (task_id if isinstance(task_id, str) and task_id else None), answer


def api_exception(
    status_code: int, headers: Headers, body: bytes | str, by: Cut = cut
) -> StreamApiException:
    """Read an HTTP error, whatever of Stream's error envelope is there."""
    parsed: Any = None
    if len(body) <= _MOST_OF_AN_ERROR:
        with suppress(ValueError, RecursionError):
            parsed = json.loads(body if isinstance(body, str) else body.decode("utf-8", "replace"))
    text = by(body) if isinstance(body, str) else _text(body, by)
    return enveloped(status_code, headers, to_mapping(parsed) or {}, text, by)


def enveloped(
    status_code: int, headers: Headers, said: Mapping[str, Any], text: str, by: Cut = cut
) -> StreamApiException:
    """Make the exception of an HTTP error of what its envelope says."""
    code, message, fields, unrecoverable, more_info, details = map(said.get, ENVELOPE)
    kind = StreamRateLimitException if status_code == _TOO_MANY_REQUESTS else StreamApiException
    return kind(
        status_code=status_code,
        code=code if type(code) is int and abs(code) <= _LARGEST_CODE else 0,
        message=by(message) if isinstance(message, str) else "",
        exception_fields=bounded(to_mapping(fields) or {}, by),
        unrecoverable=unrecoverable is True,
        more_info=by(more_info) if isinstance(more_info, str) and more_info else None,
        details=bounded(said.get("details"), by) if isinstance(details, list) else (),
        raw_response_body=text,
        rate_limit=read_rate_limit(headers),
        retry_after=read_retry_after(headers),
    )


def http_status(value: object) -> int | None:
    """A value as an HTTP status; None: it is none."""
    return value if type(value) is int and 100 <= value <= 999 else None  # noqa: PLR2004 -- three digits


def _read_object(status_code: int, headers: Headers, body: bytes, by: Cut) -> Mapping[str, Any]:
    if status_code >= 400:  # noqa: PLR2004 -- the HTTP classes are what they are
        raise api_exception(status_code, headers, body, by)
    if 200 <= status_code < 300:  # noqa: PLR2004 -- as above
        try:
            found = to_mapping(json.loads(body))
        except (ValueError, RecursionError) as error:
            # Without the error as its cause, which holds all of the body.
            wrong = f"The answer is not JSON ({_reason(error)})" if body else "The answer is empty"
        else:
            if found is not None:
                return found
            wrong = "The answer is not a JSON object"
    else:
        wrong = "The answer is a redirect, and redirects are not followed; check base_url"
        if status_code < 300:  # noqa: PLR2004 -- as above
            wrong = "The answer is not a JSON object"
    raise InvalidResponseException(
        status_code=status_code, raw_response_body=_text(body, by), message=wrong
    )


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__


def _text(body: bytes, by: Cut) -> str:
    return by(body[:_MOST_OF_AN_ERROR].decode("utf-8", "replace"))
