"""Many tasks at once: `tasks_observable`."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, TypeAlias

from reactivex import Observable, abc
from reactivex.disposable import SingleAssignmentDisposable
from typing_extensions import override

from .._checks import optional, text, whole
from .._merge.merge import Merge
from .._merge.sources import check_items, items_of
from .._values import TaskOutcome
from .._wire.fields import task_id_of
from ..backoff import DEFAULT_RETRY
from .again import AGAIN, checked_again, checked_journal
from .arguments import NOTHING_TO_WAIT_FOR, WaitArguments, start_or_dispose
from .journalled import Journalled
from .log import log_wake_failed
from .outcome import OutcomeObserver

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Sequence

    from .._gate.gate import Gate
    from .._merge.sources import Items
    from .._store import Store
    from ..backoff import Delays, Duration
    from .again import Again
    from .arguments import Waits
    from .engine import Wait

__all__ = ["TaskIds", "tasks_observable"]

TaskIds: TypeAlias = (
    "Iterable[str | None] | AsyncIterable[str | None] | Observable[str] | Observable[str | None]"
)
"""Where the ids come from."""


def tasks_observable(
    client: Any,
    task_ids: TaskIds,
    *,
    max_concurrent: int | None = None,
    poll_interval: Duration | Delays = 1.0,
    timeout: Duration | None = 60.0,
    retry: Delays | None = DEFAULT_RETRY,
    gate: Gate | None = None,
    wake: Observable[Any] | None = None,
    journal: Store | None = None,
    again: Again = AGAIN,
    scheduler: abc.SchedulerBase | None = None,
) -> Observable[TaskOutcome]:
    """Wait on many tasks, and emit how each ended, in the order in which they end.

    ::

        task_ids          a b c|
        wait on a         ─p──r──r──C|
        wait on b         ─p──×
        wait on c         ─p──r──C|
        tasks_observable  ────b──c──a|

    A task that fails, times out or cannot be polled gives an outcome, and never ends the others. So
    does an id that is None, empty or not a string. If an id comes again while its wait runs, it is
    not polled twice: you get the same outcome once for each time it came. An error of `task_ids`
    itself ends the stream at once.

    With a journal, each outcome is emitted once it is recorded there, and an id whose outcome is
    recorded is not polled: you get that outcome at once, with `replayed` set.

    To end with an error at the first failure: `.pipe(ops.map(TaskOutcome.unwrap))`.

    Args:
        client: As for `task_observable`.
        task_ids: An iterable, an async iterable or an Observable of ids. The first two give an
            id only when there is room for it, so they may be endless. Ids that an Observable emits
            too early wait in a queue.
        max_concurrent: How many waits at once, 1 or more; None: as many as there are ids.
        poll_interval: As for `task_observable`, for each task.
        timeout: As for `task_observable`, for each task, counted from when its wait begins.
        retry: As for `task_observable`, for each task.
        gate: As for `task_observable`; all the waits pass it.
        wake: As for `task_observable`; an event that names a task wakes only that one.
        journal: A `Journal` of `rxstream.journal`, open for as long as the waits run. If it fails,
            the stream ends with `JournalException`.
        again: Exception classes, one or a tuple. An id whose recorded outcome has such an error is
            waited on once more. By default: errors that say nothing about the task itself.
        scheduler: As for `task_observable`.

    Raises:
        TypeError: As for `task_observable`, or `task_ids` is none of the three.
        ValueError: As for `task_observable`, or `max_concurrent` is less than 1.
    """
    arguments = WaitArguments(client, poll_interval, timeout, retry, gate)
    check_items(task_ids, "task_ids")
    limit = math.inf if max_concurrent is None else whole(max_concurrent, "max_concurrent")
    optional(wake, Observable, "wake")
    store = checked_journal(journal)
    checked_again(again)
    optional(scheduler, abc.SchedulerBase, "scheduler")

    def subscribe(
        observer: abc.ObserverBase[TaskOutcome], subscribed_on: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        chosen = scheduler if scheduler is not None else subscribed_on
        clock = arguments.crowd_clock(chosen)
        waits, items = arguments.waits(clock), items_of(task_ids, chosen)
        batch = _Batch(waits, observer, items, limit, store, again)
        if wake is None:
            batch.start()
            return batch

        def on_error(error: Exception) -> None:
            log_wake_failed(None, error)

        batch.events.disposable = wake.subscribe(batch.wake, on_error, scheduler=subscribed_on)
        return start_or_dispose(batch.start, batch)

    return Observable(subscribe)


class _Batch(abc.DisposableBase):
    """Runs one wait for each id, and gives its outcome once for each time the id came."""

    __slots__ = ("_also", "_give", "_journal", "_lock", "_merge", "_running", "_waits", "events")

    def __init__(
        self,
        waits: Waits,
        observer: abc.ObserverBase[TaskOutcome],
        items: Items[str | None],
        limit: float,
        store: Store | None,
        again: Again,
    ) -> None:
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
        # Bound once: each access makes a new object, and each wait would keep one.
        self._give = self.give if self._journal is None else self._journal.record

    def start(self) -> None:
        """Ask for the first ids."""
        if self._journal is not None:
            self._journal.start()
        self._merge.start()

    @override
    def dispose(self) -> None:
        self._merge.dispose()

    def _start(self, task_id: str | None, number: int) -> abc.DisposableBase | None:
        try:
            checked = text(task_id, "task_id", NOTHING_TO_WAIT_FOR)
        except (TypeError, ValueError) as error:
            self._merge.emit(TaskOutcome(_shown(task_id), error=error), number)
            self._merge.ended(number)
            return None
        with self._lock:
            if checked in self._running:
                self._also.setdefault(checked, []).append(number)
                return None
            self._running[checked] = None
        if self._journal is not None:
            return self._journal.enter(checked, number)
        return self.begin(checked, number)

    def begin(self, task_id: str, number: int) -> abc.DisposableBase:
        """Begin the wait for an id."""
        observer = OutcomeObserver(task_id, self._waits.clock, self._give, number)
        wait = self._running[task_id] = self._waits.prepare(task_id, observer)
        wait.start()
        return wait

    def give(self, outcome: TaskOutcome, number: int) -> None:
        """Emit an outcome, once for each time its id came."""
        for asked in (number, *self._forgotten(outcome.task_id)):
            self._merge.emit(outcome, asked)
            self._merge.ended(asked)

    def forget(self, task_id: str, number: int) -> None:
        """Emit nothing for an id, since somebody else does."""
        for asked in (number, *self._forgotten(task_id)):
            self._merge.ended(asked)

    def fail(self, error: Exception) -> None:
        """End everything with an error."""
        self._merge.fail(error)

    def _forgotten(self, task_id: str) -> Sequence[int]:
        with self._lock:
            self._running.pop(task_id, None)
            return self._also.pop(task_id, ())

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


def _shown(task_id: object) -> str:
    """An id that is none; its truth value may raise, and its text too."""
    try:
        return "" if task_id is None else str(task_id)
    except Exception:  # noqa: BLE001 -- an object of the user's may raise anything
        return ""
