"""The part that the sync and the async fake share: everything but the waiting."""

from __future__ import annotations

import math
import threading
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from reactivex.scheduler import VirtualTimeScheduler

from .._call.virtual import in_virtual_time
from .._checks import optional
from .._time.clock import monotonic, running_loop, utc_now
from .._wire.messages import api_exception, read_started, read_task
from ..errors import StreamTransportException
from ._answers import completed
from ._auth import Refused
from ._limits import Limiter
from ._log import RequestLog, RequestRecord
from ._operations import Asked, operation_of
from ._render import render
from ._script import Script, cast_of
from ._stage import Moment, Stage

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator, Mapping

    from .._values import BaseTaskHandle, TaskSnapshot
    from .._wire.messages import Request
    from ._answers import Answer, Quota
    from ._operations import Operation
    from ._render import Rendered
    from ._script import ScriptLike

__all__ = ["Fake", "connection_reset"]

_ENDPOINT: Final = "GET /api/v2/tasks/{id}"
_NOBODY_DRIVES: Final = (
    "this fake lives in virtual time, which does not pass for code that blocks or awaits: "
    "observe it in that time (virtual_time.record(task_observable(client, task_id))), "
    "or make it with scheduler=None (fake_client(script, scheduler=None))"
)


class Fake:
    """The part that both fakes share: everything but the waiting."""

    def __init__(
        self,
        script: ScriptLike | Mapping[str, ScriptLike] | None = None,
        *,
        scheduler: VirtualTimeScheduler | None = None,
        rate_limit: int | None = None,
        window: float = 60.0,
    ) -> None:
        """Make a client that plays a script.

        Args:
            script: One script for every id, or a mapping of scripts by id; any other id is a 404. A
                task begins with its first poll. Instead of a script you can pass an answer, a
                status, or an iterable of them. Tasks that operations start are called `task-1`,
                `task-2`, and so on, and play the script that is there for their id. Without one
                they are pending, running, then completed with the payload of the operation.
            scheduler: Where time comes from; None: real time, or the running loop's.
            rate_limit: Polls per window, after which there are 429s, and as many calls of each
                operation; None: no limit, and no rate-limit headers either.
            window: The window of the rate limit in seconds.

        Raises:
            TypeError: An argument is of the wrong type.
            ValueError: A script is empty, or a number is out of range.
        """
        optional(scheduler, VirtualTimeScheduler, "scheduler")
        every, by_id = cast_of({} if script is None else script)
        self._script_for: Callable[[str], Script | None] = lambda task_id: by_id.get(task_id, every)
        self._stage = Stage(self._script_for)
        self._numbers = count(1)
        self._scheduler = scheduler
        self._limiter = None if rate_limit is None else Limiter(rate_limit, window)
        self._limiter_lock = threading.Lock()
        self._log = RequestLog()
        self._closed = threading.Event()
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    @property
    def requests(self) -> list[RequestRecord]:
        """Every call of `get_task` and of the operations, in order."""
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
            task_id: For this task, by its id or handle; None: for all.
        """
        return self._log.polls(task_id)

    def _now(self) -> float:
        if self._scheduler is not None:
            return self._scheduler.now.timestamp()
        loop = running_loop()
        return monotonic() if loop is None else loop.time()

    def _moment(self) -> Moment:
        scheduler = self._scheduler
        return Moment(self._now(), utc_now() if scheduler is None else scheduler.now)

    def _check_open(self) -> None:
        if self._closed.is_set():
            msg = "the client is closed"
            raise RuntimeError(msg)

    def _begin(self, request: Request) -> tuple[str | None, Mapping[str, Any]]:
        """Start a task as Stream would, at once; give its id, and the whole answer."""
        self._check_open()
        now = self._moment()
        record = RequestRecord(
            None, now.clock, method=request.method, path=request.path, query=request.query
        )
        self._log.end(self._log.begin(record), now.clock, cancelled=False)
        found = operation_of(request.method, request.path)
        if found is None:
            msg = f"the fakes do not know {request.method} {request.path}"
            raise NotImplementedError(msg)
        operation, ids = found
        quota = self._admit(f"{operation.method} {operation.path}", now)
        asked = Asked(request.body or {}, ids, now.calendar)
        try:
            operation.check(asked)
        except Refused as refused:
            answer = refused.answer
        else:
            answer = operation.answer(asked, self._new_task(operation, asked, now))
        rendered = _rendered(answer, now, quota)
        return read_started(rendered.status_code, rendered.headers, rendered.body)

    def _new_task(self, operation: Operation, asked: Asked, now: Moment) -> str | None:
        if not operation.starts(asked):
            return None
        task_id = f"task-{next(self._numbers)}"
        script = self._script_for(task_id)
        if script is None:
            script = Script.turns("pending", "running", completed(operation.result(asked)))
        self._stage.begin(task_id, script, now)
        return task_id

    def _admit(self, endpoint: str, now: Moment, task_id: str = "") -> Quota | None:
        """Count a request.

        Raises:
            StreamRateLimitException: There are none left.
        """
        if self._limiter is None:
            return None
        with self._limiter_lock:
            ticket = self._limiter.take(endpoint, now.clock)
        if ticket.refusal is not None:
            refused = _rendered(ticket.refusal, now, ticket.quota, task_id)
            raise api_exception(refused.status_code, refused.headers, refused.body)
        return ticket.quota

    def _attempt(self, task_id: str) -> Generator[float, None, TaskSnapshot]:
        """One call; it yields the seconds that it wants to wait."""
        self._check_open()
        if self._scheduler is not None and not in_virtual_time():
            raise RuntimeError(_NOBODY_DRIVES)
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
        now = self._moment()
        quota = self._admit(_ENDPOINT, now, task_id)
        answer = self._stage.poll(task_id, now, quota=quota)
        pause = answer.delay + answer.seconds_per_byte * len(answer.body)
        if pause:
            yield pause
        while answer.hangs:
            yield math.inf
        if answer.resets:
            raise connection_reset()
        return read_task(answer.status_code, answer.headers, answer.body, task_id)


def _rendered(answer: Answer, now: Moment, quota: Quota | None, task_id: str = "") -> Rendered:
    return render(answer, task_id=task_id, created_at=now.calendar, now=now.calendar, quota=quota)


def connection_reset() -> StreamTransportException:
    error = StreamTransportException("connection_reset", "the script reset it")
    error.__cause__ = ConnectionResetError("the script reset it")
    return error
