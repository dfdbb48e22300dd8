"""What comes from a journal."""

from __future__ import annotations

from typing import Literal, TypeAlias

from .._text import cut
from ._stream import StreamException

__all__ = ["DescribedException", "JournalException", "JournalFailure"]

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
