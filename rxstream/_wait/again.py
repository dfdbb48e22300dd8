"""The arguments of waits with a journal."""

from __future__ import annotations

from typing import Final, TypeAlias, cast

from .._store import Store
from ..errors import StreamTransportException, TaskCancelledException

__all__ = ["AGAIN", "Again", "checked_again", "checked_journal"]

Again: TypeAlias = "type[Exception] | tuple[type[Exception], ...]"
"""Which recorded errors are tried once more, as in an `except` clause."""

AGAIN: Final[tuple[type[Exception], ...]] = (StreamTransportException, TaskCancelledException)
"""Those that say nothing about the task itself: no usable answer, the deadline, cancelled."""


def checked_journal(journal: object) -> Store | None:
    """Check that a value is a store, or None.

    Raises:
        TypeError: It is something else.
    """
    if journal is None or (isinstance(journal, Store) and not isinstance(journal, type)):
        return journal
    msg = (
        f"journal must be a journal of rxstream.journal or None, not {type(journal).__name__}; "
        "open a file with `with Journal(path) as journal:`"
    )
    raise TypeError(msg)


def checked_again(again: object) -> None:
    """Check that a value can stand in an `except` clause.

    Raises:
        TypeError: It cannot.
    """
    kinds = cast("tuple[object, ...]", again) if isinstance(again, tuple) else (again,)
    for kind in kinds:
        if not isinstance(kind, type) or not issubclass(kind, Exception):
            msg = f"again must be exception classes, one or a tuple, not {kind!r}"
            raise TypeError(msg)
