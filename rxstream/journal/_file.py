"""The file of a journal: a SQLite database, told from others, and what its failures mean."""

from __future__ import annotations

import os
import sqlite3
import zlib
from typing import TYPE_CHECKING, Final, cast

from ..errors import JournalException

if TYPE_CHECKING:
    from ..errors import JournalFailure

__all__ = ["checksum", "closed", "failure", "open_to_read", "open_to_write", "real_path"]

# "RxSt"; and the version of what stands below.
_APPLICATION: Final = 0x52785374
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    note TEXT NOT NULL,
    record TEXT,
    checksum INTEGER,
    UNIQUE (key, kind)
)
"""
# For a tool of somebody else's that reads or copies the file at this moment.
_PATIENCE: Final = 5.0
_PAGES_IN_WAL: Final = 1000
# In kilobytes, as SQLite counts them. Ids are random, and each commit touches all of their index.
_CACHE: Final = -16_000

_WAYS_OUT: Final[dict[str, tuple[JournalFailure, str]]] = {
    "SQLITE_FULL": ("full", "make room on the disk, then run again: it goes on where it was"),
    "SQLITE_NOTADB": ("foreign", "use another path, or move that file away"),
    "SQLITE_CORRUPT": (
        "damaged",
        "keep a copy, then use a new file; `sqlite3 FILE .recover` reads what is left",
    ),
    "SQLITE_READONLY": ("read_only", "give this user the right to write to it and its folder"),
    "SQLITE_CANTOPEN": ("unusable", "use a path in a folder that is there and can be written"),
    "SQLITE_BUSY": ("locked", "another program writes to it: end that, then run again"),
    "SQLITE_IOERR": (
        "unusable",
        "look whether the disk is full or broken, then run again: it goes on where it was",
    ),
}
_ANY_OTHER: Final[tuple[JournalFailure, str]] = ("unusable", "run again, or use another file")


def real_path(path: object) -> str:
    """Follow links: a link and what it leads to are one file, with one lock.

    Raises:
        TypeError: It is no path.
    """
    is_path = isinstance(path, os.PathLike)
    name: object = os.fspath(cast("os.PathLike[str]", path)) if is_path else path
    if not isinstance(name, str):
        msg = f"path must be a str or a Path, not {type(path).__name__}"
        raise TypeError(msg)
    return os.path.realpath(name)


def checksum(key: str, record: str) -> int:
    """What shows that a byte on the disk has changed."""
    return zlib.crc32(f"{key}\0{record}".encode())


def failure(path: str, error: Exception) -> JournalException:
    """What an error of SQLite means for a journal, and what to do about it."""
    name: str = getattr(error, "sqlite_errorname", "") or ""
    matching = (row for prefix, row in _WAYS_OUT.items() if name.startswith(prefix))
    reason, way_out = next(matching, _ANY_OTHER)
    ours = JournalException(path=path, reason=reason, message=f"{error}: {way_out}")
    ours.__cause__ = error
    return ours


def closed(path: str) -> JournalException:
    """The error of a journal that is used after its end."""
    return JournalException(
        path=path,
        reason="closed",
        message="it is closed: wait inside its `with` block, and open one in each process",
    )


def open_to_write(path: str) -> sqlite3.Connection:
    """Open a journal, or make one where there is none.

    Raises:
        JournalException: It cannot be written, or is none that this version knows.
    """
    try:
        # Only for its owner: payloads hold signed links. SQLite's own files beside it do the same.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = _connect(path, "rw")
    except (OSError, sqlite3.Error) as error:
        raise _not_opened(path, error) from error
    try:
        if _is_empty(connection):
            _make(connection)
        _check(connection, path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_PAGES_IN_WAL}")
        connection.execute(f"PRAGMA cache_size={_CACHE}")
        # Nothing is ever deleted that should not be found; it costs a write of each page.
        connection.execute("PRAGMA secure_delete=OFF")
        # A read-only file shows itself now, and not after the first wait.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        connection.close()
        raise failure(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: str) -> sqlite3.Connection:
    """Open a journal beside its owner.

    Raises:
        JournalException: It cannot be read, or is none that this version knows.
    """
    try:
        connection = _connect(path, "ro")
        try:
            _check(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise failure(path, error) from error
    return connection


def _connect(path: str, mode: str) -> sqlite3.Connection:
    address = f"{_as_uri(path)}?mode={mode}"
    return sqlite3.connect(
        address, uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )


def _as_uri(path: str) -> str:
    return f"file:{path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')}"


def _is_empty(connection: sqlite3.Connection) -> bool:
    ((application, pages),) = connection.execute(
        "SELECT application_id, page_count FROM pragma_application_id, pragma_page_count"
    )
    return (application, pages) == (0, 0)


def _make(connection: sqlite3.Connection) -> None:
    """In one transaction, and before the WAL: what is there at all is a journal."""
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute(f"PRAGMA application_id={_APPLICATION}")
    connection.execute(f"PRAGMA user_version={_VERSION}")
    connection.execute(_SCHEMA)
    connection.execute("COMMIT")


def _check(connection: sqlite3.Connection, path: str) -> None:
    ((application, version),) = connection.execute(
        "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version"
    )
    if application != _APPLICATION:
        raise JournalException(
            path=path,
            reason="foreign",
            message="this is a database of something else: use another path",
        )
    if version > _VERSION:
        raise JournalException(
            path=path,
            reason="newer",
            message=f"written by a newer rxstream (format {version}, this one knows {_VERSION}): "
            "update rxstream, or use another file",
        )


def _not_opened(path: str, error: Exception) -> JournalException:
    if isinstance(error, PermissionError):
        return JournalException(
            path=path, reason="read_only", message="this user must not write to it"
        )
    if isinstance(error, OSError):
        return JournalException(
            path=path, reason="unusable", message=f"{error.strerror}: use another path"
        )
    return failure(path, error)
