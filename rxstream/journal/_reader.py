"""Looks into a journal, beside its owner."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .._records import RecordError, from_record
from .._store import START, WAIT
from ..errors import JournalException
from ._file import failure, open_to_read, real_path
from ._rows import checked

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from .._values import TaskOutcome

__all__ = ["JournalCounts", "JournalReader"]

# A reader that rests keeps its owner from tidying up, so that it reads page by page.
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class JournalCounts:
    """How much is in a journal."""

    recorded: int = 0
    """Tasks whose outcome is recorded."""
    pending: int = 0
    """Tasks that were waited on and have no outcome yet."""
    started: int = 0
    """Batches of which it is known what they started."""
    in_doubt: int = 0
    """Batches of which nobody knows whether Stream got them."""


class JournalReader:
    """Reads a journal while another process owns it, or nobody does; it changes nothing."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Take note of the path; each call reads what is in the file then.

        Args:
            path: The file of the journal.
        """
        self._path = real_path(path)

    def counts(self) -> JournalCounts:
        """Count what is in the file.

        Raises:
            JournalException: It cannot be read.
        """
        found = {
            (kind, has_ended): count
            for kind, has_ended, count in self._rows(
                "SELECT kind, record IS NOT NULL, count(*) FROM entries GROUP BY 1, 2"
            )
        }
        names = ((WAIT, 1), (WAIT, 0), (START, 1), (START, 0))
        return JournalCounts(*(found.get(name, 0) for name in names))

    def pending(self) -> Iterator[str]:
        """Give the ids that were waited on and have no outcome yet, in the order of asking.

        Raises:
            JournalException: It cannot be read.
        """
        for _, key, _, _ in self._pages("record IS NULL"):
            yield key

    def outcomes(self) -> Iterator[TaskOutcome]:
        """Give all outcomes that are recorded, in the order in which the ids were asked for.

        Raises:
            JournalException: It cannot be read, or a record has changed.
        """
        for _, key, record, summed in self._pages("record IS NOT NULL"):
            text = checked(self._path, key, record, summed)
            try:
                yield from_record(key, text or "", replayed=True)
            except RecordError as error:
                raise JournalException(
                    path=self._path, reason="damaged", message=f"{error}: use a new file"
                ) from error

    def _pages(self, which: str) -> Iterator[tuple[int, Any, Any, Any]]:
        last = 0
        while True:
            page = self._rows(
                "SELECT number, key, record, checksum FROM entries"  # noqa: S608 -- one of two texts
                f" WHERE kind = ? AND number > ? AND {which} ORDER BY number LIMIT {_PAGE}",
                WAIT,
                last,
            )
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def _rows(self, sql: str, *values: object) -> list[Any]:
        try:
            with closing(open_to_read(self._path)) as connection:
                return connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise failure(self._path, error) from error
