"""What a journal asks of its store: four verbs, which an embedded file and a server can both keep.

An *entry* is something that happens once: a wait for a task, or the start of a batch of tasks. It
is known from its `add` on, and ends with its *record*, a text that is written once. A *holder* is
whoever acts on entries, such as one subscription; no two holders act on one entry at a time.

::

    add ──→ take ──→ put        known, held, recorded
             ↑↓
            beat                still held

Each verb returns at once, and answers by calling `then(answer, None)` once, or `then(None, error)`.
It may do so on any thread, or in place; `then` neither blocks nor raises. A `take` is answered when
there is something to take. A `beat` is answered after the `add` and `put` that came before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

__all__ = ["START", "WAIT", "Entry", "Holder", "Known", "Store", "Taken", "Then"]

WAIT: Final = "wait"
"""The wait for a task; its key is the id, its record the outcome."""
START: Final = "start"
"""A start of tasks; its key is the batch's, its note the items, its record the id that came."""

Then: TypeAlias = Callable[[Any, Exception | None], object]
"""Takes the answer, or the error in its place."""


class Entry(NamedTuple):
    """Something that happens once."""

    kind: str
    """`WAIT` or `START`."""
    key: str
    """What tells it from others of its kind."""
    note: str = ""
    """What was known of it when it was first added."""


class Holder(Protocol):
    """Who acts on entries."""

    @property
    def is_gone(self) -> bool:
        """Whether it has ended without a word, so that it will never act again."""
        ...


class Known(NamedTuple):
    """What a store knows of an entry."""

    is_new: bool
    """Nobody had added it before. A start that is neither new nor recorded is in doubt."""
    note: str
    """The note with which it was first added."""
    record: str | None
    """Its record; None: it has not ended."""


class Taken(NamedTuple):
    """An entry that somebody may act on now."""

    entry: Entry
    """The entry."""
    record: str | None = None
    """None, or the record that another holder wrote meanwhile: then there is nothing to do."""


@runtime_checkable
class Store(Protocol):
    """Where a journal keeps its entries."""

    @property
    def name(self) -> str:
        """What errors call it: the path of its file, or an address without secrets."""
        ...

    @property
    def lease(self) -> float | None:
        """Seconds for which a holder holds without a `beat`; None: while its process lives."""
        ...

    def add(self, holder: Holder, entry: Entry, then: Then, *, over: str | None = None) -> None:
        """Make an entry known, however often it is added; answer `Known`, once that is durable.

        Args:
            holder: Who would like to act on it, if it has no record.
            entry: The entry.
            then: Takes the answer.
            over: A record that is to be written anew. It is dropped, if it is still the record.
        """
        ...

    def take(self, holder: Holder, room: int, then: Then) -> None:
        """Claim entries without a record that nobody holds; answer a list of `Taken`.

        An embedded store gives a holder what that holder has added. One that is shared by machines
        gives what any of them has added, and what was held by one that is gone.

        Args:
            holder: Who acts on them from now on.
            room: How many it can take, 1 or more.
            then: Takes the answer, which has 1 to `room` of them.
        """
        ...

    def put(self, holder: Holder, entry: Entry, record: str, then: Then) -> None:
        """Write the record of an entry; answer whether this is the one, once that is durable.

        It is not where the holder does not hold the entry (any more).

        Args:
            holder: Who holds it.
            entry: The entry.
            record: Its record.
            then: Takes the answer.
        """
        ...

    def beat(self, holder: Holder, then: Then, *, leaves: bool = False) -> None:
        """Renew the lease on all that a holder holds; answer those entries that it has lost.

        Args:
            holder: Who holds them.
            then: Takes the answer.
            leaves: The holder goes, and what it holds may be taken by others at once.
        """
        ...
