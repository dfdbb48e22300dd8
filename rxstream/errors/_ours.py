"""What comes from starts and from journals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from .._text import brief, cut
from ._stream import StreamException

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DescribedException", "InDoubtException", "JournalException", "JournalFailure"]

# So many items of a start are named in the text of an exception.
_SHOWN: Final = 3

JournalFailure: TypeAlias = Literal[
    "locked",
    "no_locks",
    "read_only",
    "full",
    "damaged",
    "foreign",
    "newer",
    "closed",
    "not_json",
    "unusable",
]


class InDoubtException(StreamException):
    """Nobody knows whether Stream got a start, so it is not repeated; `__cause__` says why."""

    def __init__(self, *, operation: str, items: Sequence[Any] = (), message: str = "") -> None:
        """Make an exception for one start.

        Args:
            operation: The name of the operation.
            items: What it was to start with.
            message: What happened.
        """
        self.operation = operation
        self.items: tuple[Any, ...] = tuple(items)
        shown = brief(list(self.items[:_SHOWN]))
        super().__init__(
            f"Stream may have started {operation} with {len(self.items)} items"
            f" ({shown}{', …' if len(self.items) > _SHOWN else ''}), or not"
            + (f": {message}" if message else "")
        )


class JournalException(StreamException):
    """The file of a journal cannot be used, or cannot any more.

    It ends what was writing to it. Every outcome that was emitted before is in the file.
    """

    def __init__(self, *, path: str, reason: JournalFailure, message: str) -> None:
        """Make an exception that names the file.

        Args:
            path: The file.
            reason: `locked` (somebody else owns it), `no_locks` (its file system has none),
                `read_only`, `full`, `damaged`, `foreign` (no journal), `newer` (written by a newer
                version), `closed`, `not_json` (an outcome that cannot be written) or `unusable`.
            message: What happened, and what to do about it.
        """
        self.path = path
        self.reason: JournalFailure = reason
        super().__init__(f"journal {path}: {message}")


class DescribedException(StreamException):
    """What is left of an exception of another library in a journal: its type and its text."""

    def __init__(self, *, type_name: str, text: str = "") -> None:
        """Make an exception that describes another one.

        Args:
            type_name: The name of its class.
            text: Its text.
        """
        self.type_name: str = cut(type_name)
        self.text: str = cut(text)
        super().__init__(f"{type_name}: {text}" if text else type_name)
