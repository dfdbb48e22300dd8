"""Journals: waits that outlive their process."""

from .._wait.again import AGAIN
from ..errors import JournalException
from ._journal import Journal
from ._memory import MemoryJournal
from ._reader import JournalCounts, JournalReader

__all__ = [
    "AGAIN",
    "Journal",
    "JournalCounts",
    "JournalException",
    "JournalReader",
    "MemoryJournal",
]
