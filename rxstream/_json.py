"""Payloads as JSON, for those who write them down and for pickles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ._checks import to_mapping
from ._text import brief, is_nested_deeply, shown

__all__ = ["error_to_json", "packed", "to_json", "unpacked"]

# What exceptions of ours know beside their text.
_FIELDS_OF_ERRORS: Final = (
    *("error_type", "description", "stack_trace", "version"),
    *("status_code", "code", "request_id"),
)


@dataclass(frozen=True, slots=True)
class _Json:
    """A payload that is nested too deeply to be pickled as it is."""

    text: str


def to_json(value: object) -> Any:
    """Give a value as JSON has it, or its text where JSON cannot have it; times are ISO 8601."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.loads(json.dumps(value, default=_replacement))
    except (RecursionError, TypeError, ValueError):
        return brief(value)


def error_to_json(error: Exception) -> dict[str, Any]:
    """Give an exception as JSON: `type`, `message`, and those of `error_type` and so on it has."""
    known = {name: getattr(error, name, None) for name in _FIELDS_OF_ERRORS}
    told = {name: to_json(value) for name, value in known.items() if value is not None}
    return {"type": type(error).__name__, "message": shown(error), **told}


def packed(value: object) -> object:
    """Give what a pickle can hold of a payload."""
    if not is_nested_deeply(value):
        return value
    try:
        return _Json(json.dumps(value))
    except (RecursionError, TypeError, ValueError):  # no JSON: for pickle to judge
        return value


def unpacked(value: object) -> object:
    """Give the payload that was packed."""
    return json.loads(value.text) if isinstance(value, _Json) else value


def _replacement(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    fields = to_mapping(value)
    return shown(value) if fields is None else dict(fields)
