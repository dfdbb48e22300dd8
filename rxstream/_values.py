"""The values of waits: what was started, one answer, how one wait ended, and the rate limit."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Generic, TypeGuard, cast

from typing_extensions import TypeVar

from ._frozen import frozen
from ._json import error_to_json, packed, to_json, unpacked
from ._text import labelled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

__all__ = [
    "BaseTaskHandle",
    "RateLimitInfo",
    "T",
    "TaskOutcome",
    "TaskSnapshot",
    "frozen",
    "is_snapshot",
]

T = TypeVar("T", default=Any)
"""The payload of a task; of a bare id nothing is known."""
T_co = TypeVar("T_co", covariant=True, default=Any)

# No other module knows which statuses are final.
_COMPLETED: Final = "completed"
_FAILED: Final = frozenset({"failed", "error"})

_BESIDE: Final = frozenset({"raw", "rate_limit"})


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


@frozen
@dataclass(frozen=True, slots=True, repr=False)
class BaseTaskHandle(Generic[T_co]):
    """What an operation started: pass it to whatever takes the id of a task.

    Equal are handles of the same class, operation and items with the same id and error. A handle
    can be pickled.
    """

    task_id: str | None
    """The id of the task. None: there is nothing to wait for, or nothing was started."""
    operation: str = ""
    """The name of the operation that started it."""
    items: tuple[Any, ...] = ()
    """What it was started with: the users, the channels."""
    error: Exception | None = None
    """Why it could not be started, if so; the wait ends with it."""
    answer: Mapping[str, Any] | None = field(default=None, compare=False)
    """What Stream answered to the start, whole; it is shared, so do not change it."""
    rate_limit: RateLimitInfo | None = field(default=None, compare=False)
    """The rate limit of the operation as of that answer, if it gave one."""

    def __str__(self) -> str:
        """Return the id; empty where there is none."""
        return self.task_id or ""

    def __repr__(self) -> str:
        """Show the id, the operation and how many items, and the error if there is one."""
        shown = {"task_id": self.task_id, "operation": self.operation, "items": len(self.items)}
        return labelled(
            type(self).__name__, shown | ({"error": self.error} if self.error is not None else {})
        )

    def __hash__(self) -> int:
        """Leave out the items, which may be mappings."""
        return hash((self.task_id, self.operation))

    # Not __getstate__, which a dataclass with slots replaces in each subclass.
    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the fields of this class, and no client, which holds the secret."""
        known = (self.task_id, self.operation, self.items, self.error)
        return _handle_of, (type(self), known, packed(self.answer))


def _handle_of(
    kind: type[BaseTaskHandle], known: tuple[Any, Any, Any, Any], answer: Any
) -> BaseTaskHandle:
    return kind(*known, cast("Any", unpacked(answer)))


@frozen
@dataclass(frozen=True, slots=True, repr=False)
class TaskSnapshot(Generic[T_co]):
    """One answer of `GET /api/v2/tasks/{id}`: what a task looked like at one moment.

    `result`, `error` and `raw` are the decoded JSON. They are shared, so do not change them.
    """

    task_id: str
    """The id in the answer; without one, the id that was asked for."""
    status: str = "unknown"
    """In lower case: `pending`, `waiting`, `running`, `completed`, `failed`, or a new one."""
    result: T_co = cast("Any", None)  # noqa: RUF009 -- None, of whatever type
    """The payload of a completed task, and None before; its shape depends on the operation."""
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

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as `json.dumps` takes them, without `raw` and `rate_limit`.

        Returns:
            `task_id, status, result, error, created_at, updated_at, duration`; times are ISO 8601.
        """
        names = (field.name for field in fields(self))
        return {name: to_json(getattr(self, name)) for name in names if name not in _BESIDE}

    def __repr__(self) -> str:
        """Show the fields that say something on one line, long ones cut, and not `raw`."""
        return labelled(type(self).__name__, _told(self))

    def __getstate__(self) -> list[object]:
        return [packed(getattr(self, field.name)) for field in fields(self)]

    def __setstate__(self, state: list[object]) -> None:
        for each, item in zip(fields(self), state, strict=True):
            object.__setattr__(self, each.name, unpacked(item))


@frozen
@dataclass(frozen=True, slots=True, repr=False)
class TaskOutcome(Generic[T_co]):
    """How one wait ended, as a value."""

    task_id: str
    """The id of the task; empty where there was none."""
    snapshot: TaskSnapshot[T_co] | None = None
    """The last answer, or None if there was none."""
    error: Exception | None = None
    """What ended the wait, or None if the task completed."""
    polls: int = 0
    """How many answers came; after a deadline, how many requests were sent."""
    elapsed: float = 0.0
    """How long the wait took, in seconds."""
    items: tuple[Any, ...] = ()
    """What the task was started with, if the wait was for a handle."""
    replayed: bool = field(default=False, compare=False)
    """Whether a journal gave it: the wait was over before, and is not repeated."""

    @property
    def ok(self) -> bool:
        """Whether the task completed."""
        return self.error is None

    @property
    def result(self) -> T_co:
        """The payload, or None if there is none."""
        return cast("Any", None) if self.snapshot is None else self.snapshot.result

    def unwrap(self) -> T_co:
        """Return the payload, or raise what ended the wait.

        Raises:
            Exception: `error`, if there is one.
        """
        if self.error is not None:
            raise self.error
        return self.result

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as `json.dumps` takes it.

        Returns:
            `task_id, status, result, error, polls, elapsed, items`. `status` is the last one seen,
            or None. `error` is None, or has `type` and `message`, and what else the exception
            knows: `error_type`, `description`, `stack_trace`, `version`, `status_code`, `code`,
            `request_id`.
        """
        return {
            "task_id": self.task_id,
            "status": None if self.snapshot is None else self.snapshot.status,
            "result": to_json(self.result),
            "error": None if self.error is None else error_to_json(self.error),
            "polls": self.polls,
            "elapsed": self.elapsed,
            "items": to_json(self.items),
        }

    def __repr__(self) -> str:
        """Show the fields that say something on one line, long ones cut."""
        return labelled(type(self).__name__, _told(self))


def is_snapshot(value: object) -> TypeGuard[TaskSnapshot]:
    """Whether a value is a snapshot, told so that type checkers know of which type."""
    return isinstance(value, TaskSnapshot)


def is_outcome(value: object) -> TypeGuard[TaskOutcome]:
    """Whether a value is an outcome, told so that type checkers know of which type."""
    return isinstance(value, TaskOutcome)


def _told(value: TaskSnapshot | TaskOutcome) -> dict[str, object]:
    """The fields that differ from their default."""
    found = ((field, getattr(value, field.name)) for field in fields(value) if field.name != "raw")
    return {
        field.name: round(it, 3) if isinstance(it, float) else it
        for field, it in found
        if it is not field.default
    }
