"""The calls that start a task, as Stream describes them (OpenAPI v236)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import unquote

from .._checks import to_mapping
from ._bodies import Body, Check, flag, listed, needed, one_of, refuse, whole
from ._call_object import call_object
from ._faults import raw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._answers import Answer

__all__ = ["OPERATIONS", "Asked", "Operation", "operation_of"]

_CREATED: Final = 201
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for."""

    body: Body
    """The JSON object of the request; empty where it has none."""
    ids: Mapping[str, str]
    """The ids in the path, by their names in the template."""
    at: datetime
    """When it came."""


Payload: TypeAlias = Callable[[Asked], Any]


def _nothing(_asked: Asked) -> Any:
    return {}


def _always(_asked: Asked) -> bool:
    return True


@dataclass(frozen=True)
class Operation:
    """One call that may start a task."""

    method: str
    path: str
    """The path, with `{name}` for each id in it."""
    checks: tuple[Check, ...] = ()
    """What the body must be like."""
    result: Payload = _nothing
    """The payload of the finished task."""
    starts: Callable[[Asked], bool] = _always
    """Whether there is a task at all; otherwise the answer has no `task_id`."""
    says: Payload = _nothing
    """What the answer holds besides `task_id` and `duration`."""
    status_code: int = _CREATED
    longest_id: int = field(default=255, kw_only=True)
    """How many characters each id in the path may have."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the path as it is sent, percent-encoded."""
        return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.path))

    def check(self, asked: Asked) -> None:
        """Check what is asked for.

        Raises:
            Refused: With the 400 that says what is wrong.
        """
        for name, value in asked.ids.items():
            if len(value) > self.longest_id:
                refuse(f"cannot exceed {self.longest_id} characters", name)
        for check in self.checks:
            check(asked.body)

    def answer(self, asked: Asked, task_id: str | None) -> Answer:
        """Make the answer to a call that is not refused.

        Args:
            asked: What is asked for.
            task_id: The task that was started; None: there is none, and no `task_id` either.
        """
        started = {} if task_id is None else {"task_id": task_id}
        said = {**self.says(asked), **started, "duration": "1.23ms"}
        return raw(said, status_code=self.status_code)


def operation_of(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """Find the operation of a request, and the ids in its path; None: there is none.

    Args:
        method: The HTTP method.
        path: The path as it is sent, percent-encoded.
    """
    for operation in OPERATIONS:
        match = operation.pattern.fullmatch(path)
        if match is not None and operation.method == method:
            return operation, {name: unquote(value) for name, value in match.groupdict().items()}
    return None


def _link(kind: str) -> Payload:
    def payload(asked: Asked) -> Any:
        day = asked.at.astimezone(UTC).date()
        return {"url": f"https://example.com/exports/{kind}/{day}.json?signature=rxstream"}

    return payload


def _ok_by(name: str) -> Payload:
    return lambda asked: {item: {"status": "ok"} for item in asked.body[name]}


def _deactivated(asked: Asked) -> Any:
    at = asked.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"users": [{"id": each, "deactivated_at": at} for each in asked.body["user_ids"]]}


def _batch(asked: Asked) -> Any:
    return {
        "operation": asked.body["operation"],
        "status": "ok",
        "success_channels_count": 1,
        "failed_channels": [],
    }


def _deleted_call(asked: Asked) -> Any:
    return {f"{asked.ids['type']}:{asked.ids['id']}": {"status": "ok"}}


def _call(asked: Asked) -> Any:
    return {"call": call_object(asked.ids["type"], asked.ids["id"], asked.at)}


def _is_hard(asked: Asked) -> bool:
    return asked.body.get("hard") is True


def _has_media(asked: Asked) -> bool:
    # Inferred: the description says only that there may be a task, and media take longer than text.
    payload = to_mapping(asked.body.get("moderation_payload")) or {}
    return any(payload.get(kind) for kind in ("images", "videos"))


def _verdict(asked: Asked) -> Any:
    status = "pending" if _has_media(asked) else "completed"
    return {"status": status, "recommended_action": "keep"}


_SOFT_OR_HARD: Final = ("soft", "hard")
_WITH_PRUNING: Final = ("soft", "pruning", "hard")
_CHANGES: Final = (
    *("addMembers", "removeMembers", "inviteMembers", "invites", "assignRoles"),
    *("addModerators", "demoteModerators", "hide", "show", "archive", "unarchive", "updateData"),
    # Newer than the description.
    "addMembersHideHistory",
)
_HUNDRED_USERS: Final = listed("user_ids", 100)


def _operations(chat: str, other: str) -> tuple[Operation, ...]:
    """Make the operations that the legacy chat API has too, at other paths."""
    return (
        Operation(
            "POST",
            f"{chat}/channels/delete",
            (listed("cids", 100), flag("hard_delete")),
            _ok_by("cids"),
        ),
        Operation(
            "POST",
            f"{chat}/export_channels",
            (listed("channels", 100, kind=dict),),
            _link("channels"),
        ),
        Operation(
            "PUT",
            f"{chat}/channels/batch",
            (
                needed("operation"),
                one_of("operation", *_CHANGES),
                needed("filter", dict),
                listed("members", 100, kind=dict, is_needed=False),
            ),
            _batch,
        ),
        Operation(
            "POST",
            f"{other}/users/delete",
            (
                _HUNDRED_USERS,
                one_of("user", *_WITH_PRUNING),
                one_of("messages", *_WITH_PRUNING),
                one_of("conversations", *_SOFT_OR_HARD),
                one_of("calls", *_SOFT_OR_HARD),
            ),
            _ok_by("user_ids"),
        ),
        Operation("POST", f"{other}/users/deactivate", (_HUNDRED_USERS,), _deactivated),
        Operation("POST", f"{other}/users/reactivate", (_HUNDRED_USERS,)),
        Operation("POST", f"{other}/export/users", (listed("user_ids", 25),), _link("users")),
    )


_FEEDS: Final = "/api/v2/feeds"
_MODERATION: Final = "/api/v2/moderation"

OPERATIONS: Final[tuple[Operation, ...]] = (
    *_operations("/api/v2/chat", "/api/v2"),
    *_operations("", ""),
    Operation(
        "POST", "/api/v2/blocklists/{id}/import", (listed("items"), whole("chunk_size", least=1))
    ),
    Operation(
        "POST",
        "/api/v2/video/call/{type}/{id}/delete",
        (flag("hard"),),
        _deleted_call,
        _is_hard,
        _call,
        longest_id=64,
    ),
    Operation("DELETE", f"{_FEEDS}/feed_groups/{{group}}/feeds/{{id}}", status_code=_OK),
    Operation("POST", f"{_FEEDS}/feeds/delete", (listed("feeds", 100), flag("hard_delete"))),
    Operation("POST", f"{_FEEDS}/users/{{id}}/delete", (flag("hard_delete"),)),
    Operation("POST", f"{_FEEDS}/users/{{id}}/export"),
    Operation("POST", f"{_MODERATION}/bulk_image_moderation", (needed("csv_file"),)),
    Operation(
        "POST",
        f"{_MODERATION}/check",
        (needed("entity_creator_id"), needed("entity_id"), needed("entity_type")),
        starts=_has_media,
        says=_verdict,
    ),
)
