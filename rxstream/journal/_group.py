"""A group of changes that become durable together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import JournalException
from ._file import checksum

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from .._store import Entry
    from ._verbs import Verb

__all__ = ["Group"]


class Group:
    """What will be written in one transaction, and what happens then."""

    def __init__(self) -> None:
        self.new: dict[tuple[str, str], str] = {}
        """The notes of new entries, by kind and key."""
        self._records: list[tuple[str, int, str, str]] = []
        self._dropped: list[tuple[str, str, str]] = []
        self.then: list[tuple[Callable[[Verb, Any], None], Verb, Any]] = []
        """What happens once it is durable: what to call with which verb and answer."""

    @property
    def rows(self) -> int:
        """How many rows it changes."""
        return len(self.new) + len(self._records) + len(self._dropped)

    def record(self, entry: Entry, record: str) -> None:
        """Write the record of an entry."""
        self._records.append((record, checksum(entry.key, record), entry.kind, entry.key))

    def drop(self, entry: Entry, record: str) -> None:
        """Drop the record of an entry."""
        self._dropped.append((entry.kind, entry.key, record))

    def commit(self, connection: sqlite3.Connection, path: str) -> None:
        """Make it durable, whole or not at all."""
        connection.execute("BEGIN IMMEDIATE")
        if self.new:
            connection.executemany(
                "INSERT INTO entries (kind, key, note) VALUES (?, ?, ?)",
                [(kind, key, note) for (kind, key), note in self.new.items()],
            )
        if self._dropped:
            connection.executemany(
                "UPDATE entries SET record = NULL, checksum = NULL"
                " WHERE kind = ? AND key = ? AND record = ?",
                self._dropped,
            )
        if self._records:
            written = connection.executemany(
                "UPDATE entries SET record = ?, checksum = ?"
                " WHERE kind = ? AND key = ? AND record IS NULL",
                self._records,
            ).rowcount
            if written != len(self._records):
                raise JournalException(
                    path=path,
                    reason="damaged",
                    message="somebody else has changed it meanwhile: use a new file",
                )
        connection.execute("COMMIT")
