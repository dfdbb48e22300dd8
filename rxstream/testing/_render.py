"""Turns an answer into what goes over the wire."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

from ._answers import BodyAnswer, ErrorAnswer, HangAnswer, Quota, ResetAnswer, TaskAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._answers import Answer

__all__ = ["Rendered", "render"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer, ready to be sent."""

    status_code: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """The headers, with names in lower case."""
    body: bytes = b""
    delay: float = 0.0
    """Seconds before it begins."""
    seconds_per_byte: float = 0.0
    """The pause before each byte of the body."""
    hangs: bool = False
    """Whether it never begins."""
    resets: bool = False
    """Whether the connection is reset instead."""


def render(
    answer: Answer,
    *,
    task_id: str,
    created_at: datetime,
    now: datetime,
    updated_at: datetime | None = None,
    quota: Quota | None = None,
    legacy: bool = False,
) -> Rendered:
    """Render an answer as it looks on the wire.

    Args:
        answer: The answer.
        task_id: The id that was asked for.
        created_at: When the task was created.
        now: The time of the answer, for `Date` and the rate limit.
        updated_at: When the task last changed; None: when it was created.
        quota: The rate limit; the answer's own wins over it.
        legacy: Timestamps as RFC 3339 strings, as in the legacy chat API.
    """
    if isinstance(answer, HangAnswer):
        return Rendered(hangs=True, delay=answer.delay)
    if isinstance(answer, ResetAnswer):
        return Rendered(resets=True, delay=answer.delay)
    if isinstance(answer, BodyAnswer):
        status_code, headers, body = answer.status_code, dict(answer.headers), answer.body
    else:
        headers = {"content-type": "application/json"}
        if isinstance(answer, ErrorAnswer):
            status_code = answer.status_code
            headers |= answer.headers
            said = dict(answer.envelope)
            said["message"] = str(said["message"]).replace("{task_id}", task_id)
        elif isinstance(answer, TaskAnswer):
            status_code = 200
            said = _task(answer, task_id, created_at, updated_at or created_at, legacy=legacy)
        else:
            msg = f"cannot render {type(answer).__name__}"
            raise TypeError(msg)
        body = json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if quota := answer.quota or quota:
        headers |= _quota_headers(quota, now)
    headers |= {"date": format_datetime(now, usegmt=True), "content-length": str(len(body))}
    return Rendered(
        status_code,
        headers,
        body,
        delay=answer.delay,
        seconds_per_byte=answer.seconds_per_byte,
    )


def _task(
    answer: TaskAnswer, task_id: str, created_at: datetime, updated_at: datetime, *, legacy: bool
) -> dict[str, Any]:
    stamp = _rfc3339 if legacy else _nanoseconds
    said: dict[str, Any] = {
        "task_id": task_id,
        "status": answer.status,
        "created_at": stamp(created_at),
        "updated_at": stamp(updated_at),
        "duration": "1.23ms",
    }
    if answer.result is not None:
        said["result"] = answer.result
    if answer.error is not None:
        said["error"] = dict(answer.error)
    return said


def _quota_headers(quota: Quota, now: datetime) -> dict[str, str]:
    reset = quota.reset_after
    if not isinstance(reset, str):
        reset = str(math.ceil(now.timestamp() + reset))
    return {
        "x-ratelimit-limit": str(quota.limit),
        "x-ratelimit-remaining": str(quota.remaining),
        "x-ratelimit-reset": reset,
    }


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
