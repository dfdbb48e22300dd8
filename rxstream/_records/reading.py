"""From a text to its outcome."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from .._text import shown
from .._values import RateLimitInfo, TaskOutcome, TaskSnapshot
from .common import CLASSES, OF_OUTCOMES, OF_SNAPSHOTS, RecordError, in_any_depth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["from_record"]


def from_record(task_id: str, text: str, *, replayed: bool = False) -> TaskOutcome:
    """Give the outcome that a text was made of.

    Args:
        task_id: The id of the task.
        text: The text.
        replayed: What the outcome says of itself.

    Raises:
        RecordError: It was made of none.
    """
    try:
        data = in_any_depth(json.loads, text)
        return _outcome(task_id, data, replayed=replayed)
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError) as e:
        msg = f"what is recorded of task {task_id} cannot be read: {type(e).__name__}: {shown(e)}"
        raise RecordError(msg) from e


def _outcome(task_id: str, data: dict[str, Any], *, replayed: bool) -> TaskOutcome:
    last = _snapshot(data["snapshot"]) if "snapshot" in data else None
    error = cast("Exception", _error(data["error"], last)) if "error" in data else None
    known = {name: _read(value, None) for name, value in data.items() if name in OF_OUTCOMES}
    if not (
        isinstance(known.get("polls", 0), int) and isinstance(known.get("elapsed", 0.0), float)
    ):
        msg = "polls or elapsed is no number"
        raise TypeError(msg)
    return TaskOutcome(task_id, snapshot=last, error=error, replayed=replayed, **known)


def _snapshot(data: dict[str, Any]) -> TaskSnapshot:
    known = {name: _read(value, None) for name, value in data.items() if name in OF_SNAPSHOTS}
    raw = known.get("raw")
    if raw is not None:
        for name in data["same"]:
            known[name] = raw[name]
    if not (isinstance(known["task_id"], str) and isinstance(known.get("status", ""), str)):
        msg = "task_id or status is no text"
        raise TypeError(msg)
    return TaskSnapshot(**known)


def _error(data: Mapping[str, Any], last: TaskSnapshot | None) -> BaseException:
    kind = CLASSES[data["class"]]
    args = tuple(_read(value, last) for value in data["args"])
    error = kind.__new__(kind, *args)
    error.args = args
    for name, value in data["fields"].items():
        if name.startswith("_") and name != "__notes__":
            msg = f"a field {name!r}"
            raise ValueError(msg)
        vars(error)[name] = _read(value, last)
    if "cause" in data:
        error.__cause__ = _error(data["cause"], last)
    return error


def _read(value: Any, last: TaskSnapshot | None) -> Any:
    if type(value) is list:
        named = cast("Any", value)
        return _READERS[named[0]](named, last)
    if type(value) is dict:
        msg = "an object without a kind"
        raise TypeError(msg)
    return value


_READERS: Final[dict[str, Callable[[list[Any], Any], Any]]] = {
    "json": lambda named, _: named[1],
    "mapping": lambda named, last: {name: _read(it, last) for name, it in named[1].items()},
    "tuple": lambda named, last: tuple(_read(item, last) for item in named[1:]),
    "time": lambda named, _: datetime.fromisoformat(named[1]),
    "span": lambda named, _: timedelta(*named[1:]),
    "limit": lambda named, last: RateLimitInfo(*(_read(item, last) for item in named[1:])),
    "snapshot": lambda named, _: _snapshot(named[1]),
    "last": lambda _, last: last,
}
