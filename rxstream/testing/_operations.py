"""The calls that start a task: their arguments, and the payload of the finished task."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from ._auth import Refused
from ._faults import http_error

__all__ = ["OPERATIONS", "Operation", "read_body"]

Body: TypeAlias = Mapping[str, Any]
Ids: TypeAlias = Mapping[str, str]


def _nothing(_body: Body, _ids: Ids) -> Any:
    return {}


def _url(_body: Body, _ids: Ids) -> Any:
    return {"url": "https://example.com/export.json?signature=rxstream"}


def _ok_by(name: str) -> Callable[[Body, Ids], Any]:
    return lambda body, _: {item: {"status": "ok"} for item in body[name]}


def _users(body: Body, _ids: Ids) -> Any:
    return {"users": [{"id": user_id} for user_id in body["user_ids"]]}


def _batch(body: Body, _ids: Ids) -> Any:
    return {
        "operation": body.get("operation", ""),
        "status": "ok",
        "success_channels_count": 1,
        "failed_channels": [],
    }


def _call(_body: Body, ids: Ids) -> Any:
    return {f"{ids['type']}:{ids['id']}": {"status": "ok"}}


def _always(_body: Body) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Operation:
    """One call that may start a task."""

    method: str
    path: str
    """The path, with `{name}` for each id in it."""
    items: str | None = None
    """The field that must hold a list that is not empty; None: there is none."""
    kind: type = str
    """The type of the entries in that list."""
    most: int | None = None
    """The most entries of that list; None: no limit."""
    result: Callable[[Body, Ids], Any] = _nothing
    """The payload of the finished task."""
    starts: Callable[[Body], bool] = _always
    """Whether there is a task at all; otherwise the answer's `task_id` is null."""

    def check(self, body: Body) -> None:
        """Check the body of a request.

        Raises:
            Refused: With the 400 that says what is wrong.
        """
        if self.items is not None and (problem := self._problem_with(body.get(self.items))):
            message = f"{self.items} {problem}"
            raise _bad_input(message, self.items)

    def _problem_with(self, items: object) -> str | None:
        if not isinstance(items, list) or not items:
            return "must be a list with at least one element"
        listed = cast("list[object]", items)
        if not all(isinstance(item, self.kind) and item for item in listed):
            return "has an element of the wrong type"
        if self.most is not None and len(listed) > self.most:
            return f"cannot exceed {self.most} elements"
        return None


def read_body(body: bytes) -> Body:
    """Read a request's body: a JSON object, or nothing.

    Raises:
        Refused: It is neither.
    """
    if not body.strip():
        return {}
    try:
        data: Any = json.loads(body)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        problem = "the body is not a JSON object"
        raise _bad_input(problem)
    return cast("dict[str, Any]", data)


def _bad_input(message: str, name: str | None = None) -> Refused:
    fields = None if name is None else {name: message}
    return Refused(http_error(400, message=message, exception_fields=fields))


def _is_hard_delete(body: Body) -> bool:
    return body.get("hard_delete") is True


def _is_hard(body: Body) -> bool:
    return body.get("hard") is True


def _operations(chat: str, other: str) -> tuple[Operation, ...]:
    """Make the operations that the legacy chat API has too, at other paths."""
    return (
        Operation(
            "POST",
            f"{chat}/channels/delete",
            items="cids",
            most=100,
            result=_ok_by("cids"),
            starts=_is_hard_delete,
        ),
        Operation(
            "POST", f"{chat}/export_channels", items="channels", kind=dict, most=25, result=_url
        ),
        Operation("PUT", f"{chat}/channels/batch", result=_batch),
        Operation(
            "POST", f"{other}/users/delete", items="user_ids", most=100, result=_ok_by("user_ids")
        ),
        Operation("POST", f"{other}/users/deactivate", items="user_ids", result=_users),
        Operation("POST", f"{other}/users/reactivate", items="user_ids"),
        Operation("POST", f"{other}/export/users", items="user_ids", most=25, result=_url),
    )


_FEEDS: Final = "/api/v2/feeds"

OPERATIONS: Final[tuple[Operation, ...]] = (
    *_operations("/api/v2/chat", "/api/v2"),
    *_operations("", ""),
    Operation("POST", "/api/v2/blocklists/{id}/import", items="items"),
    Operation("POST", "/api/v2/video/call/{type}/{id}/delete", result=_call, starts=_is_hard),
    Operation("DELETE", f"{_FEEDS}/feed_groups/{{group}}/feeds/{{id}}"),
    Operation("POST", f"{_FEEDS}/feeds/delete", items="feeds"),
    Operation("POST", f"{_FEEDS}/users/{{id}}/delete"),
    Operation("POST", f"{_FEEDS}/users/{{id}}/export"),
    Operation("POST", "/api/v2/moderation/bulk_image_moderation"),
)
