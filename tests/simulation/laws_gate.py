"""The model of a gate: how wide it is, when it is closed, who is next, and what is left over."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .answers import BELIEVED
from .book import EPSILON

if TYPE_CHECKING:
    from rxstream import RateLimitInfo

    from .answers import Answer
    from .book import Book
    from .laws_wait import WaitLaws
    from .limits import FixedMinute

__all__ = ["GateLaws"]

# So many polls go out before any answer has told of a limit, and one more for each answer.
FIRST = 8
# A window that is spent no further than so much ahead of time is not paced yet.
AHEAD = 0.25


class GateLaws:
    """One gate, as seen by those who are asked: how many polls are in flight, and when they come.

    `budget` is the server's count, where the gate can know all of it: a fixed minute, told by every
    answer, and nobody else who asks. Only there can it be said what the reserve forbids.
    """

    def __init__(
        self,
        book: Book,
        name: str,
        gate: Any,
        width: int,
        reserve: float,
        *,
        is_loop: bool,
        budget: FixedMinute | None,
    ) -> None:
        self.book = book
        self.name = name
        self.gate = gate
        self.waits: list[WaitLaws] = []
        self.in_flight = self.hung = 0
        self._width = width
        self._share = 1 - reserve
        # A loop starts a call one turn after the gate has let it go.
        self._slack = EPSILON if is_loop else -EPSILON
        self._budget = budget
        self._answers = 0
        self._is_paced = False
        self._closed_at = self._closed_until = -math.inf
        self._free_since = -math.inf
        self._sent, self._began = -math.inf, math.inf
        self._known: int | None = None
        self._known_since = math.inf

    def polled(self, wait: WaitLaws | None, now: float) -> None:
        """A poll goes out: of a wait, or of one that is over already."""
        self._must_be_open(now)
        if wait is not None:
            self._must_be_first(wait)
            self._must_not_be_late(wait, now)
        self._must_keep_the_reserve(now)
        self._sent, self._began = now, min(self._began, now)
        self.in_flight += 1
        allowed = min(self._width, FIRST + self._answers)
        if self.in_flight > (self._width if self._is_paced else allowed):
            text = f"{self.in_flight} in flight of {self._width}, {self._answers} answers"
            self.book.broken("the gate is never wider than allowed", self.name, text)
        if self.in_flight >= min(self._width, FIRST):
            self._free_since = math.inf

    def over(self, now: float, answer: Answer | None) -> None:
        """A poll has ended, with an answer or without one."""
        self.in_flight -= 1
        self._answers += 1
        if self.in_flight < min(self._width, FIRST):
            self._free_since = min(self._free_since, now)
        if answer is None:
            return
        if answer.told is not None:
            self._is_paced = True
            self._learn(now, answer.told)
        if answer.is_refusal:
            self._is_paced = True
            self._known = None  # what a 429 says of its pause wins over what is told of the window
            # A reset names no pause for sure: a limit may be a level, which comes back bit by bit.
            after = answer.value.retry_after
            if after:
                self._closed_at = now
                until = now + min(after.total_seconds(), BELIEVED)
                self._closed_until = max(self._closed_until, until)

    def may_have_begun(self) -> None:
        """On a loop a call may be cancelled before its client hears of it; it counts too."""
        self._answers += self._slack > 0

    def _must_be_open(self, now: float) -> None:
        is_closed = now < self._closed_until - EPSILON
        if is_closed and now > self._closed_at + self._slack:
            text = f"a 429 closed it until {self._closed_until:.6f}"
            self.book.broken("nobody polls while the gate is closed", self.name, text)

    def _must_be_first(self, wait: WaitLaws) -> None:
        for other in self.waits:
            waits = not other.is_calling and other is not wait
            if waits and other.due_till < wait.due_from - EPSILON:
                text = f"{wait.name} since {wait.due_from:.6f}, {other.name} {other.due_till:.6f}"
                self.book.broken("first come, first served", self.name, text)

    def _must_not_be_late(self, wait: WaitLaws, now: float) -> None:
        if self._is_paced or now <= wait.due_till + EPSILON:
            return
        if self._free_since < now - EPSILON:
            text = f"due {wait.due_till:.6f}, free since {self._free_since:.6f}"
            self.book.broken("polls are not late where there is room", wait.name, text)

    def _learn(self, now: float, told: RateLimitInfo) -> None:
        budget = self._budget
        if budget is None or self._known == budget.window(now):
            return
        # An answer may have been long under way.
        if told.reset.timestamp() > now:
            self._known, self._known_since = budget.window(now), now

    def _must_keep_the_reserve(self, now: float) -> None:
        budget = self._budget
        if (
            budget is None
            or budget.is_lifted
            or self._known != budget.window(now)
            or self._sent < self._known_since
        ):
            return
        left, remaining = budget.left(now), budget.remaining(now) + budget.untold
        if remaining < 1:
            self.book.broken("the reserve is kept", self.name, f"nothing is left for {left:.6f} s")
        # Told in whole seconds, so that what is not low by some hundredths may be.
        is_low = remaining * budget.length * 1.05 < (1 - AHEAD) * budget.limit * left
        # Its end is told in whole seconds too.
        least = (left - 1) / (max(remaining, 1) * self._share)
        if (is_low or self._is_crowded(budget, now)) and now - self._sent < min(least, left) - 0.01:
            text = f"{now - self._sent:.6f} s after the last one, {least:.6f} s would keep it"
            self.book.broken("the reserve is kept", self.name, text)

    def _is_crowded(self, budget: FixedMinute, now: float) -> bool:
        """Whether more wait, in their first window, than may be sent ahead of time."""
        queued = sum(not w.is_calling and w.due_till <= self._sent for w in self.waits)
        is_first = now - self._began < budget.left(self._known_since)
        return is_first and queued > AHEAD * budget.limit

    def close(self) -> None:
        """Everything is over."""
        found = self.gate.statistics()
        if found.in_flight or found.queued or self.in_flight:
            text = f"{found.in_flight} in flight ({self.in_flight} seen), {found.queued} queued"
            self.book.broken("every place is given back", self.name, text)
