"""Ways to wait for many tasks under one rate limit, in virtual time.

The server counts in fixed minutes. Answers take no time, for none of them. Each way tells when it
saw each task's end (None: never), how many requests it sent, and how many of them were refused.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from rxstream import Gate, RateLimitInfo, TaskOutcome, TaskSnapshot, tasks_observable
from rxstream.errors import StreamRateLimitException
from rxstream.testing import VirtualTime

from .many import id_of
from .report import require

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

__all__ = ["DURATIONS", "LIMIT", "POLICIES", "Found", "limit"]

LIMIT: Final = 1000
WINDOW: Final = 60.0
INTERVAL: Final = 1.0
MEAN: Final = 55.0

_SIGMA: Final = 1.2
_SEED: Final = 7
_LONG: Final = 600.0
# Of `RetryConfig` in getstream 7.0: how often it tries, and its longest pause in seconds.
_ATTEMPTS: Final = 3
_LONGEST_PAUSE: Final = 30

DURATIONS: Final[dict[str, Callable[[random.Random], float]]] = {
    "lognormal": lambda rng: rng.lognormvariate(math.log(MEAN) - _SIGMA**2 / 2, _SIGMA),
    "exponential": lambda rng: rng.expovariate(1 / MEAN),
    "uniform": lambda rng: rng.uniform(0, _LONG),
}
"""How long a task takes, in seconds: a heavy tail, a light one, and none at all."""


@dataclass(slots=True)
class Found:
    """What one policy came to."""

    ends: list[float | None]
    requests: int = 0
    refused: int = 0
    over: float = field(default=0.0)

    def summary(self, durations: Sequence[float]) -> dict[str, float]:
        """Lateness is counted from the end of a task to when its wait tells of it."""
        pairs = zip(self.ends, durations, strict=True)
        late = sorted(end - took for end, took in pairs if end is not None)
        require(not late or late[0] > -1e-3, "a task was seen before it ended")
        return {
            "requests": self.requests,
            "refused": self.refused,
            "lost": 1 - len(late) / len(durations),
            "mean": fmean(late) if late else math.nan,
            "p95": late[int(len(late) * 0.95)] if late else math.nan,
            "over": self.over,
        }


def _ticks(durations: Sequence[float], *, gives_up: bool) -> Found:
    """Everybody polls each second, in an order of chance, and knows nothing of the others."""
    found = Found([None] * len(durations))
    rng = random.Random(_SEED)
    waiting, tick, left = list(range(len(durations))), 0, 0
    while waiting:
        now = tick * INTERVAL
        if tick % int(WINDOW / INTERVAL) == 0:
            left = LIMIT
        lucky = set(rng.sample(waiting, min(left, len(waiting))))
        left -= len(lucky)
        found.requests += len(waiting)
        found.refused += len(waiting) - len(lucky)
        for number in lucky:
            if durations[number] <= now:
                found.ends[number] = now
        waiting = [
            number
            for number in waiting
            if found.ends[number] is None and (number in lucky or not gives_up)
        ]
        found.over = now
        tick += 1
    return found


def uncoordinated(durations: Sequence[float]) -> Found:
    """A refused poll is tried again a second later."""
    return _ticks(durations, gives_up=False)


def official(durations: Sequence[float]) -> Found:
    """As the official helper does it: a refused poll ends the wait."""
    return _ticks(durations, gives_up=True)


def retrying(durations: Sequence[float]) -> Found:
    """The same with the SDK's opt-in `RetryConfig(enabled=True)`."""
    found = Found([None] * len(durations))
    rng = random.Random(_SEED)
    due: dict[int, list[tuple[int, int]]] = {0: [(number, 1) for number in range(len(durations))]}
    a_window, tick, left = int(WINDOW / INTERVAL), 0, 0
    while due:
        if tick % a_window == 0:
            left = LIMIT
        polls = due.pop(tick, [])
        rng.shuffle(polls)
        for number, attempt in polls:
            found.requests += 1
            found.over = tick * INTERVAL
            if left > 0:
                left -= 1
                if durations[number] <= found.over:
                    found.ends[number] = found.over
                else:
                    due.setdefault(tick + 1, []).append((number, 1))
                continue
            found.refused += 1
            if attempt < _ATTEMPTS:
                pause = min(a_window - tick % a_window, _LONGEST_PAUSE)
                due.setdefault(tick + pause, []).append((number, attempt + 1))
        tick += 1
    return found


def paced_queue(durations: Sequence[float]) -> Found:
    """The yardstick: one queue, each in its turn, evenly at exactly the limit."""
    found = Found([None] * len(durations))
    queue = deque((0.0, number) for number in range(len(durations)))
    now = 0.0
    while queue:
        ready, number = queue.popleft()
        now = max(now, ready)
        found.requests += 1
        if durations[number] <= now:
            found.ends[number] = now
        else:
            queue.append((now + INTERVAL, number))
        found.over = now
        now += WINDOW / LIMIT
    return found


class _Limited:
    """A client of a server that counts; its time is the scheduler's."""

    def __init__(self, durations: Sequence[float], time: VirtualTime) -> None:
        self.requests = self.refused = 0
        self._durations = durations
        self._time = time
        self._window = -1
        self._used = 0

    def get_task(self, task_id: str) -> TaskSnapshot:
        now = self._time.to_seconds(self._time.now)
        window = int(now // WINDOW)
        if window != self._window:
            self._window, self._used = window, 0
        self.requests += 1
        self._used += 1
        after = timedelta(seconds=(window + 1) * WINDOW - now)
        reset = datetime.fromtimestamp((window + 1) * WINDOW, UTC)
        told = RateLimitInfo(LIMIT, max(LIMIT - self._used, 0), reset, after)
        if self._used > LIMIT:
            self.refused += 1
            pause = timedelta(seconds=math.ceil(after.total_seconds()))
            raise StreamRateLimitException(
                status_code=429, code=9, message="limited", rate_limit=told, retry_after=pause
            )
        is_over = self._durations[int(task_id[-12:])] <= now
        return TaskSnapshot(task_id, "completed" if is_over else "running", rate_limit=told)


def rxstream(durations: Sequence[float]) -> Found:
    """What this library does."""
    time = VirtualTime()
    client = _Limited(durations, time)
    found = Found([None] * len(durations))

    def outcome(outcome: TaskOutcome) -> None:
        found.over = time.to_seconds(time.now)
        if outcome.ok:
            found.ends[int(outcome.task_id[-12:])] = found.over

    ids = [id_of(number) for number in range(len(durations))]
    outcomes = tasks_observable(client, ids, poll_interval=INTERVAL, timeout=None)
    with outcomes.subscribe(outcome, scheduler=time):
        time.start()
    counted = Gate.of(client).statistics().rate_limited
    require(counted == client.refused, f"the gate saw {counted} of {client.refused} refusals")
    found.requests, found.refused = client.requests, client.refused
    return found


POLICIES: Final[dict[str, Callable[[Sequence[float]], Found]]] = {
    "uncoordinated": uncoordinated,
    "official": official,
    "retrying": retrying,
    "paced": paced_queue,
    "rxstream": rxstream,
}


def limit(options: Namespace) -> dict[str, Any]:
    """One policy on one kind of durations: `limit-<policy>-<durations>`."""
    _, policy, kind = options.name.split("-")
    rng = random.Random(_SEED)
    durations = [DURATIONS[kind](rng) for _ in range(options.waits)]
    return POLICIES[policy](durations).summary(durations)
