"""Reads the JSON object of a task field by field; bad fields do no harm."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from .._checks import is_number, to_mapping
from .._text import cut, shown
from .._values import TaskSnapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._text import Cut
    from .._values import RateLimitInfo

__all__ = ["about_another", "as_mapping", "failure_of", "moment_of", "snapshot_of", "task_id_of"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS: Final = ("task_id", "status", "result", "error", "created_at", "updated_at", "duration")
_LONGEST_TIME: Final = 64
_ERROR_FIELDS: Final = ("type", "description", "stacktrace", "version")


def snapshot_of(
    data: Mapping[str, Any], *, task_id: str, rate_limit: RateLimitInfo | None = None
) -> TaskSnapshot | None:
    """Read the JSON object of an answer; None: it is not a task.

    Args:
        data: The decoded object.
        task_id: The id that was asked for.
        rate_limit: The rate limit that this answer gave.
    """
    said_id, status, duration = data.get("task_id"), data.get("status"), data.get("duration")
    if said_id is None and status is None:
        return None
    return TaskSnapshot(
        task_id=said_id if isinstance(said_id, str) and said_id else task_id,
        status=(status.strip().lower() if isinstance(status, str) else "") or "unknown",
        result=data.get("result"),
        error=data.get("error"),
        created_at=_timestamp(data.get("created_at")),
        updated_at=_timestamp(data.get("updated_at")),
        duration=duration if isinstance(duration, str) else None,
        rate_limit=rate_limit,
        raw=data,
    )


def about_another(snapshot: TaskSnapshot, task_id: str, by: Cut = cut) -> str:
    """What is wrong with an answer that is about another task than the one asked for."""
    said = snapshot.task_id
    # Ids are UUIDs, which are the same in either case.
    if said == task_id or said.casefold() == task_id.casefold():
        return ""
    return f"The answer is about another task: {by(said)!r}, not {by(task_id)!r}"


def as_mapping(data: object) -> Mapping[str, Any]:
    """Read the answer of another client, a mapping or an object with attributes."""
    mapping = to_mapping(data)
    if mapping is not None:
        return mapping
    fields = {name: getattr(data, name, None) for name in _FIELDS}
    error = fields["error"]
    if hasattr(error, "type") or hasattr(error, "description"):
        fields["error"] = {name: getattr(error, name, None) for name in _ERROR_FIELDS}
    return fields


def task_id_of(event: object) -> object:
    """The id of the task that an event is about; None: none that can be read; it may be any."""
    with suppress(Exception):
        fields = to_mapping(event)
        return getattr(event, "task_id", None) if fields is None else fields.get("task_id")
    return None


def moment_of(event: Mapping[str, Any]) -> datetime | None:
    """When an event of a webhook happened, by its latest date; None: it has none."""
    dates = map(_timestamp, (event.get("created_at"), event.get("finished_at")))
    return max((date for date in dates if date is not None), default=None)


def failure_of(snapshot: TaskSnapshot, by: Cut = cut) -> dict[str, str | None]:
    """Read the reason of a failed task from wherever the server put it: the exception's fields.

    It never raises, whatever another client put into the snapshot: the wait is about to end.
    """
    said: dict[str, Any] = {}
    for place in (snapshot.result, snapshot.error):  # the later one wins
        with suppress(Exception):
            found = to_mapping(place)
            if found is not None:
                said.update({k: found[k] for k in _ERROR_FIELDS if _says(found.get(k))})
            elif place is not None:
                said["description"] = place
    kind, description, stack_trace, version = (
        shown(said[name], by) if _says(said.get(name)) else None for name in _ERROR_FIELDS
    )
    return {
        "error_type": kind or "unknown",
        "description": description or "",
        "stack_trace": stack_trace,
        "version": version,
    }


def _says(value: object) -> bool:
    return value is not None and not (isinstance(value, str) and not value)


def _timestamp(value: object) -> datetime | None:
    """Nanoseconds since the epoch as a number or a numeric string, ISO 8601, or a datetime."""
    with suppress(ValueError, OverflowError):
        if isinstance(value, str):
            text = value[:_LONGEST_TIME].strip()
            if not text.lstrip("-").isdigit():
                return _utc(datetime.fromisoformat(text))
            value = int(text)
        if isinstance(value, datetime):
            return _utc(value)
        if is_number(value):
            return _EPOCH + timedelta(microseconds=int(value) // 1000)
    return None


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
