"""The model of one wait: when it may poll, what it must emit, and when it must have ended."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rxstream.errors import (
    InvalidResponseException,
    StreamTaskException,
    TaskTimeoutException,
)

from .answers import BELIEVED
from .book import EPSILON

if TYPE_CHECKING:
    from .answers import Answer
    from .book import Book
    from .draws import How
    from .laws_gate import GateLaws

__all__ = ["WaitLaws"]

EMITS, ENDS = "an answer is emitted at once", "a wait ends at once"
# The last poll before a deadline: 50 ms and two round trips before it, or half-way there.
LAST = 0.05
# However often it is woken, it need not poll more often than so.
FLOOR = 1.0


class WaitLaws:
    """One wait, from its subscription to its end, as seen from outside.

    A wait is paused until some moment between `due_from` and `due_till`; then it stands in the
    gate's line, and polls when the gate lets it.
    """

    def __init__(
        self, book: Book, name: str, gate: GateLaws, how: How, now: float, *, emits: bool = True
    ) -> None:
        self.book = book
        self.name = name
        self.gate = gate
        self.how = how
        self.emits = emits
        self.wake: object = None
        self.calls = 0
        self.is_calling = self.is_over = self.is_failing = self.is_busy = False
        self.due_from = self.due_till = self.sent = now
        self.began = now
        self.ended_at = math.inf
        self.deadline = math.inf if how.timeout is None else now + how.timeout
        self.last: Answer | None = None
        self.good: Answer | None = None
        self.end: object = None
        self._good_before: Answer | None = None
        self.answered_at = now
        # An event is passed on from one to the next: who begins meanwhile may hear it too.
        self._woken_at = now if book.events_under_way else -math.inf
        self._was_woken = self._was_cut = False
        self._goods = self._bads = 0
        self._expected: object = None
        gate.waits.append(self)
        if self.deadline < math.inf:
            book.by(self.deadline, name, "a wait ends by its deadline", lambda: self.is_over)

    def polled(self, now: float, *, is_late_start: bool) -> None:
        """The client was asked."""
        if self.is_over:
            # A request that must not be cancelled may be on its way to the client already.
            if not (is_late_start and now <= self.ended_at + EPSILON):
                self.book.broken("nobody polls after the end", self.name, f"{self.ended_at:.6f}")
            self.gate.polled(None, now)
            return
        if self.is_calling:
            self.book.broken("polls of a task never overlap", self.name, f"since {self.sent:.6f}")
        if now < self.due_from - EPSILON:
            text = f"{now:.6f} is before {self.due_from:.6f}"
            self.book.broken("polls keep their spacing", self.name, text)
        self.gate.polled(self, now)
        # On a loop the client hears of a call one turn after it began.
        self._was_woken = self._woken_at >= now - EPSILON
        self.is_calling, self.sent = True, now
        self.calls += 1

    def answered(self, now: float, answer: Answer) -> None:
        """The client answers."""
        self.is_calling = False
        if self.is_over:
            return
        self.last, self.answered_at = answer, now
        self.is_failing = answer.kind == "transient"
        if answer.kind in ("progress", "completed", "failed"):
            self.good, self._good_before = answer, self.good
            if self.emits:
                self.book.owe(self.name, EMITS, f"{answer.kind} {answer.value!r}"[:120])
        if answer.kind == "progress":
            self._pause(now, self.how.cadence.at(self._goods), 0.0)
            self._goods, self._bads = self._goods + 1, 0
        elif answer.is_refusal and self.how.retry is not None:
            # Its own budget is not for this: when it polls again is the gate's business.
            self.due_from, self.due_till = now, math.inf
            self._was_woken = False
        elif answer.kind == "transient" and self.how.retry is not None:
            delay = self.how.retry.at(self._bads)
            self._bads += 1
            if delay is None:
                self._must_end(answer)
            else:
                self._pause(now, delay, min(answer.named, BELIEVED))
        else:
            self._must_end(answer)

    def cancelled(self) -> None:
        """The call was ended, because the wait is about to."""
        self.is_calling = False
        self.due_from = math.inf
        self.is_ending()

    def is_ending(self) -> None:
        """It is about to end, and need not poll any more."""
        self.due_till = math.inf

    def _pause(self, now: float, delay: float | Exception, named: float) -> None:
        if isinstance(delay, Exception):
            self._must_end(delay)
            return
        left = self.deadline - now
        latest = max(left - LAST - 2 * (now - self.sent), left / 2)
        is_cut = not named and delay > latest
        pause = named or min(delay, latest)
        self.due_from = now + pause
        self.due_till = math.inf if (is_cut and self._was_cut) else self.due_from
        self._was_cut = self._was_cut or is_cut
        if self._was_woken and not self.is_failing:
            self.due_from = now
        self._was_woken = False

    def _must_end(self, reason: object) -> None:
        self._expected = reason
        self.due_from = self.due_till = math.inf
        self.book.owe(self.name, ENDS, f"of {reason!r}"[:120])

    def woken(self, now: float) -> None:
        """An event says that it may poll now."""
        self._was_woken, self._woken_at = True, now
        if not (self.is_over or self.is_calling or self.is_failing):
            self.due_from = min(self.due_from, now)

    def heard(self, now: float) -> None:
        """It has heard the event, and has not polled since: it must now."""
        if not (self.is_over or self.is_calling or self.is_failing):
            self.due_till = min(self.due_till, max(now, self.sent + FLOOR))

    def emitted(self, snapshot: object) -> None:
        """It emits."""
        if self.is_over:
            self.book.broken("nothing comes after the end", self.name, repr(snapshot)[:80])
        elif not self.book.owes(self.name, EMITS):
            self.book.broken("each answer is emitted once", self.name, repr(snapshot)[:80])
        elif self.good is None or not self.good.is_emitted_as(snapshot):
            self.book.broken("what is emitted is the answer", self.name, repr(snapshot)[:80])
        self.book.paid(self.name, EMITS)

    def ended(self, now: float, error: object) -> None:
        """It ends, with an error or with None."""
        if self.is_over:
            self.book.broken("a wait ends once", self.name, repr(error)[:120])
            return
        if self.book.owes(self.name, EMITS) and not self._may_expire(now, error):
            self.book.broken(EMITS, self.name, f"ended with {error!r} instead"[:120])
        if not (self._is_expected(error) or self._may_expire(now, error)):
            text = f"ended with {error!r}, expected {self._expected!r}"[:240]
            self.book.broken("a wait ends as its task does", self.name, text)
        self.end = error
        self._over(now)

    def is_last(self, snapshot: object, now: float) -> bool:
        """Whether a snapshot is the last good answer; at a deadline it may be the one before."""
        goods = [self.good]
        if now >= self.deadline - EPSILON and now <= self.answered_at + EPSILON:
            goods.append(self._good_before)
        if snapshot is None:
            return None in goods
        return any(good is not None and good.is_emitted_as(snapshot) for good in goods)

    def _may_expire(self, now: float, error: object) -> bool:
        is_timeout = isinstance(error, TaskTimeoutException)
        return is_timeout and abs(now - self.deadline) <= EPSILON

    def _is_expected(self, error: object) -> bool:
        if self._expected is None or not self.book.owes(self.name, ENDS):
            return False
        if self._expected is error:
            return True
        answer = self.last
        if answer is None or self._expected is not answer:
            return False
        if answer.kind == "completed":
            return error is None
        if answer.kind == "failed":
            return isinstance(error, StreamTaskException)
        # A client's answer that cannot be read may become an error of ours.
        return answer.is_reason_of(error) or (
            not isinstance(answer.value, Exception) and isinstance(error, InvalidResponseException)
        )

    def disposed(self, now: float) -> None:
        """Nobody wants it any more."""
        if not self.is_over:
            self._over(now)

    def _over(self, now: float) -> None:
        self.is_over, self.ended_at = True, now
        if not self.is_calling and self.due_from <= now:
            self.gate.may_have_begun()
        self.book.paid(self.name, EMITS, ENDS)
        self.gate.waits.remove(self)
