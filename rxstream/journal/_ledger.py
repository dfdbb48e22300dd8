"""Does the verbs of a journal, with a file beneath."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, cast

from .._store import Known
from ..errors import JournalException
from ._claims import Claims
from ._file import closed, failure
from ._group import Group
from ._rows import look_up
from ._verbs import Add, Beat, Put, Take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._verbs import Verb

__all__ = ["Ledger"]


class Ledger:
    """Gathers changes, writes them, and answers after that. One thread at a time uses it."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._claims = Claims()
        self._group = Group()
        self._error: Exception | None = None

    @property
    def rows(self) -> int:
        """How many changes are to be written."""
        return self._group.rows

    def do(self, verbs: Sequence[Verb]) -> None:
        """Do verbs, in order; what changes something is answered by `commit`."""
        known: dict[tuple[str, str], Known] = {}
        if self._error is None:
            try:
                known = self._known(verbs)
            except Exception as error:  # noqa: BLE001 -- nobody is left without an answer
                self.fail(error)
        for verb in verbs:
            if self._error is None:
                self._do(verb, known)
            else:
                verb.then(None, self._error)

    def commit(self) -> None:
        """Write what was gathered, and answer."""
        group, self._group = self._group, Group()
        try:
            group.commit(self._connection, self._path)
        except Exception as error:  # noqa: BLE001 -- nobody is left without an answer
            self._group = group
            self.fail(error)
            return
        for do, verb, answer in group.then:
            do(verb, answer)

    def fail(self, error: Exception) -> None:
        """Write nothing any more: answer everybody with an error, from now on too."""
        if self._error is None:
            is_ours = isinstance(error, JournalException)
            self._error = error if is_ours else failure(self._path, error)
        group, self._group = self._group, Group()
        for _, verb, _ in group.then:
            verb.then(None, self._error)
        self._claims.close(self._error)

    def close(self) -> None:
        """Close the file; what was not written is dropped, and who still waits is answered."""
        self._claims.close(closed(self._path))
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._connection.close()
        except sqlite3.Error as error:
            # All that was answered is on the disk: only tidying up has failed.
            self.fail(error)

    def _known(self, verbs: Sequence[Verb]) -> dict[tuple[str, str], Known]:
        """Look up what is added, all of it at once."""
        keys: dict[str, list[str]] = {}
        for verb in verbs:
            if isinstance(verb, Add):
                keys.setdefault(verb.entry.kind, []).append(verb.entry.key)
        return {
            (kind, key): known
            for kind, some in keys.items()
            for key, known in look_up(self._connection, self._path, kind, some)
        }

    def _do(self, verb: Verb, known: dict[tuple[str, str], Known]) -> None:
        match verb:
            case Add():
                self._add(verb, known)
            case Put(then, holder, entry, record):
                if self._claims.end(holder, entry):
                    self._group.record(entry, record)
                    self._group.then.append((self._recorded, verb, True))
                else:
                    then(False, None)  # noqa: FBT003 -- the answer
            case Take(then, holder, room):
                self._claims.take(holder, room, then)
            case Beat():
                # After what was added before: that is wanted once it is durable.
                if self._group.then:
                    self._group.then.append((self._beaten, verb, []))
                else:
                    self._beaten(verb, [])

    def _add(self, verb: Add, known: dict[tuple[str, str], Known]) -> None:
        entry, group = verb.entry, self._group
        name = entry[:2]
        found = known.get(name)
        if found is None:
            is_new = name not in group.new
            note = group.new.setdefault(name, entry.note)
            group.then.append((self._added, verb, Known(is_new, note, None)))
        elif found.record is None:
            self._added(verb, found)
        elif found.record != verb.over:
            verb.then(found, None)
        else:
            group.drop(entry, found.record)
            known[name] = found._replace(record=None)
            group.then.append((self._added, verb, known[name]))

    def _added(self, verb: Verb, known: Known) -> None:
        self._claims.want(verb.holder, cast("Add", verb).entry)
        verb.then(known, None)

    def _recorded(self, verb: Verb, is_this_one: object) -> None:
        put = cast("Put", verb)
        self._claims.ended(put.entry, put.record)
        verb.then(is_this_one, None)

    def _beaten(self, verb: Verb, lost: object) -> None:
        if cast("Beat", verb).leaves:
            self._claims.leave(verb.holder)
        verb.then(lost, None)
