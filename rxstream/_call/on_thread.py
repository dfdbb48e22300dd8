"""A call on a worker thread, and the threads: bounded, and there only while they work."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from .._time.timer_thread import guarded
from .._wire.failures import translated
from .call import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from .call import Call, Done, GetTask

__all__ = ["WORKERS", "ThreadCaller", "Workers"]


class Workers:
    """Daemon threads that make blocking calls; they start when needed and end when idle.

    Not `ThreadPoolExecutor`: its threads stay for ever, and the interpreter waits for them at exit,
    so that one hanging request would block the end of a script. The maximum is a little above the
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
    """Calls `client.get_task(id)` on a worker thread, which cannot be cancelled."""

    __slots__ = ("_get_task",)

    def __init__(self, get_task: GetTask) -> None:
        self._get_task = get_task

    def start(self, task_id: str, done: Done) -> Call | None:
        WORKERS.submit(lambda: self._call(task_id, done))
        return None

    def _call(self, task_id: str, done: Done) -> None:
        try:
            answer = self._get_task(task_id)
        except BaseException as error:  # noqa: BLE001 -- every end is reported to the waiter
            failure = translated(error)
        else:
            read(answer, task_id, done)
            return
        done(None, failure)
