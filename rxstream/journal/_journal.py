"""`Journal`: the embedded store, one file of one process."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Self

from .._shared.fork import on_fork
from ._file import open_to_write, real_path
from ._ledger import Ledger
from ._lock import OwnerLock
from ._reader import JournalReader
from ._verbs import Add, Beat, Put, Take
from ._writer import Writer

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from types import TracebackType

    from .._store import Entry, Holder, Then
    from .._values import TaskOutcome
    from ._reader import JournalCounts

__all__ = ["Journal"]


class Journal:
    """A file that remembers how waits ended, so that the same program run again waits for the rest.

    ::

        with Journal("run.db") as journal:
            await tasks_observable(FakeAsyncClient(completed()), ["a"], journal=journal)

    An outcome is emitted once it is on the disk. What was emitted survives `kill -9` and a loss of
    power. The file is a SQLite database that only its owner can read (0600), since payloads may
    hold signed links. It holds no secrets of the client.

    It may be used from any thread and any event loop, by several subscriptions at once; no two of
    them wait on the same task. One process at a time owns the file, and another one gets an error
    at once. It is no queue between processes. A forked child has to open one of its own.
    """

    lease: float | None = None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file, or make it.

        Args:
            path: Where it is. SQLite keeps `-wal` and `-shm` beside it while it is open, and the
                lock is in `.lock`.

        Raises:
            JournalException: The file cannot be used; `reason` tells why, and the text what to do.
            TypeError: `path` is not a path.
        """
        # Before anything can fail: the finaliser looks at it.
        self._writer: Writer | None = None
        self.name: str = real_path(path)
        lock = OwnerLock(self.name)
        try:
            ledger = Ledger(self.name, open_to_write(self.name))
            self._writer = Writer(self.name, ledger, lock)
        except BaseException:
            lock.release()
            raise
        self._is_closed = False
        on_fork(self._leave_to_the_parent)

    def add(self, holder: Holder, entry: Entry, then: Then, *, over: str | None = None) -> None:
        """Make an entry known; one of the four verbs of a store."""
        self._verbs.leave(Add(then, holder, entry, over))

    def take(self, holder: Holder, room: int, then: Then) -> None:
        """Claim entries; one of the four verbs of a store."""
        self._verbs.leave(Take(then, holder, room))

    def put(self, holder: Holder, entry: Entry, record: str, then: Then) -> None:
        """Write the record of an entry; one of the four verbs of a store."""
        self._verbs.leave(Put(then, holder, entry, record))

    def beat(self, holder: Holder, then: Then, *, leaves: bool = False) -> None:
        """Say that a holder is there, or that it goes; one of the four verbs of a store."""
        self._verbs.leave(Beat(then, holder, leaves))

    @property
    def _verbs(self) -> Writer:
        assert self._writer is not None  # noqa: S101 -- `__init__` has not raised
        return self._writer

    def counts(self) -> JournalCounts:
        """Count what is in the file; see `JournalReader.counts`."""
        return JournalReader(self.name).counts()

    def pending(self) -> Iterator[str]:
        """Give the ids without an outcome; see `JournalReader.pending`."""
        return JournalReader(self.name).pending()

    def outcomes(self) -> Iterator[TaskOutcome]:
        """Give all outcomes; see `JournalReader.outcomes`."""
        return JournalReader(self.name).outcomes()

    def close(self) -> None:
        """Write what is under way, and give the file back. You may call it twice."""
        self._is_closed = True
        self._verbs.stop()
        self._verbs.join()

    def __enter__(self) -> Self:
        """Return the journal; leaving the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the journal, as `close` does."""
        self.close()

    def __del__(self) -> None:
        if self._writer is not None and not self._is_closed:
            self._writer.stop()
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)

    def __repr__(self) -> str:
        """Show the path."""
        return f"Journal({self.name!r})"

    def _leave_to_the_parent(self) -> None:
        self._is_closed = True
        self._verbs.abandon()
