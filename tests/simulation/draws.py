"""The random choices of a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Final, TypeVar

from rxstream import backoff

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HAZARDS", "Draws", "How", "Row", "ScheduleFault"]

T = TypeVar("T")

HAZARDS: Final = (
    "close",  # a client is closed in the middle
    "dispose",  # subscriptions are disposed at random moments
    "faults",  # HTTP errors, resets, garbage
    "hub",  # waits go through a hub
    "hang",  # answers that never come
    "limit",  # rate limits and their 429s
    "nested",  # consumers and iterators that dispose, wake, subscribe and push
    "odd ids",  # None, empty, no string, twice
    "operators",
    "poison",  # answers that raise while they are read
    "raise",  # consumers that raise
    "schedules",  # schedules that raise
    "sources",  # sources of ids that fail
    "wake",
)


class ScheduleFault(Exception):
    """What a schedule raises."""


@dataclass(frozen=True)
class Row:
    """Delays that the model knows as well as the library; at the end one is kept, or it ends."""

    delays: tuple[float, ...]
    keeps: bool = True
    fault: ScheduleFault | None = None
    argument: object = None

    def at(self, number: int) -> float | ScheduleFault | None:
        """The delay of this number; None where there is none any more."""
        if number < len(self.delays):
            return self.delays[number]
        if self.fault is not None:
            return self.fault
        return self.delays[-1] if self.keeps else None

    def __call__(self) -> Iterator[float]:
        yield from self.delays
        if self.fault is not None:
            raise self.fault
        if self.keeps:
            yield from repeat(self.delays[-1])


@dataclass(frozen=True)
class How:
    """How a wait is to go."""

    cadence: Row
    timeout: float | None
    retry: Row | None

    def keywords(self) -> dict[str, object]:
        """The same as arguments."""
        retry = None if self.retry is None else self.retry.argument or self.retry
        cadence = self.cadence.argument or self.cadence
        return {"poll_interval": cadence, "timeout": self.timeout, "retry": retry}


class Draws(random.Random):
    """A seed's generator, with hazards that can be left out."""

    def __init__(self, seed: int, without: frozenset[str] = frozenset()) -> None:
        super().__init__(seed)
        self._without = without
        # Each seed has its own weather, so that some are calm and some are not.
        self._scale = {name: self.choice((0.0, 0.3, 1.0, 1.0, 2.0)) for name in HAZARDS}
        # Nothing may go round in circles at one instant.
        self.is_slow = self.random() < 0.4
        # Many begin at once, and one rate limit is all that stops them.
        self.is_crowded = self.random() < 0.2

    def hazard(self, name: str, chance: float) -> bool:
        """Whether something bad happens now."""
        drawn = self.random() < chance * self._scale[name]
        return drawn and name not in self._without

    def one(self, *values: T) -> T:
        """One of them."""
        return self.choice(values)

    def delay(self, longest: float) -> float:
        """A moment on a grid, so that things coincide now and then."""
        return self.randrange(round(longest * 8) + 1) / 8

    def cadence(self) -> Row:
        """Pauses between good answers."""
        if self.is_crowded:
            return Row((1.0,), argument=1.0)
        if self.hazard("schedules", 0.03):
            return Row((1.0,) * self.randrange(3), fault=ScheduleFault("cadence"))
        pause = self.one(0.25, 1.0, 1.0, 2.5, 7.0)
        kind = self.randrange(6)
        if kind == 0 and self.is_slow:
            return Row((0.0,), argument=0)
        if kind == 1:
            delays = tuple(min(pause * 1.5**n, 20.0) for n in range(40))
            return Row(delays, argument=backoff.exponential(pause, 1.5, 20.0))
        if kind == 2:
            return Row(tuple(self.delay(5) + 0.125 for _ in range(5)))
        return Row((pause,), argument=pause)

    def retry(self) -> Row | None:
        """Pauses after bad answers."""
        if self.hazard("schedules", 0.03):
            return Row((0.5,) * self.randrange(3), keeps=False, fault=ScheduleFault("retry"))
        kind = self.randrange(6)
        if kind == 0:
            return None
        if kind == 1:
            return Row((0.5, 0.5), keeps=False, argument=backoff.constant(0.5).limited(2))
        if kind == 2:
            delays = tuple(min(0.5 * 2.0**n, 30.0) for n in range(10))
            schedule = backoff.exponential(0.5, maximum=30.0).limited(10)
            return Row(delays, keeps=False, argument=schedule)
        if kind == 3:
            return Row(tuple(self.delay(3) for _ in range(self.randrange(1, 6))), keeps=False)
        return Row((self.one(0.25, 1.0, 4.0),))

    def how(self) -> How:
        """How one wait, or all of a batch, are to go."""
        if self.is_crowded:
            return How(self.cadence(), self.one(None, 60.0, 400.0), self.retry())
        timeout = self.one(None, 0.0, 0.125, 1.0, 5.0, 30.0, 30.0, 60.0, 60.0, 400.0)
        return How(self.cadence(), timeout, self.retry())
