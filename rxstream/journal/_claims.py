"""Who holds which entry, within one process."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from .._store import Entry, Taken

if TYPE_CHECKING:
    from .._store import Holder, Then

__all__ = ["Claims"]

Name: TypeAlias = tuple[str, str]


class _Ending:
    """In place of a holder: the record is on its way."""

    is_gone = False


_ENDING: Final = _Ending()


class Claims:
    """The holders of entries that have no record, and who waits for them.

    Without a lock: a store calls it from one thread at a time.
    """

    def __init__(self) -> None:
        self._holders: dict[Name, Holder] = {}
        self._waiting: dict[Name, deque[tuple[_Book, Entry]]] = {}
        self._books: dict[int, _Book] = {}

    def want(self, holder: Holder, entry: Entry) -> None:
        """Let a holder take an entry, now or when it is given back."""
        if holder.is_gone:  # it has asked on one thread while it was ended on another
            return
        name, book = entry[:2], self._book_of(holder)
        held_by = self._holders.setdefault(name, holder)
        if held_by.is_gone:
            self.leave(held_by)
            held_by = self._holders.setdefault(name, holder)
        if held_by is not holder:
            self._waiting.setdefault(name, deque()).append((book, entry))
        elif name not in book.names:
            book.names.add(name)
            book.offer(Taken(entry))

    def take(self, holder: Holder, room: int, then: Then) -> None:
        """Answer with entries that the holder wants, once there are some."""
        self._book_of(holder).ask(room, then)

    def end(self, holder: Holder, entry: Entry) -> bool:
        """Begin to write a record; false: the holder does not hold the entry."""
        name = entry[:2]
        if self._holders.get(name) is not holder:
            return False
        self._holders[name] = _ENDING
        self._book_of(holder).names.discard(name)
        return True

    def ended(self, entry: Entry, record: str) -> None:
        """The record is written: whoever waited for the entry has nothing to do."""
        name = entry[:2]
        del self._holders[name]
        for book, wanted in self._waiting.pop(name, ()):
            book.offer(Taken(wanted, record))

    def leave(self, holder: Holder) -> None:
        """Give back all that a holder holds, and forget what it asked for."""
        book = self._books.pop(id(holder), None)
        if book is None:
            return
        book.is_open = False
        for name in book.names:
            del self._holders[name]
            self._pass_on(name)

    def close(self, error: Exception) -> None:
        """Answer those who still ask."""
        for book in self._books.values():
            book.fail(error)

    def _pass_on(self, name: Name) -> None:
        line = self._waiting.get(name, deque())
        while line:
            book, entry = line.popleft()
            if book.is_open:
                self._holders[name] = book.holder
                book.names.add(name)
                book.offer(Taken(entry))
                break
        if not line:
            self._waiting.pop(name, None)

    def _book_of(self, holder: Holder) -> _Book:
        book = self._books.get(id(holder))
        if book is None:
            book = self._books[id(holder)] = _Book(holder)
        return book


class _Book:
    """What one holder holds, what it may take, and who asked for it."""

    __slots__ = ("_asks", "_offers", "holder", "is_open", "names")

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        self.names: set[Name] = set()
        self.is_open = True
        self._offers: deque[Taken] = deque()
        self._asks: deque[tuple[int, Then]] = deque()

    def offer(self, taken: Taken) -> None:
        self._offers.append(taken)
        self._serve()

    def ask(self, room: int, then: Then) -> None:
        self._asks.append((room, then))
        self._serve()

    def fail(self, error: Exception) -> None:
        while self._asks:
            self._asks.popleft()[1](None, error)

    def _serve(self) -> None:
        offers = self._offers
        while self.is_open and self._asks and offers:
            room, then = self._asks.popleft()
            then([offers.popleft() for _ in range(min(room, len(offers)))], None)
