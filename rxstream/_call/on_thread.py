"""A call on a worker thread, and the threads: bounded, and there only while they work."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

from .._time.timer_thread import guarded
from .._wire.failures import translated
from .call import cancelled, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from .call import Call, Done

__all__ = ["WORKERS", "ThreadCaller", "Workers"]


class Workers:
    """Daemon threads that make blocking calls; they come when needed and go when idle.

    Not `ThreadPoolExecutor`: its threads stay for good, and the interpreter waits for them at exit,
    so that one hanging request would hold up the end of a script. The maximum is a little above the
    32 polls that a sync client may have in flight, for consumers that are still being called.
    """

    def __init__(self, maximum: int = 36, linger: float = 0.1) -> None:
        self._maximum = maximum
        self._linger = linger
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._work = threading.Condition(threading.Lock())
        self._jobs: deque[Callable[[], object]] = deque()
        self._idle = 0
        self._threads = 0

    def submit(self, job: Callable[[], object]) -> None:
        """Run a job on a thread of the pool, in order of submission."""
        with self._work:
            self._jobs.append(job)
            if self._idle >= len(self._jobs):
                self._work.notify()
            elif self._threads < self._maximum:
                self._threads += 1
                threading.Thread(target=self._run, name="rxstream-worker", daemon=True).start()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            guarded(job)
            del job

    def _next(self) -> Callable[[], object] | None:
        with self._work:
            if not self._jobs:
                self._idle += 1
                self._work.wait_for(lambda: self._jobs, self._linger)
                self._idle -= 1
            if self._jobs:
                return self._jobs.popleft()
            self._threads -= 1
            return None


WORKERS: Final = Workers()


class ThreadCaller:
    """Calls `client.get_task(id)` on a worker thread.

    Only a client whose class has `new_call()` can end a call: that gives an object with
    `get_task(id)`, and `cancel()` for other threads. The calls of other clients are left to finish.
    """

    __slots__ = ("_can_cancel", "_client")

    def __init__(self, client: Any) -> None:
        self._client = client
        # Of its class: an instance may answer to any name, as mocks do.
        self._can_cancel = hasattr(type(cast("object", client)), "new_call")

    def start(self, task_id: str, done: Done) -> Call | None:
        client = self._client.new_call() if self._can_cancel else self._client
        call = _ThreadCall(client, task_id, done, self._can_cancel)
        WORKERS.submit(call.run)
        return call


class _ThreadCall:
    """A call that a worker makes, unless it is cancelled before."""

    __slots__ = ("_can_cancel", "_client", "_done", "_is_cancelled", "_waiting")

    def __init__(self, client: Any, task_id: str, done: Done, can_cancel: bool) -> None:  # noqa: FBT001 -- private
        self._client = client
        self._can_cancel = can_cancel
        self._done = done
        self._is_cancelled = False
        # Who takes it out, the worker or whoever cancels, has to call `done`. It needs no lock.
        self._waiting = [task_id]

    def run(self) -> None:
        try:
            task_id = self._waiting.pop()
        except IndexError:
            return
        failure: BaseException
        try:
            answer = self._client.get_task(task_id)
        except BaseException as error:  # noqa: BLE001 -- every end is reported to the waiter
            failure = cancelled() if self._is_cancelled else translated(error)
        else:
            read(answer, task_id, self._done)
            return
        self._done(None, failure)

    def cancel(self) -> None:
        self._is_cancelled = True
        try:
            self._waiting.pop()
        except IndexError:
            if self._can_cancel:
                self._client.cancel()
        else:
            self._done(None, cancelled())
