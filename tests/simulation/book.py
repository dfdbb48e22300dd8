"""What was seen, what is owed, and which laws were broken."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EPSILON", "Book", "Mischief", "Violation"]

# Clocks round to the microsecond, and a moment may be the sum of several pauses.
EPSILON: Final = 1e-4


class Mischief(Exception):
    """What a consumer raises."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One law that was broken."""

    at: float
    law: str
    who: str
    text: str

    def __str__(self) -> str:
        return f"at {self.at:.6f} {self.who}: {self.law}: {self.text}"


class Book:
    """The record of one seed."""

    def __init__(self) -> None:
        self.now = 0.0
        self.counts: Counter[str] = Counter()
        self.trace: list[tuple[float, str, str, object]] = []
        self.violations: list[Violation] = []
        self.events_under_way = 0
        self._owed: dict[tuple[str, str], tuple[float, str]] = {}
        self._by: list[tuple[float, int, str, str, Callable[[], bool]]] = []
        self._raised: dict[Mischief, int] = {}

    @property
    def steps(self) -> int:
        """How many things happened."""
        return len(self.trace)

    def note(self, now: float, who: str, what: str, detail: object = "") -> None:
        """Write down that something happened."""
        self.tick(now)
        self.counts[what] += 1
        self.trace.append((now, who, what, detail))

    def broken(self, law: str, who: str, text: str) -> None:
        """Write down that a law was broken."""
        self.violations.append(Violation(self.now, law, who, text))
        self.trace.append((self.now, who, "BROKEN", f"{law}: {text}"))

    def owe(self, who: str, law: str, text: str) -> None:
        """Something must happen before time moves on."""
        self._owed[who, law] = self.now, text

    def owes(self, who: str, law: str) -> bool:
        """Whether something is owed still."""
        return (who, law) in self._owed

    def paid(self, who: str, *laws: str) -> None:
        """What was owed has happened, or nobody wants it any more."""
        for law in laws:
            self._owed.pop((who, law), None)

    def by(self, moment: float, who: str, law: str, is_kept: Callable[[], bool]) -> None:
        """Something must have happened by a moment."""
        heapq.heappush(self._by, (moment, len(self._by) + self.steps, who, law, is_kept))

    def tick(self, now: float) -> None:
        """Time has moved: what was owed is due."""
        if now <= self.now + EPSILON:
            return
        late = [(key, text) for key, (at, text) in self._owed.items() if at + EPSILON < now]
        for (who, law), text in late:
            del self._owed[who, law]
            self.broken(law, who, text)
        while self._by and self._by[0][0] + EPSILON < now:
            moment, _, who, law, is_kept = heapq.heappop(self._by)
            if not is_kept():
                self.broken(law, who, f"not by {moment:.6f}")
        self.now = now

    def raised(self, error: Mischief) -> None:
        """A consumer raises this now."""
        self._raised[error] = 0

    def surfaced(self, error: BaseException, where: str) -> None:
        """Somebody outside got an exception."""
        if isinstance(error, Mischief) and error in self._raised:
            self._raised[error] += 1
            self.trace.append((self.now, str(error), "surfaced", where))
        else:
            self.broken("nothing else is raised", where, repr(error))

    def close(self) -> None:
        """Nothing more will happen."""
        self.tick(self.now + 1)
        for error, times in self._raised.items():
            if times != 1:
                text = "was swallowed" if not times else f"surfaced {times} times"
                self.broken("a consumer's exception surfaces once", str(error), text)
