"""From an outcome to its text."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final, cast

from .._text import Cut, cut, shown
from .._values import RateLimitInfo, TaskOutcome, TaskSnapshot, is_snapshot
from ..errors import DescribedException
from .common import CLASSES, OF_LIMITS, OF_OUTCOMES, OF_SNAPSHOTS, RecordError, in_any_depth

__all__ = ["to_record"]

_PLAIN: Final = (str, int, float)
# Causes of causes of causes say nothing new.
_MOST_CAUSES: Final = 4
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


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
            for name, default in OF_OUTCOMES.items()
            if (value := getattr(outcome, name)) != default
        }
        writer = _Writer(outcome.snapshot, by)
        if outcome.snapshot is not None:
            data["snapshot"] = writer.snapshot(outcome.snapshot)
        if outcome.error is not None:
            data["error"] = writer.error(outcome.error, 0)
        return in_any_depth(_encode, data)
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        msg = f"the outcome of task {outcome.task_id} holds what is not JSON: {shown(error)}"
        raise RecordError(msg) from error


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
        for name in OF_SNAPSHOTS:
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
        if CLASSES.get(name) is not type(error):
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
        if is_snapshot(value):
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
        return ["limit", *(_value(getattr(value, name)) for name in OF_LIMITS)]
    return None
