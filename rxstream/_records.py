"""Outcomes as texts and back: what comes out is equal to what went in.

Texts are JSON. They are read as what they are, data of unknown origin: only the values and the
exceptions that are named here can come out of one. What a task sent stands in it as it was, and is
never interpreted.
"""

from __future__ import annotations

import json
import threading
from dataclasses import fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from . import errors
from ._text import Cut, cut, shown
from ._values import RateLimitInfo, TaskOutcome, TaskSnapshot
from .errors import DescribedException, StreamException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["RecordError", "from_record", "to_record"]

T = TypeVar("T")

_CLASSES: Final[dict[str, type[StreamException]]] = {
    name: thing
    for name in errors.__all__
    if isinstance(thing := getattr(errors, name), type) and issubclass(thing, StreamException)
}
_OF_OUTCOMES: Final = {
    field.name: field.default
    for field in fields(TaskOutcome)
    if field.name not in {"task_id", "snapshot", "error", "replayed"}
}
_OF_SNAPSHOTS: Final = tuple(field.name for field in fields(TaskSnapshot))
_OF_LIMITS: Final = tuple(field.name for field in fields(RateLimitInfo))
_PLAIN: Final = (str, int, float)
# Causes of causes of causes say nothing new.
_MOST_CAUSES: Final = 4
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class RecordError(ValueError):
    """A text that is no record, or an outcome that cannot be one."""


def to_record(outcome: TaskOutcome, by: Cut = cut) -> str:
    """Give the text of an outcome.

    Args:
        outcome: The outcome.
        by: Cuts the texts of foreign exceptions, and may blot out secrets.

    Raises:
        RecordError: It holds a value that is not JSON.
    """
    try:
        data: dict[str, Any] = {
            name: _value(value)
            for name, default in _OF_OUTCOMES.items()
            if (value := getattr(outcome, name)) != default
        }
        writer = _Writer(outcome.snapshot, by)
        if outcome.snapshot is not None:
            data["snapshot"] = writer.snapshot(outcome.snapshot)
        if outcome.error is not None:
            data["error"] = writer.error(outcome.error, 0)
        return _in_any_depth(_encode, data)
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        msg = f"the outcome of task {outcome.task_id} holds what is not JSON: {shown(error)}"
        raise RecordError(msg) from error


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
        data = _in_any_depth(json.loads, text)
        return _outcome(task_id, data, replayed=replayed)
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError) as e:
        msg = f"what is recorded of task {task_id} cannot be read: {type(e).__name__}: {shown(e)}"
        raise RecordError(msg) from e


def _in_any_depth(function: Callable[[Any], T], value: object) -> T:
    """Call with as much of the stack as there is; whoever nests deeply has read it with less."""
    try:
        return function(value)
    except RecursionError:
        results: list[T] = []
        thread = threading.Thread(target=_call, args=(function, value, results), daemon=True)
        thread.start()
        thread.join()
        if results:
            return results[0]
        raise


def _call(function: Callable[[Any], T], value: object, results: list[T]) -> None:
    try:
        results.append(function(value))
    except RecursionError:
        return


class _Writer:
    """Turns the values of one outcome into JSON."""

    __slots__ = ("_cut", "_last")

    def __init__(self, last: TaskSnapshot | None, by: Cut) -> None:
        self._last = last
        self._cut = by

    def snapshot(self, snapshot: TaskSnapshot) -> dict[str, Any]:
        raw = snapshot.raw
        data: dict[str, Any] = {}
        # Most fields are taken from the whole answer as they are; they are written once.
        same: list[str] = []
        for name in _OF_SNAPSHOTS:
            value = getattr(snapshot, name)
            if value is None:
                continue
            if raw is not None and _is_same(raw.get(name), value):
                same.append(name)
            elif value is not raw:
                data[name] = _value(value)
        if raw is not None:
            data["raw"] = _value(raw if isinstance(raw, dict) else dict(raw))
            data["same"] = same
        return data

    def error(self, error: BaseException, depth: int) -> dict[str, Any]:
        name = type(error).__name__
        if _CLASSES.get(name) is not type(error):
            error, name = self._described(error), DescribedException.__name__
        data: dict[str, Any] = {
            "class": name,
            "args": [self._field(value) for value in error.args],
            "fields": {key: self._field(value) for key, value in vars(error).items()},
        }
        if error.__cause__ is not None and depth < _MOST_CAUSES:
            data["cause"] = self.error(error.__cause__, depth + 1)
        return data

    def _described(self, error: BaseException) -> DescribedException:
        kind = type(error)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        described = DescribedException(
            type_name=f"{module}{kind.__qualname__}", text=shown(error, self._cut)
        )
        described.__cause__ = error.__cause__
        return described

    def _field(self, value: object) -> object:
        if isinstance(value, TaskSnapshot):
            return ["last"] if value is self._last else ["snapshot", self.snapshot(value)]
        return _value(value)


def _is_same(one: object, other: object) -> bool:
    return one is other or (isinstance(other, str) and one == other)


def _value(value: Any) -> object:
    """What is not plain is named, so that nothing has to be guessed when it is read."""
    if value is None or isinstance(value, _PLAIN):
        return value
    if issubclass(type(cast("object", value)), tuple):
        return ["tuple", *map(_value, value)]
    if _has_dates(value):
        return ["mapping", {name: _value(item) for name, item in value.items()}]
    named = _of_time(value)
    return ["json", value] if named is None else named


def _has_dates(value: Any) -> bool:
    """Whether this is an answer whose dates an SDK has read."""
    is_dict = issubclass(type(value), dict)
    return is_dict and any(isinstance(item, datetime) for item in value.values())


def _of_time(value: object) -> list[Any] | None:
    if isinstance(value, datetime):
        return ["time", value.isoformat()]
    if isinstance(value, timedelta):
        return ["span", value.days, value.seconds, value.microseconds]
    if isinstance(value, RateLimitInfo):
        return ["limit", *(_value(getattr(value, name)) for name in _OF_LIMITS)]
    return None


def _outcome(task_id: str, data: dict[str, Any], *, replayed: bool) -> TaskOutcome:
    last = _snapshot(data["snapshot"]) if "snapshot" in data else None
    error = cast("Exception", _error(data["error"], last)) if "error" in data else None
    known = {name: _read(value, None) for name, value in data.items() if name in _OF_OUTCOMES}
    if not (
        isinstance(known.get("polls", 0), int) and isinstance(known.get("elapsed", 0.0), float)
    ):
        msg = "polls or elapsed is no number"
        raise TypeError(msg)
    return TaskOutcome(task_id, snapshot=last, error=error, replayed=replayed, **known)


def _snapshot(data: dict[str, Any]) -> TaskSnapshot:
    known = {name: _read(value, None) for name, value in data.items() if name in _OF_SNAPSHOTS}
    raw = known.get("raw")
    if raw is not None:
        for name in data["same"]:
            known[name] = raw[name]
    if not (isinstance(known["task_id"], str) and isinstance(known.get("status", ""), str)):
        msg = "task_id or status is no text"
        raise TypeError(msg)
    return TaskSnapshot(**known)


def _error(data: Mapping[str, Any], last: TaskSnapshot | None) -> BaseException:
    kind = _CLASSES[data["class"]]
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
