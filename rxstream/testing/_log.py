"""The requests that a fake or a server got, and when."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._values import BaseTaskHandle

__all__ = ["RequestLog", "RequestRecord"]


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request to a fake or a server."""

    task_id: str | None
    """The id that was asked for; None for a request that is not a poll."""
    at: float
    """When it came, in seconds by the clock of the fake or the server."""
    ended: float | None = None
    """When it ended; None while it is in flight."""
    cancelled: bool = False
    """Whether the caller ended it."""
    method: str = "GET"
    """The HTTP method."""
    path: str = ""
    """The path as sent, percent-encoded; empty without HTTP."""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    """The query parameters."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """The headers, with names in lower case and without `authorization`."""


class RequestLog:
    """Keeps requests and counts those in flight. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[RequestRecord] = []
        self._polls: Counter[str] = Counter()
        self._in_flight = 0
        self._most_in_flight = 0

    def begin(self, record: RequestRecord) -> int:
        """Note a request, and return its number for `end`."""
        with self._lock:
            self._records.append(record)
            if record.task_id is not None:
                self._polls[record.task_id] += 1
            self._in_flight += 1
            self._most_in_flight = max(self._most_in_flight, self._in_flight)
            return len(self._records) - 1

    def end(self, number: int, at: float, *, cancelled: bool) -> None:
        """Note the end of a request."""
        with self._lock:
            self._records[number] = replace(self._records[number], ended=at, cancelled=cancelled)
            self._in_flight -= 1

    @property
    def records(self) -> list[RequestRecord]:
        """All requests, in the order in which they came."""
        with self._lock:
            return list(self._records)

    @property
    def in_flight(self) -> int:
        """How many are under way."""
        return self._in_flight

    @property
    def most_in_flight(self) -> int:
        """The highest number that was under way at once."""
        return self._most_in_flight

    def polls(self, task_id: str | BaseTaskHandle[Any] | None = None) -> int:
        """How many polls there were.

        Args:
            task_id: Of this task; None: of all.
        """
        with self._lock:
            return self._polls.total() if task_id is None else self._polls[str(task_id)]
