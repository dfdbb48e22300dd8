"""The model of several subscriptions to one observable: who polls cannot be told apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rxstream.errors import StreamTaskException, TaskTimeoutException

from .book import EPSILON
from .draws import ScheduleFault

if TYPE_CHECKING:
    from .answers import Answer
    from .book import Book
    from .draws import How
    from .laws_gate import GateLaws

__all__ = ["SharedLaws", "SharerLaws"]


class SharedLaws:
    """The task that they all wait for."""

    def __init__(self, book: Book, name: str, gate: GateLaws) -> None:
        self.book = book
        self.name = name
        self.gate = gate
        self.subscribed = self.in_flight = 0
        self.answers: list[tuple[float, Answer]] = []

    def polled(self, now: float, *, is_late_start: bool) -> None:
        """The client was asked."""
        self.gate.polled(None, now)
        self.in_flight += 1
        if self.in_flight > self.subscribed:
            text = f"{self.in_flight} of {self.subscribed} subscriptions"
            self.book.broken("polls of a task never overlap", self.name, text)

    def answered(self, now: float, answer: Answer) -> None:
        """The client answers."""
        self.in_flight -= 1
        self.answers = [(at, old) for at, old in self.answers if at >= now - EPSILON]
        self.answers.append((now, answer))

    def cancelled(self) -> None:
        """The call was ended."""
        self.in_flight -= 1

    def now_answered(self, now: float) -> list[Answer]:
        """What was answered at this instant."""
        return [answer for at, answer in self.answers if at >= now - EPSILON]


class SharerLaws:
    """One of the subscriptions."""

    def __init__(self, shared: SharedLaws, name: str, how: How, now: float) -> None:
        self.shared = shared
        self.book = shared.book
        self.name = name
        self.is_over = False
        self.is_busy = False
        self.gate = shared.gate
        self.deadline = math.inf if how.timeout is None else now + how.timeout
        shared.subscribed += 1
        if self.deadline < math.inf:
            law = "a wait ends by its deadline"
            self.book.by(self.deadline, name, law, lambda: self.is_over)

    @property
    def is_calling(self) -> bool:
        """Whether it may have a call under way."""
        return self.shared.in_flight > 0

    def emitted(self, snapshot: object) -> None:
        """It emits."""
        if self.is_over:
            self.book.broken("nothing comes after the end", self.name, repr(snapshot)[:80])
        answers = self.shared.now_answered(self.book.now)
        if not any(answer.is_emitted_as(snapshot) for answer in answers):
            self.book.broken("what is emitted is the answer", self.name, repr(snapshot)[:80])

    def ended(self, now: float, error: object) -> None:
        """It ends, with an error or with None."""
        if self.is_over:
            self.book.broken("a wait ends once", self.name, repr(error)[:120])
        self.is_over = True
        if isinstance(error, ScheduleFault):
            is_right = True
        elif isinstance(error, TaskTimeoutException):
            is_right = abs(now - self.deadline) <= EPSILON
        elif error is None or isinstance(error, StreamTaskException):
            kind = "completed" if error is None else "failed"
            is_right = any(a.kind == kind for a in self.shared.now_answered(now))
        else:
            is_right = any(a.kind != "progress" for a in self.shared.now_answered(now))
        if not is_right:
            self.book.broken("a wait ends as its task does", self.name, repr(error)[:120])

    def disposed(self, now: float) -> None:
        """Nobody wants it any more."""
        self.is_over = True
