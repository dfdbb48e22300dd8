"""The values that waits give: one answer, how one wait ended, and the rate limit."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from ._text import brief, is_nested_deeply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

__all__ = ["RateLimitInfo", "TaskOutcome", "TaskSnapshot"]

# No other module knows which statuses are final.
_COMPLETED: Final = "completed"
_FAILED: Final = frozenset({"failed", "error"})


@dataclass(frozen=True, slots=True)
class RateLimitInfo:
    """The rate limit of an endpoint as of one answer (`X-RateLimit-*`).

    Stream counts requests per endpoint and minute, for the whole application together.
    """

    limit: int
    """Requests per window."""
    remaining: int
    """Requests left in this window."""
    reset: datetime
    """When the window ends, by the server's clock."""
    reset_after: timedelta
    """Time from the answer to the end of the window; it does not depend on the local clock."""


@dataclass(frozen=True, slots=True)
class _Json:
    """A payload that is nested too deeply to be pickled as it is."""

    text: str


@dataclass(frozen=True, slots=True, repr=False)
class TaskSnapshot:
    """One answer of `GET /api/v2/tasks/{id}`: what a task looked like at one moment.

    `result`, `error` and `raw` are the decoded JSON. They are shared, so do not change them.
    """

    task_id: str
    """The id in the answer; without one, the id that was asked for."""
    status: str = "unknown"
    """In lower case: `pending`, `waiting`, `running`, `completed`, `failed`, or a new one."""
    result: Any = None
    """The payload of a completed task; its shape depends on the operation."""
    error: Any = None
    """The failure as the server sent it; `StreamTaskException` holds it field by field."""
    created_at: datetime | None = None
    """When the task was created (UTC); None if missing or unreadable."""
    updated_at: datetime | None = None
    """When the task last changed (UTC); None if missing or unreadable."""
    duration: str | None = None
    """How long this answer took on the server, for example `"36.23ms"`."""
    rate_limit: RateLimitInfo | None = None
    """The rate limit that this answer gave, if any."""
    raw: Mapping[str, Any] | None = None
    """The whole answer, unknown fields included."""

    @property
    def is_completed(self) -> bool:
        """Whether the task completed."""
        return self.status == _COMPLETED

    @property
    def is_failed(self) -> bool:
        """Whether the task failed."""
        return self.status in _FAILED

    @property
    def is_done(self) -> bool:
        """Whether the task ended: it completed or failed."""
        return self.is_completed or self.is_failed

    def __repr__(self) -> str:
        """Show the fields, long ones cut."""
        return _shown(self)

    def __getstate__(self) -> list[object]:
        return [_packed(getattr(self, each.name)) for each in fields(self)]

    def __setstate__(self, state: list[object]) -> None:
        for each, value in zip(fields(self), state, strict=True):
            object.__setattr__(self, each.name, _unpacked(value))


@dataclass(frozen=True, slots=True, repr=False)
class TaskOutcome:
    """How one wait ended, as a value."""

    task_id: str
    """The id of the task."""
    snapshot: TaskSnapshot | None = None
    """The last answer, or None if there was none."""
    error: Exception | None = None
    """What ended the wait, or None if the task completed."""
    polls: int = 0
    """How many answers came; after a deadline, how many requests were sent."""
    elapsed: float = 0.0
    """How long the wait took, in seconds."""
    replayed: bool = field(default=False, compare=False)
    """Whether a journal gave it: the wait was over before, and is not repeated."""

    @property
    def ok(self) -> bool:
        """Whether the task completed."""
        return self.error is None

    @property
    def result(self) -> Any:
        """The payload, or None if there is none."""
        return None if self.snapshot is None else self.snapshot.result

    def unwrap(self) -> Any:
        """Return the payload, or raise what ended the wait.

        Raises:
            Exception: `error`, if there is one.
        """
        if self.error is not None:
            raise self.error
        return self.result

    def __repr__(self) -> str:
        """Show the fields, long ones cut."""
        return _shown(self)


def _shown(value: TaskSnapshot | TaskOutcome) -> str:
    shown = (f"{each.name}={brief(getattr(value, each.name))}" for each in fields(value))
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
