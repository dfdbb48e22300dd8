"""The interface of a schedule, and its implementations."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, repeat
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from typing_extensions import override

from .._checks import seconds, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Delays", "Duration", "Jitter", "Row", "Schedule"]

Duration: TypeAlias = float | timedelta
"""Seconds, or a timedelta."""

Jitter: TypeAlias = Literal["full", "equal", "decorrelated"]


class Delays(Protocol):
    """Anything that gives a fresh iterator of delays in seconds each time it is called."""

    def __call__(self) -> Iterator[float]:
        """Return an iterator that starts at the first delay."""
        ...


class Schedule(ABC):
    """A series of delays in seconds: immutable and comparable; each call starts it again.

    `constant`, `exponential` and `fibonacci` make one. The methods below change it, and each
    returns a new schedule.
    """

    __slots__ = ()

    @abstractmethod
    def __call__(self) -> Iterator[float]:
        """Return an iterator that starts at the first delay."""

    @property
    @abstractmethod
    def ceiling(self) -> float:
        """The upper bound of all delays, in seconds."""

    def jittered(self, how: Jitter = "full", seed: int | None = None) -> Schedule:
        """Spread the delays at random, so that many waits do not retry in step.

        Args:
            how: `full`: between 0 and the delay. `equal`: between half the delay and the delay.
                `decorrelated`: between the first delay and three times the one before, up to the
                schedule's maximum. It grows by itself, so use it on `constant(first).capped(…)`.
            seed: Makes the delays the same on each call; None draws new ones.

        Raises:
            ValueError: `how` is not one of the three.
        """
        if how not in ("full", "equal", "decorrelated"):
            msg = f'how must be "full", "equal" or "decorrelated", not {how!r}'
            raise ValueError(msg)
        return _Jittered(self, how, seed)

    def capped(self, maximum: Duration) -> Schedule:
        """Cut every delay to `maximum`.

        Args:
            maximum: Seconds, or a timedelta.
        """
        return _Capped(self, seconds(maximum, "maximum"))

    def limited(self, attempts: int) -> Schedule:
        """End after `attempts` delays.

        As `retry`, it allows that many retries. As `poll_interval`, the last delay is repeated.

        Args:
            attempts: How many delays, 1 or more.

        Raises:
            ValueError: `attempts` is less than 1.
            TypeError: `attempts` is not a whole number.
        """
        return _Limited(self, whole(attempts, "attempts"))


def _shown(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


# A year. Without a bound the growth would reach infinity, which is not a delay.
_LONGEST: Final = 31_536_000.0


@dataclass(frozen=True, slots=True, repr=False)
class Row(Schedule):
    kind: Literal["constant", "exponential", "fibonacci"]
    first: float
    factor: float
    maximum: float | None

    @property
    @override
    def ceiling(self) -> float:
        return _LONGEST if self.maximum is None else self.maximum

    @override
    def __call__(self) -> Iterator[float]:
        return repeat(self.first) if self.kind == "constant" else self._growing()

    def _growing(self) -> Iterator[float]:
        top = self.ceiling
        before, delay = 0.0, self.first
        while True:
            yield min(delay, top)
            if self.kind == "fibonacci":
                before, delay = min(delay, top), min(before + delay, top)
            else:
                delay = delay * self.factor if delay < top else delay

    def __repr__(self) -> str:
        shown = [_shown(self.first)]
        if self.kind == "exponential":
            shown.append(f"factor={_shown(self.factor)}")
        if self.maximum is not None:
            shown.append(f"maximum={_shown(self.maximum)}")
        return f"{self.kind}({', '.join(shown)})"


@dataclass(frozen=True, slots=True, repr=False)
class _Jittered(Schedule):
    inner: Schedule
    how: Jitter
    seed: int | None

    @override
    def __call__(self) -> Iterator[float]:
        # Without a seed, use the shared generator: another one takes 2.5 kB for each subscription.
        uniform = random.uniform if self.seed is None else random.Random(self.seed).uniform  # noqa: S311 -- spreads load, guards no secret
        if self.how == "decorrelated":
            return self._decorrelated(uniform, self.ceiling)
        least = 0.0 if self.how == "full" else 0.5
        return (uniform(delay * least, delay) for delay in self.inner())

    def _decorrelated(
        self, uniform: Callable[[float, float], float], top: float
    ) -> Iterator[float]:
        first = before = None
        for delay in self.inner():
            if first is None or before is None:
                first = before = delay
            before = min(top, uniform(first, before * 3))
            yield before

    @property
    @override
    def ceiling(self) -> float:
        return self.inner.ceiling

    def __repr__(self) -> str:
        seeded = "" if self.seed is None else f", seed={self.seed}"
        return f'{self.inner!r}.jittered("{self.how}"{seeded})'


@dataclass(frozen=True, slots=True, repr=False)
class _Capped(Schedule):
    inner: Schedule
    maximum: float

    @property
    @override
    def ceiling(self) -> float:
        return min(self.maximum, self.inner.ceiling)

    @override
    def __call__(self) -> Iterator[float]:
        return (min(delay, self.maximum) for delay in self.inner())

    def __repr__(self) -> str:
        return f"{self.inner!r}.capped({_shown(self.maximum)})"


@dataclass(frozen=True, slots=True, repr=False)
class _Limited(Schedule):
    inner: Schedule
    attempts: int

    @property
    @override
    def ceiling(self) -> float:
        return self.inner.ceiling

    @override
    def __call__(self) -> Iterator[float]:
        return islice(self.inner(), self.attempts)

    def __repr__(self) -> str:
        return f"{self.inner!r}.limited({self.attempts})"
