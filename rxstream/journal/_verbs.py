"""The four verbs as values, to be left for the thread that does them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from .._store import Entry, Holder, Then

__all__ = ["Add", "Beat", "Put", "Take", "Verb"]


class Add(NamedTuple):
    """Make an entry known."""

    then: Then
    holder: Holder
    entry: Entry
    over: str | None


class Take(NamedTuple):
    """Claim entries."""

    then: Then
    holder: Holder
    room: int


class Put(NamedTuple):
    """Write the record of an entry."""

    then: Then
    holder: Holder
    entry: Entry
    record: str


class Beat(NamedTuple):
    """Say that a holder is there, or that it goes."""

    then: Then
    holder: Holder
    leaves: bool


Verb: TypeAlias = Add | Take | Put | Beat
