"""The part that the sync and the async fake share: everything but the waiting."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, Final

from reactivex.scheduler import VirtualTimeScheduler

from .._checks import optional
from .._time.clock import monotonic, running_loop, utc_now
from .._wire.messages import api_exception, read_task
from ..errors import StreamTransportException
from ._limits import Limiter
from ._log import RequestLog, RequestRecord
from ._render import render
from ._script import cast_of
from ._stage import Moment, Stage

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator, Mapping

    from .._values import BaseTaskHandle, TaskSnapshot
    from ._script import ScriptLike

__all__ = ["Fake", "connection_reset"]

_ENDPOINT: Final = "GET /api/v2/tasks/{id}"


class Fake:
    """The part that both fakes share: everything but the waiting."""

    def __init__(
        self,
        script: ScriptLike | Mapping[str, ScriptLike],
        *,
        scheduler: VirtualTimeScheduler | None = None,
        rate_limit: int | None = None,
        window: float = 60.0,
    ) -> None:
        """Make a client that plays a script.

        Args:
            script: One script for every id, or a mapping of scripts by id; any other id is a 404. A
                task begins with its first poll. Instead of a script you can pass an answer, a
                status, or an iterable of them.
            scheduler: Where time comes from; None: real time, or the running loop's.
            rate_limit: Polls per window, after which there are 429s; None: no limit, and no
                rate-limit headers either.
            window: The window of the rate limit in seconds.

        Raises:
            TypeError: An argument is of the wrong type.
            ValueError: A script is empty, or a number is out of range.
        """
        optional(scheduler, VirtualTimeScheduler, "scheduler")
        every, by_id = cast_of(script)
        self._stage = Stage(lambda task_id: by_id.get(task_id, every))
        self._scheduler = scheduler
        self._limiter = None if rate_limit is None else Limiter(rate_limit, window)
        self._limiter_lock = threading.Lock()
        self._log = RequestLog()
        self._closed = threading.Event()
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    @property
    def requests(self) -> list[RequestRecord]:
        """Every call of `get_task`, in order."""
        return self._log.records

    @property
    def in_flight(self) -> int:
        """How many calls are under way."""
        return self._log.in_flight

    @property
    def most_in_flight(self) -> int:
        """The highest number of calls that were under way at once."""
        return self._log.most_in_flight

    def polls(self, task_id: str | BaseTaskHandle[Any] | None = None) -> int:
        """How many calls there were.

        Args:
            task_id: For this task; None: for all.
        """
        return self._log.polls(task_id)

    def _now(self) -> float:
        if self._scheduler is not None:
            return self._scheduler.now.timestamp()
        loop = running_loop()
        return monotonic() if loop is None else loop.time()

    def _attempt(self, task_id: str) -> Generator[float, None, TaskSnapshot]:
        """One call; it yields the seconds that it wants to wait."""
        if self._closed.is_set():
            msg = "the client is closed"
            raise RuntimeError(msg)
        number = self._log.begin(RequestRecord(task_id, self._now()))
        cancelled = True
        try:
            snapshot = yield from self._answer(task_id)
            cancelled = False
        except Exception:
            cancelled = False
            raise
        finally:
            self._log.end(number, self._now(), cancelled=cancelled)
        return snapshot

    def _answer(self, task_id: str) -> Generator[float, None, TaskSnapshot]:
        scheduler = self._scheduler
        now = Moment(self._now(), utc_now() if scheduler is None else scheduler.now)
        quota = None
        if self._limiter is not None:
            with self._limiter_lock:
                ticket = self._limiter.take(_ENDPOINT, now.clock)
            quota = ticket.quota
            if ticket.refusal is not None:
                refused = render(
                    ticket.refusal,
                    task_id=task_id,
                    created_at=now.calendar,
                    now=now.calendar,
                    quota=quota,
                )
                raise api_exception(refused.status_code, refused.headers, refused.body)
        answer = self._stage.poll(task_id, now, quota=quota)
        pause = answer.delay + answer.seconds_per_byte * len(answer.body)
        if pause:
            yield pause
        while answer.hangs:
            yield math.inf
        if answer.resets:
            raise connection_reset()
        return read_task(answer.status_code, answer.headers, answer.body, task_id)


def connection_reset() -> StreamTransportException:
    error = StreamTransportException("connection_reset", "the script reset it")
    error.__cause__ = ConnectionResetError("the script reset it")
    return error
