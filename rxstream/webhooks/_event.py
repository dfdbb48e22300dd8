"""One event of a webhook."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from .._checks import to_mapping
from .._text import brief
from .._wire.fields import moment_of, task_id_of
from ._fault import InvalidWebhookException

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["WebhookEvent", "event_of"]

# By the last word of the types that are about a task: `export.users.success`.
_STATUS: Final = {
    "started": "running",
    "success": "completed",
    "completed": "completed",
    "error": "failed",
}
_ENDS: Final = {"completed", "failed"}


@dataclass(frozen=True, slots=True, repr=False)
class WebhookEvent:
    """What Stream told by one webhook.

    It is a hint, and only a poll decides: events come twice, out of order, or not at all.
    """

    type: str
    """For example `export.users.success`."""
    task_id: str | None
    """The task that it is about; None: it is about none."""
    status: str | None
    """What its type says of the task: `running`, `completed` or `failed`; None: nothing."""
    occurred_at: datetime | None
    """When it happened (UTC); None if missing or unreadable."""
    raw: Mapping[str, Any]
    """The decoded JSON, unknown fields included. It is shared, so do not change it."""

    @property
    def is_end(self) -> bool:
        """Whether its type says that the task has ended."""
        return self.status in _ENDS

    def __repr__(self) -> str:
        """Show the fields, long ones cut."""
        shown = (f"{field.name}={brief(getattr(self, field.name))}" for field in fields(self))
        return f"WebhookEvent({', '.join(shown)})"


def event_of(data: object) -> WebhookEvent:
    """Read a decoded body.

    Raises:
        InvalidWebhookException: It is no object with a `type`.
    """
    said = to_mapping(data)
    kind = None if said is None else said.get("type")
    if said is None or not isinstance(kind, str) or not kind:
        msg = "The webhook is not a JSON object with a type"
        raise InvalidWebhookException(fault="not_an_event", message=msg)
    task_id = task_id_of(said)
    return WebhookEvent(
        type=kind,
        task_id=task_id if isinstance(task_id, str) and task_id else None,
        status=_status_of(kind),
        occurred_at=moment_of(said),
        raw=said,
    )


def _status_of(kind: str) -> str | None:
    about, _, what = kind.rpartition(".")
    is_of_a_task = about == "channel_batch_update" or about.startswith("export.")
    return _STATUS.get(what) if is_of_a_task else None
