"""The answers to a poll: immutable values, made by the functions of this module."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .._checks import seconds as checked_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Answer",
    "BodyAnswer",
    "ErrorAnswer",
    "HangAnswer",
    "Quota",
    "ResetAnswer",
    "TaskAnswer",
    "answer_of",
    "checked_json",
    "completed",
    "delayed",
    "drip",
    "failed",
    "hang",
    "rate_limited",
    "reset",
    "status",
]


@dataclass(frozen=True, slots=True)
class Quota:
    """The `X-RateLimit-*` headers of an answer; a string is sent as it is."""

    limit: int | str
    """Requests per window."""
    remaining: int | str
    """Requests left in this window."""
    reset_after: float | str
    """Seconds until the window ends; a string is the header itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to one poll: immutable, and compared by value."""

    delay: float = 0.0
    """Seconds before it begins."""
    seconds_per_byte: float = 0.0
    """The pause before each byte of the body."""
    quota: Quota | None = None
    """Rate-limit headers instead of the real ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAnswer(Answer):
    """A 200 with a task."""

    status: str
    result: Any = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer(Answer):
    """A 4xx or 5xx with Stream's envelope."""

    status_code: int
    envelope: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyAnswer(Answer):
    """Any HTTP answer, byte for byte."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HangAnswer(Answer):
    """Silence; the connection stays open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetAnswer(Answer):
    """The connection is reset."""


def status(value: str) -> TaskAnswer:
    """An answer with this status; wherever an answer is expected, a string does the same.

    Args:
        value: For example `"pending"`, `"running"`, or an unknown one.

    Raises:
        TypeError: `value` is not a string.
    """
    return TaskAnswer(status=_string(value, "status"))


def completed(result: Any = None) -> TaskAnswer:
    """An answer that says that the task completed.

    Args:
        result: The payload, as JSON; None: the answer has no `result`.

    Raises:
        TypeError: `result` is not JSON.
    """
    return TaskAnswer(status="completed", result=checked_json(result, "result"))


def failed(
    description: str = "",
    *,
    error_type: str = "internal_error",
    stack_trace: str | None = None,
    version: str | None = None,
) -> TaskAnswer:
    """An answer that says that the task failed.

    `status("failed")` is the same without an `error` object.

    Args:
        description: What went wrong.
        error_type: The kind of failure.
        stack_trace: The server's stack trace; None: not sent.
        version: The version of the server's code; None: not sent.
    """
    said = {
        "type": error_type,
        "description": description,
        "stacktrace": stack_trace,
        "version": version,
    }
    return TaskAnswer(status="failed", error={k: v for k, v in said.items() if v is not None})


def hang() -> HangAnswer:
    """No answer at all; the connection stays open until the client closes it."""
    return HangAnswer()


def reset() -> ResetAnswer:
    """A connection reset instead of an answer."""
    return ResetAnswer()


def delayed(answer: Answer | str, seconds: float) -> Answer:
    """The same answer, but later.

    Args:
        answer: The answer.
        seconds: How long the server waits before it answers.

    Raises:
        ValueError: `seconds` is NaN, infinite or negative.
    """
    return replace(answer_of(answer), delay=checked_seconds(seconds, "seconds"))


def drip(answer: Answer | str, seconds_per_byte: float) -> Answer:
    """The same answer, but its body comes one byte at a time.

    Args:
        answer: The answer.
        seconds_per_byte: The pause before each byte, in seconds.

    Raises:
        ValueError: `seconds_per_byte` is NaN, infinite or negative.
    """
    return replace(
        answer_of(answer), seconds_per_byte=checked_seconds(seconds_per_byte, "seconds_per_byte")
    )


def rate_limited(
    answer: Answer | str, limit: int | str, remaining: int | str, reset_after: float | str
) -> Answer:
    """The same answer, with these rate-limit headers.

    Args:
        answer: The answer.
        limit: Requests per window; a string (here and below) is sent as it is: `"60, 60"`, `"?"`.
        remaining: Requests left in the window.
        reset_after: Seconds until the window ends.
    """
    return replace(answer_of(answer), quota=Quota(limit, remaining, reset_after))


def answer_of(value: object) -> Answer:
    """Return an answer as it is, and a string as a status.

    Raises:
        TypeError: It is neither an answer nor a string.
    """
    if isinstance(value, Answer):
        return value
    if isinstance(value, str):
        return status(value)
    msg = f"an answer must be made by rxstream.testing or be a string, not {type(value).__name__}"
    raise TypeError(msg)


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        msg = f"{name} must be a string, not {type(value).__name__}"
        raise TypeError(msg)
    return value


def checked_json(value: Any, name: str) -> Any:
    """Copy a JSON value, so that later changes to it do not change an answer."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        msg = f"{name} must be JSON: {error}"
        raise TypeError(msg) from error
