"""Reads the rows of a journal; none that has changed on the disk passes."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from .._store import Known
from ..errors import JournalException
from ._file import checksum

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

__all__ = ["checked", "look_up"]

_MOST_AT_ONCE: Final = 512


def look_up(
    connection: sqlite3.Connection, path: str, kind: str, keys: Iterable[str]
) -> Iterator[tuple[str, Known]]:
    """Give what is known of entries; those that are not known are left out.

    Raises:
        JournalException: A record is not what was written.
    """
    left = iter(keys)
    while some := list(islice(left, _MOST_AT_ONCE)):
        # A power of two, so that there are few different statements to prepare.
        size = 1 << (len(some) - 1).bit_length()
        rows = connection.execute(
            "SELECT key, note, record, checksum FROM entries WHERE kind = ? AND key IN "  # noqa: S608 -- question marks
            f"({','.join('?' * size)})",
            (kind, *some, *some[:1] * (size - len(some))),
        )
        for key, note, record, summed in rows.fetchall():
            yield key, Known(is_new=False, note=note, record=checked(path, key, record, summed))


def checked(path: str, key: object, record: object, summed: object) -> str | None:
    """Give a record, or None if there is none yet.

    Raises:
        JournalException: It is not what was written.
    """
    if record is None and summed is None:
        return None
    if isinstance(key, str) and isinstance(record, str) and checksum(key, record) == summed:
        return record
    raise JournalException(
        path=path,
        reason="damaged",
        message=f"what it holds of {key} is not what was written: keep a copy, then use a new file",
    )
