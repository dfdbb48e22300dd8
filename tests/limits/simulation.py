"""Many waits under one rate limit, in virtual time: what is refused, lost, used."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from rxstream import Gate, TaskOutcome, TaskSnapshot, tasks_observable
from rxstream._wire import headers as wire_headers
from rxstream._wire import messages
from rxstream.testing import VirtualTime

from .servers import COUNTERS, MINUTE, ON_THE_MINUTE

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from .servers import Said

__all__ = ["Case", "Found", "simulate"]

# A moment that is no multiple of a minute, as the wall clock shows when a program starts.
_EPOCH: Final = 1_760_000_000 // 60 * 60 + 17.0
_TIMEOUT: Final = 7_200.0
# More waits than that, each polled every second, want more than the limit.
_DEMAND: Final = 2.0


@dataclass(frozen=True, slots=True)
class Case:
    """One row: a server, and who asks it."""

    counter: str
    limit: int = 1_000
    waits: int = 1_000
    longest: float = 360.0
    """Tasks take from 0 to so many seconds."""
    processes: int = 1
    tells: float = 1.0
    """The share of the answers with headers."""
    retry_after: bool = True
    """Whether a 429 names a time."""
    clock_off: float = 0.0
    """How far the server's clock is ahead of ours, in seconds."""
    date: str = "right"
    """`right`: by the server's clock. `none`: no `Date`. `wrong`: by ours, as a proxy's."""
    reserve: float = 0.1
    """As for `Gate`."""
    others: float = 0.0
    """The share of the limit that other calls of the application ask for."""
    seed: int = 1


@dataclass(slots=True)
class Found:
    """What came of it."""

    polls: int = 0
    refused: int = 0
    lost: int = 0
    over: float = 0.0
    late: float = 0.0
    others: int = 0
    others_refused: int = 0
    admitted: list[float] = field(default_factory=list)
    used: float = math.nan
    """The share of the limit that was used, by all, while there was demand."""

    @property
    def refused_share(self) -> float:
        return self.refused / max(self.polls, 1)

    @property
    def others_refused_share(self) -> float:
        return self.others_refused / max(self.others, 1)


class _Pause:
    """The virtual seconds that a call takes."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __await__(self) -> Generator[float, None, None]:
        yield self._seconds


class _Server:
    """One counter for everybody."""

    def __init__(self, case: Case, time: VirtualTime, durations: Mapping[str, float]) -> None:
        self.found = Found()
        self._case = case
        self._time = time
        self._durations = durations
        self._rng = random.Random(case.seed)
        self._counter = COUNTERS[case.counter](case.limit)

    def now(self) -> float:
        return self._time.to_seconds(self._time.now)

    def wall(self) -> datetime:
        """The wall clock of the clients."""
        return datetime.fromtimestamp(_EPOCH + self.now(), UTC)

    def take(self) -> Said:
        said = self._counter.take(self.server_now())
        if said.allowed:
            self.found.admitted.append(self.now())
        return said

    def server_now(self) -> float:
        return _EPOCH + self.now() + self._case.clock_off

    def other_call(self, *_: object) -> None:
        self.found.others += 1
        self.found.others_refused += not self.take().allowed

    async def get_task(self, task_id: str) -> TaskSnapshot:
        self.found.polls += 1
        await _Pause(self._rng.uniform(0.01, 0.05))
        said = self.take()
        is_done = self._durations[task_id] <= self.now()
        headers = self._headers(said)
        await _Pause(self._rng.uniform(0.01, 0.05))
        if not said.allowed:
            self.found.refused += 1
            raise messages.api_exception(429, headers, b"")
        status = "completed" if is_done else "running"
        return TaskSnapshot(task_id, status, rate_limit=wire_headers.read_rate_limit(headers))

    def _headers(self, said: Said) -> dict[str, str]:
        case = self._case
        headers: dict[str, str] = {}
        if case.date == "right":
            headers["date"] = _http(self.server_now())
        elif case.date == "wrong":
            headers["date"] = _http(_EPOCH + self.now())
        if self._rng.random() < case.tells:
            headers["x-ratelimit-limit"] = str(case.limit)
            headers["x-ratelimit-remaining"] = str(said.remaining)
            headers["x-ratelimit-reset"] = str(math.ceil(said.reset))
            if case.retry_after and not said.allowed:
                headers["retry-after"] = str(max(math.ceil(said.retry_after), 1))
        return headers


def _http(moment: float) -> str:
    return format_datetime(datetime.fromtimestamp(int(moment), UTC), usegmt=True)


def simulate(case: Case) -> Found:
    """Run one case to its end."""
    time = VirtualTime()
    rng = random.Random(case.seed)
    ids = [f"t{number}" for number in range(case.waits)]
    durations = {task_id: rng.uniform(0, case.longest) for task_id in ids}
    server = _Server(case, time, durations)
    found = server.found
    ends: list[float] = []

    def seen(outcome: TaskOutcome) -> None:
        found.lost += not outcome.ok
        ends.append(server.now())
        found.late += (server.now() - durations[outcome.task_id]) / case.waits

    with patch.object(wire_headers, "utc_now", server.wall):
        for number in range(case.processes):
            tasks_observable(
                server,
                ids[number :: case.processes],
                gate=Gate(100, reserve=case.reserve),
                timeout=_TIMEOUT,
                scheduler=time,
            ).subscribe(seen)
        if case.others:
            _ask_too(case, server, time)
        time.start(until=_TIMEOUT * 2)
    found.over = max(ends)
    found.used = _used(case, found.admitted, ends)
    return found


def _ask_too(case: Case, server: _Server, time: VirtualTime) -> None:
    """The application's other calls, at moments of chance, for as long as there is demand."""
    rng = random.Random(case.seed + 1)
    each = MINUTE / (case.limit * case.others)
    at = 0.0
    while at < 15 * MINUTE:
        at += rng.expovariate(1 / each)
        time.schedule_absolute(at, server.other_call)


def _used(case: Case, admitted: Sequence[float], ends: Sequence[float]) -> float:
    """In whole windows from the second on, while there are enough waits to use the limit."""
    spare = int(case.limit / MINUTE * _DEMAND)
    till = sorted(ends)[-spare]
    began = MINUTE
    if case.counter in ON_THE_MINUTE:
        began += MINUTE - (_EPOCH + case.clock_off) % MINUTE
    minutes = int((till - began) // MINUTE)
    inside = sum(began <= at < began + minutes * MINUTE for at in admitted)
    return inside / minutes / case.limit if minutes else math.nan
