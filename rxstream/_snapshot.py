"""One polled answer as a value: parsed once, here, and tolerant of what the wire may bring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ._checks import to_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "RateLimitInfo",
    "TaskOutcome",
    "TaskSnapshot",
    "as_mapping",
    "failure_of",
    "named_by",
]

# The only place that knows which statuses are terminal.
_COMPLETED: Final = "completed"
_FAILED: Final = frozenset({"failed", "error"})

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS: Final = ("task_id", "status", "result", "error", "created_at", "updated_at", "duration")
_ERROR_FIELDS: Final = ("type", "description", "stacktrace", "version")


@dataclass(frozen=True, slots=True)
class RateLimitInfo:
    """The rate limit of an endpoint as of one answer (`X-RateLimit-*`).

    Limits are per endpoint and minute, with one counter for the whole application.
    """

    limit: int
    """Requests per window."""
    remaining: int
    """Requests left in this window."""
    reset: datetime
    """When the window ends, by the server's clock."""
    reset_after: timedelta
    """How long that is from the moment of the answer, whatever the local clock says."""


@dataclass(frozen=True, slots=True)
class TaskSnapshot:
    """One answer of `GET /api/v2/tasks/{id}`: what a task looked like at one moment.

    Frozen; `result`, `error` and `raw` are the decoded JSON and are shared, so treat them as
    read-only.
    """

    task_id: str
    """The id as the server says it, or the id that was asked for where it says none."""
    status: str = "unknown"
    """In lower case: `pending`, `waiting`, `running`, `completed`, `failed`, or a new one."""
    result: Any = None
    """The payload, once completed; its shape depends on the operation."""
    error: Any = None
    """What the server says of a failure, as sent; `StreamTaskException` has it by field."""
    created_at: datetime | None = None
    """When the task was made (UTC), or None where missing or unreadable."""
    updated_at: datetime | None = None
    """When the task last changed (UTC), or None where missing or unreadable."""
    duration: str | None = None
    """How long this answer took on the server, for example `"36.23ms"`."""
    rate_limit: RateLimitInfo | None = None
    """The rate limit as of this answer, if it named one."""
    raw: Mapping[str, Any] | None = None
    """The whole answer, fields that nobody has heard of included."""

    @property
    def is_completed(self) -> bool:
        """The task ended well."""
        return self.status == _COMPLETED

    @property
    def is_failed(self) -> bool:
        """The task ended badly."""
        return self.status in _FAILED

    @property
    def is_done(self) -> bool:
        """The task ended, well or badly."""
        return self.is_completed or self.is_failed

    @classmethod
    def from_mapping(
        cls,
        data: Mapping[str, Any],
        *,
        task_id: str,
        rate_limit: RateLimitInfo | None = None,
    ) -> TaskSnapshot | None:
        """Read the JSON object of an answer, or tell with None that it is not a task.

        Args:
            data: The decoded object.
            task_id: The id that was asked for.
            rate_limit: The rate limit as of this answer.
        """
        said_id, status, duration = data.get("task_id"), data.get("status"), data.get("duration")
        if said_id is None and status is None:
            return None
        return cls(
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


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """How one wait ended, as a value."""

    task_id: str
    """The id that was waited on."""
    snapshot: TaskSnapshot | None = None
    """The last answer, or None if there was none."""
    error: Exception | None = None
    """What ended the wait, or None if the task completed."""
    polls: int = 0
    """How many answers there were; at a deadline, how many requests."""
    elapsed: float = 0.0
    """How long the wait took, in seconds."""

    @property
    def ok(self) -> bool:
        """The task completed."""
        return self.error is None

    @property
    def result(self) -> Any:
        """The payload; None where there is none."""
        return None if self.snapshot is None else self.snapshot.result

    def unwrap(self) -> Any:
        """Give the payload, or raise what ended the wait.

        Raises:
            Exception: `error`, where there is one.
        """
        if self.error is not None:
            raise self.error
        return self.result


def as_mapping(data: object) -> Mapping[str, Any]:
    """Read an answer that another client has already turned into an object with attributes."""
    mapping = to_mapping(data)
    if mapping is not None:
        return mapping
    fields = {name: getattr(data, name, None) for name in _FIELDS}
    error = fields["error"]
    if hasattr(error, "type") or hasattr(error, "description"):
        fields["error"] = {name: getattr(error, name, None) for name in _ERROR_FIELDS}
    return fields


def named_by(event: object) -> object:
    """The id of the task that an event is about; None: it names none, and may be about any."""
    fields = to_mapping(event)
    return getattr(event, "task_id", None) if fields is None else fields.get("task_id")


def failure_of(snapshot: TaskSnapshot) -> dict[str, str | None]:
    """Read the reason of a failed task from wherever the server put it: the exception's fields."""
    said: dict[str, Any] = {}
    for place in (snapshot.result, snapshot.error):  # the later one wins
        found = to_mapping(place)
        if found is not None:
            said.update({k: found[k] for k in _ERROR_FIELDS if _text(found.get(k))})
        elif place is not None:
            said["description"] = place
    kind, description, stack_trace, version = (_text(said.get(name)) for name in _ERROR_FIELDS)
    return {
        "error_type": kind or "unknown",
        "description": description or "",
        "stack_trace": stack_trace,
        "version": version,
    }


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _timestamp(value: object) -> datetime | None:
    """Nanoseconds since the epoch as a number or a numeric string, ISO 8601, or a datetime."""
    try:
        if isinstance(value, str):
            text = value.strip()
            if not text.lstrip("-").isdigit():
                return _utc(datetime.fromisoformat(text))
            value = int(text)
        if isinstance(value, datetime):
            return _utc(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(microseconds=int(value) // 1000)
    except (ValueError, OverflowError):
        pass
    return None


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
