"""Answers that are not a task, from a server or a proxy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from .._checks import to_mapping
from ._answers import Answer, BodyAnswer, ErrorAnswer, checked_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["garbage", "http_error", "raw", "redirect"]

# Stream's own code and text by HTTP status.
_ERRORS: Final[Mapping[int, tuple[int, str]]] = {
    400: (4, "Bad input"),
    401: (5, "Authentication failed"),
    403: (17, "Not allowed"),
    404: (16, "Can't find task with id {task_id}"),
    408: (23, "Request timed out"),
    413: (22, "Payload too large"),
    429: (9, "Too many requests"),
}
_INTERNAL: Final = (-1, "Internal error")
_MORE_INFO: Final = "https://getstream.io/chat/docs/api_errors_response"


def http_error(
    status_code: int,
    *,
    code: int | None = None,
    message: str | None = None,
    retry_after: int | str | None = None,
    unrecoverable: bool = False,
    more_info: str = _MORE_INFO,
    details: Sequence[Any] = (),
    exception_fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
) -> Answer:
    """An HTTP error in Stream's envelope, or with a proxy's body in its place.

    Other answers that are no task are `garbage`, `raw` and `redirect`.

    Args:
        status_code: 400 to 599.
        code: Stream's code; None: the one that goes with the status.
        message: Stream's text; None: the one that goes with the status.
        retry_after: `Retry-After` in seconds, or the header as it is; None: not sent.
        unrecoverable: Whether the server says that trying again is of no use.
        more_info: An address with more about the error.
        details: Further codes.
        exception_fields: What was wrong with which field; None: not sent.
        headers: Further headers.
        body: Replaces the envelope (the HTML of a proxy, for example).

    Raises:
        ValueError: `status_code` is not an HTTP error.
    """
    if not 400 <= status_code <= 599:  # noqa: PLR2004 -- the HTTP classes are what they are
        msg = f"status_code must be an HTTP error (400 to 599), not {status_code}"
        raise ValueError(msg)
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    if retry_after is not None:
        sent["retry-after"] = str(retry_after)
    if body is not None:
        sent.setdefault("content-type", "text/html")
        return BodyAnswer(status_code=status_code, headers=sent, body=_bytes(body))
    own_code, own_message = _ERRORS.get(
        status_code,
        _INTERNAL if status_code >= 500 else (0, "Error"),  # noqa: PLR2004 -- as above
    )
    envelope: dict[str, Any] = {
        "code": own_code if code is None else code,
        "message": own_message if message is None else message,
        "StatusCode": status_code,
        "duration": "0.00ms",
        "more_info": more_info,
        "details": list(details),
    }
    if exception_fields is not None:
        envelope["exception_fields"] = dict(exception_fields)
    if unrecoverable:
        envelope["unrecoverable"] = True
    return ErrorAnswer(
        status_code=status_code, envelope=checked_json(envelope, "details"), headers=sent
    )


def garbage(
    body: bytes | str = b"<html><body>It works!</body></html>",
    *,
    status_code: int = 200,
    content_type: str = "text/html",
) -> BodyAnswer:
    """An answer that holds no task: HTML, an empty body, a list, cut JSON.

    Args:
        body: The body.
        status_code: 200 to 599.
        content_type: The `Content-Type` header.

    Raises:
        ValueError: `status_code` is out of range.
    """
    return BodyAnswer(
        status_code=_code(status_code, 200, 599),
        headers={"content-type": content_type},
        body=_bytes(body),
    )


def redirect(location: str, *, status_code: int = 302) -> BodyAnswer:
    """A redirect.

    Args:
        location: The `Location` header.
        status_code: 300 to 399.

    Raises:
        ValueError: `status_code` is out of range.
    """
    return BodyAnswer(
        status_code=_code(status_code, 300, 399), headers={"location": location}, body=b""
    )


def raw(fields: Mapping[str, Any], *, status_code: int = 200) -> BodyAnswer:
    """An answer with exactly this JSON object, for odd, unknown or missing fields.

    Args:
        fields: The whole object.
        status_code: 200 to 599.

    Raises:
        TypeError: `fields` is not a mapping, or not JSON.
        ValueError: `status_code` is out of range.
    """
    copied = to_mapping(checked_json(fields, "fields"))
    if copied is None:
        msg = f"fields must be a mapping, not {type(fields).__name__}"
        raise TypeError(msg)
    body = json.dumps(copied, ensure_ascii=False).encode()
    return BodyAnswer(
        status_code=_code(status_code, 200, 599),
        headers={"content-type": "application/json"},
        body=body,
    )


def _code(status_code: int, lowest: int, highest: int) -> int:
    if not lowest <= status_code <= highest:
        msg = f"status_code must be {lowest} to {highest}, not {status_code}"
        raise ValueError(msg)
    return status_code


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)
