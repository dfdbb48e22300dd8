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
_FIELDS_OF_OUTCOMES: Final = [
    field
    for field in fields(TaskOutcome)
    if field.name not in {"task_id", "snapshot", "error", "replayed"}
]
_FIELDS_OF_SNAPSHOTS: Final = [field for field in fields(TaskSnapshot) if field.name != "raw"]
_FIELDS_OF_LIMITS: Final = [field.name for field in fields(RateLimitInfo)]
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
    data: dict[str, Any] = {
        field.name: _value(value)
        for field in _FIELDS_OF_OUTCOMES
        if (value := getattr(outcome, field.name)) != field.default
    }
    try:
        writer = _Writer(outcome.snapshot, by)
        if outcome.snapshot is not None:
            data["snapshot"] = writer.snapshot(outcome.snapshot)
        if outcome.error is not None:
            data["error"] = writer.error(outcome.error, 0)
        return _in_any_depth(_encode, data)
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        msg = f"the outcome of task {outcome.task_id} holds what is not JSON: {shown(error)}"
        raise RecordError(msg) from error


def from_record(task_id: str, text: str) -> TaskOutcome:
    """Give the outcome that a text was made of.

    Raises:
        RecordError: It was made of none.
    """
    try:
        return _outcome(task_id, _in_any_depth(json.loads, text))
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
        for field in _FIELDS_OF_SNAPSHOTS:
            value = getattr(snapshot, field.name)
            if value is None:
                continue
            if raw is not None and raw.get(field.name) is value:
                same.append(field.name)
            else:
                data[field.name] = _value(value)
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
        return ["limit", *(_value(getattr(value, name)) for name in _FIELDS_OF_LIMITS)]
    return None


def _outcome(task_id: str, data: Mapping[str, Any]) -> TaskOutcome:
    _check(data, dict)
    last = _snapshot(data["snapshot"]) if "snapshot" in data else None
    error = cast("Exception", _error(data["error"], last)) if "error" in data else None
    known = {f.name: _read(data[f.name], None) for f in _FIELDS_OF_OUTCOMES if f.name in data}
    _check(known.get("polls", 0), int)
    _check(known.get("elapsed", 0.0), float, int)
    return TaskOutcome(task_id, snapshot=last, error=error, **known)


def _snapshot(data: Mapping[str, Any]) -> TaskSnapshot:
    raw = _read(data["raw"], None) if "raw" in data else None
    known = {f.name: _read(data[f.name], None) for f in _FIELDS_OF_SNAPSHOTS if f.name in data}
    if raw is not None:
        known |= {name: raw[name] for name in data["same"]}
    _check(known["task_id"], str)
    _check(known.get("status", ""), str)
    return TaskSnapshot(**known, raw=raw)


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
    if not isinstance(value, list):
        _check(value, *_PLAIN, type(None))
        return value
    named = cast("Any", value)
    return _READERS[named[0]](named[1:], last)


_READERS: Final[dict[str, Callable[[list[Any], Any], Any]]] = {
    "json": lambda rest, _: rest[0],
    "mapping": lambda rest, last: {name: _read(it, last) for name, it in rest[0].items()},
    "tuple": lambda rest, last: tuple(_read(item, last) for item in rest),
    "time": lambda rest, _: datetime.fromisoformat(rest[0]),
    "span": lambda rest, _: timedelta(*rest),
    "limit": lambda rest, last: RateLimitInfo(*(_read(item, last) for item in rest)),
    "snapshot": lambda rest, _: _snapshot(rest[0]),
    "last": lambda _, last: last,
}


def _check(value: object, *kinds: type) -> None:
    if not isinstance(value, kinds):
        msg = f"a value of type {type(value).__name__}"
        raise TypeError(msg)
