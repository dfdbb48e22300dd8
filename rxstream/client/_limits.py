"""How many items Stream takes in one request, for each list that an operation takes."""

from __future__ import annotations

from typing import Final

from .._batch import Batch

__all__ = [
    "CHANNELS",
    "EXPORTED_CHANNELS",
    "EXPORTED_USERS",
    "FEEDS",
    "MEMBERS",
    "USERS",
    "WORDS",
]

CHANNELS: Final = Batch("cids", maximum=100)
# Stream's description says 100, its documentation 25.
EXPORTED_CHANNELS: Final = Batch("channels", maximum=100, size=25)
MEMBERS: Final = Batch("members", maximum=100)
USERS: Final = Batch("user_ids", maximum=100)
EXPORTED_USERS: Final = Batch("user_ids", maximum=25)
WORDS: Final = Batch("items")
FEEDS: Final = Batch("feeds", maximum=100)
