"""What other clients' `get_task` returns, whatever reading it may raise."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from .._checks import to_mapping
from .._text import shown
from .._values import is_snapshot
from ..errors import InvalidResponseException
from .fields import about_another, as_mapping, snapshot_of
from .headers import read_rate_limit
from .messages import http_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._values import RateLimitInfo, TaskSnapshot

__all__ = ["read_answer", "read_start"]


def read_answer(answer: object, task_id: str) -> TaskSnapshot:
    """Read what some client's `get_task` returned.

    Args:
        answer: A `TaskSnapshot`, a mapping, or an object with `.data` (a mapping or attributes).
        task_id: The id that was asked for.

    Raises:
        InvalidResponseException: It is none of these, or not this task, or reading it raises.
    """
    try:
        if is_snapshot(answer) and isinstance(cast("object", answer.status), str):
            return answer  # of our own clients, or of whoever made it knowing which task it is
        snapshot, status_code = _read_foreign(answer, task_id)
        wrong = (
            f"get_task returned {type(answer).__name__}, which holds no task"
            if snapshot is None
            else about_another(snapshot, task_id)
        )
    except Exception as error:
        raise InvalidResponseException(
            status_code=None,
            message=f"What get_task returned cannot be read: {type(error).__name__}: "
            f"{shown(error)}",
        ) from error
    if snapshot is None or wrong:
        raise InvalidResponseException(status_code=status_code, message=wrong)
    return snapshot


def read_start(answer: object) -> tuple[str | None, RateLimitInfo | None]:
    """Read what an operation of some client returned: the id of the task, and the rate limit.

    The id is None where there is nothing to wait for.

    Args:
        answer: An id, None, a mapping with `task_id`, or an object with `.data` (as above).

    Raises:
        InvalidResponseException: It is none of these, or reading it raises.
    """
    if answer is None or isinstance(answer, str):
        return answer or None, None
    try:
        mapping = to_mapping(answer)
        data: object = getattr(answer, "data", None) if mapping is None else mapping
        if data is not None:
            task_id = as_mapping(data).get("task_id")
            is_id = isinstance(task_id, str) and bool(task_id)
            return cast("str", task_id) if is_id else None, _rate_limit(answer)
    except Exception as error:
        raise InvalidResponseException(
            status_code=None,
            message=f"What the operation returned cannot be read: {type(error).__name__}: "
            f"{shown(error)}",
        ) from error
    raise InvalidResponseException(
        status_code=None,
        message=f"The operation returned {type(answer).__name__}, which is no handle and no id",
    )


def _read_foreign(answer: object, task_id: str) -> tuple[TaskSnapshot | None, int | None]:
    mapping = to_mapping(answer)
    data: object = getattr(answer, "data", None) if mapping is None else mapping
    if data is not None:
        limit = _rate_limit(answer)
        snapshot = snapshot_of(as_mapping(data), task_id=task_id, rate_limit=limit)
        if snapshot is not None:
            return snapshot, None
    return None, http_status(_called(answer, "status_code"))


def _rate_limit(answer: object) -> RateLimitInfo | None:
    # Official clients offer headers() on their answers; anything else goes without.
    headers = to_mapping(_called(answer, "headers")) or {}
    return read_rate_limit({str(name).lower(): str(value) for name, value in headers.items()})


def _called(answer: object, name: str) -> object:
    method = getattr(answer, name, None)
    return cast("Callable[[], object]", method)() if callable(method) else None
