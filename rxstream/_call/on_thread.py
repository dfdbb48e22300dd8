"""A call on a worker thread, and the threads: bounded, and there only while they work."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Final

from .._shared.fork import on_fork
from .._shared.per_client import PerClient
from .._time.timer_thread import TIMER_THREAD, guarded
from .._wire.failures import translated
from .call import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from .call import Call, Done, GetTask

__all__ = ["ThreadCaller", "Workers", "workers_of"]

# Without any job taken for so many seconds, all threads are blocked.
_BLOCKED: Final = 0.1


class Workers:
    """Daemon threads that make blocking calls; they come when needed and go when idle.

    Not `ThreadPoolExecutor`: its threads stay for good, and the interpreter waits for them at exit,
    so that one hanging request would hold up the end of a script. The maximum is a little above the
    32 polls that a sync client may have in flight. So if all threads are busy and none takes a new
    job, consumers block them, perhaps with a wait of their own: then one thread more may start.
    """

    def __init__(self, maximum: int = 36, linger: float = 0.1) -> None:
        self._maximum = maximum
        self._linger = linger
        self._reset()
        on_fork(self._reset)

    def _reset(self) -> None:
        # Guards numbers only: no call is made while it is held, and so nothing can re-enter it.
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._waiting = 0
        self._idle = 0
        self._threads = 0
        self._taken = 0
        self._watched = False

    def submit(self, job: Callable[[], object]) -> None:
        """Run a job on a thread of the pool, in order of submission.

        Raises:
            RuntimeError: There is no thread, and none can be started.
        """
        with self._lock:
            self._waiting += 1
            is_short = self._waiting > self._idle
            starts = is_short and self._threads < self._maximum
            if starts:
                self._threads += 1
            watches = is_short and not starts and not self._watched
            if watches:
                self._watched = True
        if starts:
            self._start(1)
        self._jobs.put(job)
        if watches:
            self._watch()

    def _start(self, jobs: int) -> None:
        """Start the thread that was counted, or undo the count."""
        try:
            threading.Thread(target=self._run, name="rxstream-worker", daemon=True).start()
        except BaseException:
            with self._lock:
                self._threads -= 1
                is_alone = not self._threads
                if is_alone:
                    self._waiting -= jobs
            if is_alone:
                raise

    def _watch(self) -> None:
        taken = self._taken
        try:
            TIMER_THREAD.call_later(_BLOCKED, lambda: self._grow_if_blocked(taken))
        except RuntimeError:  # no thread can be started now; the next job tries again
            self._watched = False

    def _grow_if_blocked(self, taken: int) -> None:
        with self._lock:
            self._watched = self._waiting > self._idle
            grows = self._watched and self._taken == taken
            if grows:
                self._threads += 1
            goes_on = self._watched
        if grows:
            self._start(0)
        if goes_on:
            self._watch()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            guarded(job)
            del job

    def _next(self) -> Callable[[], object] | None:
        with self._lock:
            self._idle += 1
        while True:
            try:
                job = self._jobs.get(timeout=self._linger)
            except queue.Empty:
                with self._lock:
                    # A job that is counted is about to come.
                    leaves = not self._waiting
                    if leaves:
                        self._idle -= 1
                        self._threads -= 1
                if leaves:
                    return None
            else:
                with self._lock:
                    self._idle -= 1
                    self._waiting -= 1
                    self._taken += 1
                return job


class ThreadCaller:
    """Calls `client.get_task(id)` on a worker thread, which cannot be cancelled."""

    __slots__ = ("_get_task", "_workers")

    def __init__(self, get_task: GetTask, workers: Workers) -> None:
        self._get_task = get_task
        self._workers = workers

    def start(self, task_id: str, done: Done) -> Call | None:
        self._workers.submit(lambda: self._call(task_id, done))
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


def workers_of(client: object) -> Workers:
    """The threads that call a client object; its requests must not hold up another client's."""
    return _workers.get(client, Workers)


# For clients that cannot be referred to weakly too.
_workers: Final = PerClient(Workers())
