"""The checks and the encoding that all operations share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from .._checks import text, to_mapping
from .._wire.messages import Request, segment

__all__ = ["Started_co", "Starter", "body", "listed", "path"]

Started_co = TypeVar("Started_co", covariant=True)


class Starter(ABC, Generic[Started_co]):
    """Starts tasks; `Started_co` is a task id or None, or an awaitable of these."""

    @abstractmethod
    def _start(self, request: Request) -> Started_co:
        """Send a request that starts a task, and return its id."""


def listed(values: Any, name: str, maximum: int | None = None) -> list[Any]:
    """Check a list of ids.

    Args:
        values: The ids.
        name: The argument's name, for the error.
        maximum: How many Stream takes in one request; None: not documented.

    Raises:
        TypeError: It is a string, or not a list at all, or an entry has the wrong type.
        ValueError: It is empty, longer than `maximum`, or holds an empty string.
    """
    kind = type(cast("object", values))
    if issubclass(kind, str | bytes | Mapping) or not hasattr(kind, "__iter__"):
        msg = f"{name} must be a list, not {kind.__name__}"
        raise TypeError(msg)
    found = list(values)
    if not found:
        msg = f"{name} must not be empty"
        raise ValueError(msg)
    if maximum is not None and len(found) > maximum:
        msg = (
            f"{name} holds {len(found)} entries, and Stream takes at most {maximum} in one request;"
            " send them in several"
        )
        raise ValueError(msg)
    for entry in found:
        if not isinstance(entry, Mapping):
            text(entry, f"each entry of {name}")
    return found


def path(template: str, **values: str) -> str:
    """Fill in a path; each value is percent-encoded as one segment."""
    return template.format(**{name: segment(text(value, name)) for name, value in values.items()})


def body(**fields: Any) -> dict[str, Any]:
    """Make the JSON object of a request, without fields that are None; times are ISO 8601."""
    return {key: _encoded(value) for key, value in fields.items() if value is not None}


def _encoded(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    fields = to_mapping(value)
    if fields is not None:  # a mapping of the caller's: a None in it has a meaning
        return {key: _encoded(item) for key, item in fields.items()}
    if isinstance(value, list | tuple):
        return [_encoded(item) for item in cast("list[Any]", value)]
    return value
