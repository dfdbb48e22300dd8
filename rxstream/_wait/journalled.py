"""Waits with a journal: what is recorded is not waited on, and nothing is emitted before it is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from reactivex import abc
from typing_extensions import override

from .._records import RecordError, from_record, to_record
from .._store import WAIT, Entry
from .._time.clock import is_real
from ..errors import JournalException
from .inbox import Bounded, Inbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._merge.sources import Items
    from .._store import Known, Store, Taken
    from .._values import TaskOutcome
    from ..errors import JournalFailure
    from .again import Again
    from .arguments import Waits

__all__ = ["Journalled", "Subscription"]

T = TypeVar("T")


class Subscription(Protocol):
    """The subscription, as far as its journal needs to know it."""

    def begin(self, task_id: str, number: int) -> abc.DisposableBase:
        """Begin the wait for a task."""
        ...

    def give(self, outcome: TaskOutcome, number: int) -> None:
        """Emit an outcome: nothing is left to do for this task."""
        ...

    def forget(self, task_id: str, number: int) -> None:
        """Somebody else waits for this task now, and emits its outcome."""
        ...

    def fail(self, error: Exception) -> None:
        """End everything with an error."""
        ...


class Journalled:
    """What one subscription has to do with a store.

    ::

        id ──→ add ─┬─ recorded ──────────────────────────→ emit, as replayed
                    └─ pending ──→ take ──→ wait ──→ put ──→ emit
    """

    def __init__(self, store: Store, again: Again, waits: Waits, batch: Subscription) -> None:
        """Prepare; nothing is asked of the store.

        Args:
            store: The store.
            again: Which recorded errors are tried once more.
            waits: The waits of the subscription.
            batch: The subscription.
        """
        self._store = store
        self._again = again
        self._clock = waits.clock
        self._cut = waits.cut
        self._batch = batch
        self._inbox = Inbox(waits, batch.fail, self._take)
        # Real time, in which a store answers, does not pass there.
        self._is_virtual = not is_real(waits.clock)
        self._lock = threading.Lock()
        self._wanted = 0
        self._places: dict[str, _Place] = {}
        self._beat: Any = None

    @property
    def is_gone(self) -> bool:
        """Whether it is closed, or the event loop that should act is."""
        return self._inbox.is_closed or self._clock.is_closed

    def bounded(self, items: Items[T]) -> Items[T]:
        """Ask for items only while the store keeps up."""
        return Bounded(items, self._inbox)

    def start(self) -> None:
        """Renew the lease from now on, if the store has one."""
        if self._store.lease is not None:
            self._beat = self._clock.call_later(self._store.lease / 3, self._renew)

    def enter(self, task_id: str, number: int) -> abc.DisposableBase:
        """Look an id up; wait for it, unless its outcome is recorded."""
        place = self._places[task_id] = _Place(number)
        self._add(task_id, None)
        return place

    def record(self, outcome: TaskOutcome, number: int) -> None:
        """Record an outcome, then emit it."""
        try:
            text = to_record(outcome, self._cut)
        except RecordError as error:
            self._fail("not_json", f"{error}; get_task has to return JSON")
            return
        then = self._inbox.answer(self._written, (outcome, number))
        self._store.put(self, Entry(WAIT, outcome.task_id), text, then)
        self._settle()

    def close(self) -> None:
        """Give back what is held. What is being written is written all the same."""
        self._inbox.close()
        timer, self._beat = self._beat, None
        if timer is not None:
            self._clock.cancel(timer)
        self._store.beat(self, _nothing, leaves=True)

    def _settle(self) -> None:
        """In virtual time, let the store answer before time passes."""
        if self._is_virtual:
            answered = threading.Event()
            self._store.beat(self, lambda _, __: answered.set())
            answered.wait()

    def _add(self, task_id: str, over: str | None) -> None:
        then = self._inbox.answer(self._added, task_id)
        self._store.add(self, Entry(WAIT, task_id), then, over=over)
        self._settle()

    def _added(self, task_id: str, known: Known) -> None:
        if known.record is None:
            with self._lock:
                self._wanted += 1
            return
        outcome = self._read(task_id, known.record)
        if outcome is None:
            return
        if isinstance(outcome.error, self._again):
            self._add(task_id, known.record)
        else:
            self._batch.give(outcome, self._places.pop(task_id).number)

    def _take(self) -> None:
        with self._lock:
            wanted, self._wanted = self._wanted, 0
        if wanted:
            self._store.take(self, wanted, self._inbox.answer(self._taken, wanted))
            self._settle()

    def _taken(self, wanted: int, some: Sequence[Taken]) -> None:
        with self._lock:
            self._wanted += wanted - len(some)
        for entry, record in some:
            task_id = entry.key
            place = self._places.get(task_id)
            if place is None:
                continue
            if record is None:
                self._begin(task_id, place)
            elif (outcome := self._read(task_id, record)) is not None:
                self._batch.give(outcome, self._places.pop(task_id).number)

    def _begin(self, task_id: str, place: _Place) -> None:
        try:
            place.keep(self._batch.begin(task_id, place.number))
        except Exception as error:  # noqa: BLE001 -- a wait that cannot begin would never end
            self._batch.fail(error)

    def _written(self, about: tuple[TaskOutcome, int], is_this_one: bool) -> None:  # noqa: FBT001 -- the answer
        outcome, number = about
        self._places.pop(outcome.task_id, None)
        if is_this_one:
            self._batch.give(outcome, number)
        else:
            self._batch.forget(outcome.task_id, number)

    def _read(self, task_id: str, record: str) -> TaskOutcome | None:
        try:
            return from_record(task_id, record, replayed=True)
        except RecordError as error:
            self._fail("damaged", f"{error}; use a new file")
            return None

    def _fail(self, reason: JournalFailure, message: str) -> None:
        self._batch.fail(JournalException(path=self._store.name, reason=reason, message=message))

    def _renew(self) -> None:
        self.start()
        self._store.beat(self, self._inbox.answer(self._beaten, None))

    def _beaten(self, _: None, lost: Sequence[Entry]) -> None:
        for entry in lost:
            place = self._places.pop(entry.key, None)
            if place is not None:
                place.dispose()
                self._batch.forget(entry.key, place.number)


class _Place(abc.DisposableBase):
    """The place of an id in its subscription, from the look-up to the outcome."""

    __slots__ = ("_is_disposed", "_wait", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self._wait: abc.DisposableBase | None = None
        self._is_disposed = False

    def keep(self, wait: abc.DisposableBase) -> None:
        """Dispose of a wait together with the place."""
        self._wait = wait
        if self._is_disposed:
            wait.dispose()

    @override
    def dispose(self) -> None:
        self._is_disposed = True
        if self._wait is not None:
            self._wait.dispose()


def _nothing(*_: object) -> None:
    pass
