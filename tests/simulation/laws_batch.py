"""The model of many tasks at once: which waits there are, and which outcomes are owed."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from .book import EPSILON
from .laws_wait import ENDS, WaitLaws

if TYPE_CHECKING:
    from rxstream import TaskOutcome

    from .book import Book
    from .draws import How
    from .laws_gate import GateLaws

__all__ = ["BatchLaws"]

COMPLETES, CLOSES = "a batch ends at once", "a source is closed at once"
REFUSED = "an id that is none is an outcome at once"
ONE = "each id has one outcome for each time it came"


class BatchLaws:
    """One subscription to a batch."""

    def __init__(
        self, book: Book, name: str, gate: GateLaws, how: How, limit: float, *, is_pushed: bool
    ) -> None:
        self.book = book
        self.name = name
        self.is_over = self.is_busy = False
        self.source_is_open = True
        self.wake: object = None
        self.has_begun = self.is_closed = self.is_in_source = False
        self._gate = gate
        self._how = how
        self._limit = limit
        self._is_pushed = is_pushed
        self._queue: deque[object] = deque()
        self._running = 0
        self._unanswered: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._waits: dict[str, deque[WaitLaws]] = {}
        self._ended: dict[str, WaitLaws] = {}
        self._seen: dict[str, list[TaskOutcome]] = {}
        self._fault: Exception | None = None

    @property
    def waits(self) -> list[WaitLaws]:
        """Those that have not ended."""
        return [wait for waits in self._waits.values() for wait in waits if not wait.is_over]

    def asks(self) -> None:
        """The source is asked for an id."""
        if self.is_over:
            self.book.broken("nothing is asked for after the end", self.name, "")
        # While its consumer is being called, outcomes wait that have made room already.
        if self._running >= self._limit and not self.is_busy:
            text = f"{self._running} of {self._limit} are running"
            self.book.broken("nothing is pulled ahead of max_concurrent", self.name, text)

    def came(self, now: float, item: object) -> None:
        """The source gives an id."""
        if not self.is_over:
            self._queue.append(item)
            self._fill(now)

    def source_ended(self, error: Exception | None) -> None:
        """The source has no more ids, or fails."""
        self._fault, self.source_is_open = error, False
        if self.is_over:
            return
        if error is not None:
            self.book.owe(self.name, COMPLETES, f"its source failed: {error!r}")
            for wait in self.waits:
                wait.is_ending()
        self._complete_if_over()

    def _fill(self, now: float) -> None:
        while self._queue and (self._running < self._limit or not self._is_pushed):
            self._running += 1
            item = self._queue.popleft()
            if not isinstance(item, str) or not item.strip():
                self._refused[str(item or "")] += 1
                self.book.owe(self.name, REFUSED, repr(item))
                continue
            self._unanswered[item] += 1
            if not self._waits.get(item):
                self._begin(item, self._since(item, now) if self._unanswered[item] > 1 else now)

    def _begin(self, task_id: str, now: float, *, is_over: bool = False) -> WaitLaws:
        wait = WaitLaws(self.book, task_id, self._gate, self._how, now, emits=False)
        wait.wake = self.wake
        if not is_over:
            self._waits.setdefault(task_id, deque()).append(wait)
        self.book.counts["waits"] += 1
        return wait

    def _since(self, task_id: str, now: float) -> float:
        """Since when an id is waited for that came in the instant in which its wait ended."""
        before = self._ended.get(task_id)
        return now if before is None else before.ended_at

    def wait_of(self, task_id: str, now: float) -> WaitLaws | None:
        """The wait that a poll belongs to."""
        waits = self._waits.get(task_id, deque())
        is_ending = not waits or self.book.owes(waits[-1].name, ENDS)
        if is_ending and self._unanswered[task_id] > len(waits) and not self.is_over:
            return self._begin(task_id, now if waits else self._since(task_id, now))
        return waits[-1] if waits else self._ended.get(task_id)

    def outcome(self, now: float, outcome: TaskOutcome) -> None:
        """It emits."""
        task_id = outcome.task_id
        if self.is_over:
            self.book.broken("nothing comes after the end", self.name, repr(outcome)[:120])
            return
        if self._refused[task_id] and isinstance(outcome.error, TypeError | ValueError):
            self._refused[task_id] -= 1
            if not +self._refused:
                self.book.paid(self.name, REFUSED)
        elif not self._unanswered[task_id]:
            self.book.broken(ONE, self.name, f"{task_id} has one too many: {outcome}"[:160])
            return
        else:
            self._unanswered[task_id] -= 1
            self._settle(now, outcome)
        self._running -= 1
        self._fill(now)
        self._complete_if_over()

    def _settle(self, now: float, outcome: TaskOutcome) -> None:
        task_id = outcome.task_id
        seen = self._seen.setdefault(task_id, [])
        if any(before is outcome for before in seen):
            return  # asked for more than once, and answered with the same
        seen.append(outcome)
        waits = self._waits.get(task_id)
        since = self._since(task_id, now)
        wait = waits.popleft() if waits else self._begin(task_id, since, is_over=True)
        self._ended[task_id] = wait
        wait.ended(now, outcome.error)
        if not wait.is_last(outcome.snapshot, now):
            self.book.broken("an outcome has the last answer", task_id, repr(outcome)[:160])
        if abs(outcome.elapsed - (now - wait.began)) > EPSILON:
            text = f"{outcome.elapsed:.6f}, not {now - wait.began:.6f}"
            self.book.broken("an outcome tells how long it took", task_id, text)

    def _complete_if_over(self) -> None:
        if not (self.source_is_open or self._running or self._queue or self.is_over):
            self.book.owe(self.name, COMPLETES, "all are answered")

    def ended(self, now: float, error: Exception | None) -> None:
        """It ends, with an error or with None."""
        if self.is_over:
            self.book.broken("a batch ends once", self.name, repr(error)[:120])
            return
        if not self.book.owes(self.name, COMPLETES) or error is not self._fault:
            text = f"ended with {error!r}, {self._running} running, source {self._fault!r}"
            self.book.broken("a batch ends as its source does", self.name, text)
        self._over(now)

    def disposed(self, now: float) -> None:
        """Nobody wants it any more."""
        if not self.is_over:
            self._over(now)

    def _over(self, now: float) -> None:
        self.is_over = True
        self.book.paid(self.name, COMPLETES, REFUSED)
        for wait in self.waits:
            wait.disposed(now)
        if not self.is_in_source:
            self.left_source()

    def left_source(self) -> None:
        """A source that ends its batch itself can be closed only when it has returned."""
        self.is_in_source = False
        if self.has_begun and self.is_over and not self.is_closed:
            self.book.owe(self.name, CLOSES, "its batch is over")

    def closed(self) -> None:
        """The source was closed, or has ended by itself."""
        self.is_closed = True
        self.book.paid(self.name, CLOSES)
