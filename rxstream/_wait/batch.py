"""The waits of one subscription to `tasks_observable`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

from reactivex import abc
from reactivex.disposable import SingleAssignmentDisposable
from typing_extensions import override

from .._merge.merge import Merge
from .._values import BaseTaskHandle, TaskOutcome
from .._wire.fields import task_id_of
from .closing import ClientClosedError
from .journalled import Journalled
from .outcome import OutcomeObserver
from .tasks import id_to_poll, outcome_at_once

if TYPE_CHECKING:
    from .._merge.sources import Items
    from .._store import Store
    from .again import Again
    from .arguments import Waits
    from .engine import Wait

__all__ = ["Batch"]


class Batch(abc.DisposableBase):
    """Runs one wait for each id, and gives its outcome once for each time the id came."""

    __slots__ = (
        "_also",
        "_give",
        "_items",
        "_journal",
        "_lock",
        "_merge",
        "_running",
        "_waits",
        "events",
    )

    def __init__(
        self,
        waits: Waits,
        observer: abc.ObserverBase[TaskOutcome],
        items: Items[str | BaseTaskHandle[Any] | None],
        limit: float,
        store: Store | None,
        again: Again,
    ) -> None:
        """Prepare; nothing is asked for.

        Args:
            waits: The waits of the subscription.
            observer: Where the outcomes go.
            items: Where the tasks come from.
            limit: How many waits at once.
            store: Where outcomes are recorded, or None.
            again: Which recorded errors are tried once more.
        """
        self._waits = waits
        self.events = SingleAssignmentDisposable()
        """The subscription to `wake`."""
        self._journal = None if store is None else Journalled(store, again, waits, self)
        if self._journal is not None:
            items = self._journal.bounded(items)
        self._merge = Merge(observer, items, self._start, limit, waits.clock, self._close)
        self._lock = threading.RLock()
        self._running: dict[str, Wait | None] = {}
        self._also: dict[str, list[int]] = {}
        self._items: dict[int, tuple[Any, ...]] = {}
        # Bound once: each access makes a new object, and each wait would keep one.
        self._give = self._ended

    def start(self) -> None:
        """Ask for the first ids."""
        if self._journal is not None:
            self._journal.start()
        self._merge.start()

    @override
    def dispose(self) -> None:
        self._merge.dispose()

    def _start(
        self, task: str | BaseTaskHandle[Any] | None, number: int
    ) -> abc.DisposableBase | None:
        try:
            task_id = id_to_poll(task)
        except (TypeError, ValueError) as error:
            self._end_at_once(
                TaskOutcome(_shown(task), error=_placed(error, number), items=_items_of(task)),
                number,
            )
            return None
        if task_id is None:
            self._end_at_once(outcome_at_once(cast("BaseTaskHandle[Any]", task)), number)
            return None
        with self._lock:
            # Not kept in the wait: most are for ids, and have none.
            if items := _items_of(task):
                self._items[number] = items
            if task_id in self._running:
                self._also.setdefault(task_id, []).append(number)
                return None
            self._running[task_id] = None
        if self._journal is not None:
            return self._journal.enter(task_id, number)
        return self.begin(task_id, number)

    def begin(self, task_id: str, number: int) -> abc.DisposableBase:
        """Begin the wait for an id."""
        observer = OutcomeObserver(task_id, self._waits.clock, self._give, number)
        wait = self._running[task_id] = self._waits.prepare(task_id, observer)
        wait.start()
        return wait

    def _end_at_once(self, outcome: TaskOutcome, number: int) -> None:
        self._merge.emit(outcome, number)
        self._merge.ended(number)

    def _ended(self, outcome: TaskOutcome, number: int) -> None:
        if isinstance(outcome.error, ClientClosedError):
            self._merge.fail(outcome.error)  # says nothing about the task
        elif self._journal is not None:
            own = self._items.get(number, ())
            self._journal.record(_with_items(outcome, own) if own else outcome, number)
        else:
            self.give(outcome, number)

    def give(self, outcome: TaskOutcome, number: int) -> None:
        """Emit an outcome, once for each time its id came."""
        for asked, own in self._forgotten(outcome.task_id, number):
            self._end_at_once(_with_items(outcome, own) if own else outcome, asked)

    def forget(self, task_id: str, number: int) -> None:
        """Emit nothing for an id, since somebody else does."""
        for asked, _ in self._forgotten(task_id, number):
            self._merge.ended(asked)

    def fail(self, error: Exception) -> None:
        """End everything with an error."""
        self._merge.fail(error)

    def _forgotten(self, task_id: str, number: int) -> list[tuple[int, tuple[Any, ...]]]:
        """Forget a task; give the numbers that asked for it, with the items of each."""
        with self._lock:
            self._running.pop(task_id, None)
            also = self._also.pop(task_id, ())
            return [(asked, self._items.pop(asked, ())) for asked in (number, *also)]

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._waits.close()
        self.events.dispose()

    def wake(self, event: object) -> None:
        """Poll at once the task that an event names, or all if it names none."""
        named = task_id_of(event)
        with self._lock:
            waits = list(self._running.values()) if named is None else [self._named(named)]
        for wait in waits:
            if wait is not None:
                wait.poll_now()

    def _named(self, named: object) -> Wait | None:
        return self._running.get(named) if isinstance(named, str) else None


def _placed(error: Exception, number: int) -> Exception:
    """An error that says which of the ids it is about."""
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"id number {number}, counted from 0: {error}")


def _with_items(outcome: TaskOutcome, items: tuple[Any, ...]) -> TaskOutcome:
    # `replace` of dataclasses takes four times as long.
    known = (outcome.task_id, outcome.snapshot, outcome.error, outcome.polls, outcome.elapsed)
    return TaskOutcome(*known, items, outcome.replayed)


def _items_of(task: object) -> tuple[Any, ...]:
    return task.items if isinstance(task, BaseTaskHandle) else ()


def _shown(task: object) -> str:
    """An id that is none; its truth value may raise, and its text too."""
    try:
        return "" if task is None else str(task)
    except Exception:  # noqa: BLE001 -- an object of the user's may raise anything
        return ""
