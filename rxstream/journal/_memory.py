"""A store that lives as long as its process."""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from .._shared.fork import on_fork
from .._store import Known
from ._claims import Claims

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._store import Entry, Holder, Then

__all__ = ["MemoryJournal"]


class MemoryJournal:
    """A journal without a file: it remembers until the process ends.

    For tests, and where several subscriptions of one process must not wait on the same task. It may
    be used from any thread and any event loop. A forked child begins with what its parent had.
    """

    name = "in memory"
    lease: float | None = None

    def __init__(self) -> None:
        """Make an empty journal."""
        self._entries: dict[tuple[str, str], tuple[str, str | None]] = {}
        self._verbs: deque[Callable[[], None]] = deque()
        self._start_afresh()
        on_fork(self._start_afresh)

    def _start_afresh(self) -> None:
        self._verbs.clear()
        self._claims = Claims()
        self._turn = threading.Lock()

    def add(self, holder: Holder, entry: Entry, then: Then, *, over: str | None = None) -> None:
        """Make an entry known; see `Store`."""
        self._do(partial(self._add, holder, entry, then, over))

    def take(self, holder: Holder, room: int, then: Then) -> None:
        """Claim entries; see `Store`."""
        self._do(partial(self._claims.take, holder, room, then))

    def put(self, holder: Holder, entry: Entry, record: str, then: Then) -> None:
        """Write the record of an entry; see `Store`."""
        self._do(partial(self._put, holder, entry, record, then))

    def beat(self, holder: Holder, then: Then, *, leaves: bool = False) -> None:
        """Say that a holder is there, or that it goes; see `Store`."""
        self._do(partial(self._beat, holder, then, leaves=leaves))

    def _do(self, verb: Callable[[], None]) -> None:
        """Do verbs one at a time. Whoever comes meanwhile leaves his own to the one who does."""
        self._verbs.append(verb)
        while self._verbs and self._turn.acquire(blocking=False):
            try:
                while self._verbs:
                    self._verbs.popleft()()
            finally:
                self._turn.release()

    def _add(self, holder: Holder, entry: Entry, then: Then, over: str | None) -> None:
        name = entry[:2]
        known = self._entries.get(name)
        if known is None or (known[1] is not None and known[1] == over):
            self._entries[name] = (entry.note if known is None else known[0], None)
        note, record = self._entries[name]
        if record is None:
            self._claims.want(holder, entry)
        then(Known(known is None, note, record), None)

    def _put(self, holder: Holder, entry: Entry, record: str, then: Then) -> None:
        is_this_one = self._claims.end(holder, entry)
        if is_this_one:
            name = entry[:2]
            self._entries[name] = (self._entries[name][0], record)
            self._claims.ended(entry, record)
        then(is_this_one, None)

    def _beat(self, holder: Holder, then: Then, *, leaves: bool) -> None:
        if leaves:
            self._claims.leave(holder)
        then([], None)
