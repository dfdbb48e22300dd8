"""The one thread that writes a journal, in groups."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from .._time.clock import monotonic
from ._file import closed

if TYPE_CHECKING:
    from ._ledger import Ledger
    from ._lock import OwnerLock
    from ._verbs import Verb

__all__ = ["Writer"]

# Where much is written, one commit each so many seconds or rows.
_EVERY: Final = 0.05
_MOST_ROWS: Final = 1000
_MUCH: Final = 8
# What only reads is answered so often while a group fills.
_LOOK_EVERY: Final = 0.005

# What a forked child got of its parent's journals. To close it would be to touch the file.
_of_the_parent: Final[list[Ledger]] = []


class Writer:
    """Does verbs in the order in which they were left.

    They are left in an inbox without a lock, so that signal handlers and finalisers can leave some
    too; only the thread empties it. The first row of a quiet time is written at once.
    """

    def __init__(self, path: str, ledger: Ledger, lock: OwnerLock) -> None:
        self._path = path
        self._ledger = ledger
        self._lock = lock
        self._inbox: deque[Verb] = deque()
        self._is_stopped = False
        self._has_ended = False
        self._sleeps = False
        self._committed_at = 0.0
        self._committed_rows = 0
        # Held while nobody has called.
        self._alarm = threading.Lock()
        self._alarm.acquire()
        self._thread = threading.Thread(target=self._run, name="rxstream-journal", daemon=True)
        self._thread.start()

    def leave(self, verb: Verb) -> None:
        """Leave a verb to be done."""
        self._inbox.append(verb)
        if self._has_ended:
            self._refuse()
        elif self._sleeps:
            # It wakes up some time later; nobody else needs to call.
            self._sleeps = False
            self._wake()

    def stop(self) -> None:
        """Do what was left, then end; this does not wait for it."""
        self._is_stopped = True
        self._wake()

    def join(self) -> None:
        """Wait until the thread has ended."""
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def abandon(self) -> None:
        """In a forked child: file, lock and thread are the parent's."""
        self._has_ended = True
        self._inbox.clear()
        _of_the_parent.append(self._ledger)
        self._lock.release()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # somebody has called already
            self._alarm.release()

    def _run(self) -> None:
        ledger = self._ledger
        try:
            while self._inbox or ledger.rows or not self._is_stopped:
                self._sleep()
                verbs = [self._inbox.popleft() for _ in range(min(len(self._inbox), _MOST_ROWS))]
                ledger.do(verbs)
                if ledger.rows and self._is_due():
                    self._committed_rows = ledger.rows
                    ledger.commit()
                    self._committed_at = monotonic()
        finally:
            ledger.close()
            self._lock.release()
            # What is left from here on is answered by whoever leaves it.
            self._has_ended = True
            self._refuse()

    def _sleep(self) -> None:
        if self._inbox or self._is_stopped:
            return
        if self._ledger.rows:
            self._alarm.acquire(timeout=_LOOK_EVERY)
            return
        self._sleeps = True
        # Whoever left something before that did not call.
        if not self._inbox and not self._is_stopped:
            self._alarm.acquire()
        self._sleeps = False

    def _is_due(self) -> bool:
        return (
            self._ledger.rows >= _MOST_ROWS
            or self._committed_rows < _MUCH
            or self._is_stopped
            or monotonic() >= self._committed_at + _EVERY
        )

    def _refuse(self) -> None:
        with suppress(IndexError):
            while True:
                self._inbox.popleft().then(None, closed(self._path))
