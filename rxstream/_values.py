"""The values that waits give: one answer, how one wait ended, and the rate limit."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from ._text import brief, is_nested_deeply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

__all__ = ["RateLimitInfo", "TaskOutcome", "TaskSnapshot"]

# The only place that knows which statuses are terminal.
_COMPLETED: Final = "completed"
_FAILED: Final = frozenset({"failed", "error"})


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
class _Json:
    """A payload that is nested too deeply to be pickled as it is."""

    text: str


@dataclass(frozen=True, slots=True, repr=False)
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

    def __repr__(self) -> str:
        """Show the fields, long ones cut."""
        return _shown(self)

    def __getstate__(self) -> list[object]:
        return [_packed(getattr(self, field.name)) for field in fields(self)]

    def __setstate__(self, state: list[object]) -> None:
        for field, value in zip(fields(self), state, strict=True):
            object.__setattr__(self, field.name, _unpacked(value))


@dataclass(frozen=True, slots=True, repr=False)
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

    def __repr__(self) -> str:
        """Show the fields, long ones cut."""
        return _shown(self)


def _shown(value: TaskSnapshot | TaskOutcome) -> str:
    shown = (f"{field.name}={brief(getattr(value, field.name))}" for field in fields(value))
    return f"{type(value).__name__}({', '.join(shown)})"


def _packed(value: object) -> object:
    if not is_nested_deeply(value):
        return value
    try:
        return _Json(json.dumps(value))
    except (RecursionError, TypeError, ValueError):  # no JSON: for pickle to judge
        return value


def _unpacked(value: object) -> object:
    return json.loads(value.text) if isinstance(value, _Json) else value
