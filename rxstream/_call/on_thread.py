"""A call on a worker thread, and the threads: bounded, and there only while they work."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from .._shared.fork import on_fork
from .._shared.per_client import PerClient
from .._shared.thread import start_thread
from .._time.timer_thread import TIMER_THREAD, guarded
from .._wire.failures import translated
from .call import cancelled, read, read_poll

if TYPE_CHECKING:
    from .call import Call, Done, Function, Reader

__all__ = ["ThreadCaller", "Workers", "workers_of"]

Job: TypeAlias = Callable[[], Any]

# Without any job taken for so many seconds, all threads are blocked.
_BLOCKED: Final = 0.1


class Workers:
    """Daemon threads that make blocking calls; they start when needed and end when idle.

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
        # Guards numbers and queues: no code of a user runs while it is held.
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._idle: deque[_Worker] = deque()
        self._threads = 0
        self._taken = 0
        self._watched = False

    def submit(self, job: Job) -> None:
        """Run a job on a thread of the pool, in order of submission.

        Raises:
            RuntimeError: There is no thread, and none can be started.
        """
        worker, watches = None, False
        with self._lock:
            if self._idle:
                worker = self._idle.pop()
            elif self._threads < self._maximum:
                self._threads += 1
                worker = _Worker()
            else:
                self._jobs.append(job)
                watches, self._watched = not self._watched, True
        if watches:
            self._watch()
        elif worker is not None and not worker.give(job):
            self._start(worker, job)

    def _start(self, worker: _Worker, job: Job) -> None:
        try:
            start_thread("rxstream-worker", partial(self._run, worker), self._uncount)
        except Exception:
            with self._lock:
                is_alone = not self._threads
                if not is_alone:
                    self._jobs.appendleft(job)
            if is_alone:
                raise
        except BaseException:
            # An interrupt in the pause in which `start` waits for the thread, which runs already.
            worker.take()
            raise

    def _uncount(self) -> None:
        with self._lock:
            self._threads -= 1

    def _watch(self) -> None:
        taken = self._taken
        try:
            TIMER_THREAD.call_later(_BLOCKED, lambda: self._grow_if_blocked(taken))
        except RuntimeError:  # no thread can be started now; the next job tries again
            self._watched = False

    def _grow_if_blocked(self, taken: int) -> None:
        job = None
        with self._lock:
            if self._jobs and self._taken == taken:
                self._threads += 1
                job = self._jobs.popleft()
            self._watched = goes_on = bool(self._jobs)
        if job is not None:
            worker = _Worker()
            worker.give(job)
            self._start(worker, job)
        if goes_on:
            self._watch()

    def _run(self, worker: _Worker) -> None:
        worker.is_running = True
        while (job := worker.take()) is not None or (job := self._next(worker)) is not None:
            guarded(job)
            del job

    def _next(self, worker: _Worker) -> Job | None:
        with self._lock:
            if self._jobs:
                self._taken += 1
                return self._jobs.popleft()
            self._idle.append(worker)
        if not worker.wait(self._linger):
            with self._lock:
                is_over = worker in self._idle
                if is_over:
                    self._idle.remove(worker)
                    self._threads -= 1
            if is_over:
                return None
            worker.wait(-1)
        return worker.take()


class _Worker:
    """A thread, and the job that it is to do next."""

    def __init__(self) -> None:
        self.is_running = False
        self._job: Job | None = None
        self._signal = threading.Lock()
        self._signal.acquire()

    def give(self, job: Job) -> bool:
        """Leave a job; false if the thread is still to be started."""
        is_running, self._job = self.is_running, job
        if is_running:
            self._signal.release()
        return is_running

    def take(self) -> Job | None:
        job, self._job = self._job, None
        return job

    def wait(self, seconds: float) -> bool:
        """Wait for a job; -1: for as long as it takes."""
        return self._signal.acquire(timeout=seconds)


class ThreadCaller:
    """Calls `client.get_task(id)`, or another function of a client, on a worker thread.

    Only a client whose class has `new_call()` can end a call: that gives an object with
    `get_task(id)`, and `cancel()` for other threads; and with `run(function, argument)` where other
    functions can be ended too. The calls of other clients are left to finish.
    """

    __slots__ = ("_by", "_can_cancel", "_client", "_function", "_workers")

    def __init__(
        self,
        client: Any,
        workers: Workers,
        function: Function | None = None,
        by: Reader = read_poll,
    ) -> None:
        self._client = client
        self._workers = workers
        self._function = function
        self._by = by
        # Of its class: an instance may answer to any name, as mocks do.
        self._can_cancel = hasattr(type(cast("object", client)), "new_call")

    def start(self, argument: Any, done: Done) -> Call | None:
        function, end = self._new_call()
        call = _ThreadCall(function, end, argument, done, self._by)
        self._workers.submit(call.run)
        return call

    def _new_call(self) -> tuple[Function, Callable[[], object] | None]:
        """What to call, and what ends that call."""
        function = self._function
        if not self._can_cancel:
            return (self._client.get_task if function is None else function), None
        call = self._client.new_call()
        if function is None:
            return call.get_task, call.cancel
        run = getattr(call, "run", None)
        return (function, None) if run is None else (partial(run, function), call.cancel)


class _ThreadCall:
    """A call that a worker makes, unless it is cancelled before."""

    __slots__ = ("_by", "_done", "_end", "_function", "_is_cancelled", "_waiting")

    def __init__(
        self,
        function: Function,
        end: Callable[[], object] | None,
        argument: Any,
        done: Done,
        by: Reader,
    ) -> None:
        self._function = function
        self._end = end
        self._done = done
        self._by = by
        self._is_cancelled = False
        # Who takes it out, the worker or whoever cancels, has to call `done`. It needs no lock.
        self._waiting = [argument]

    def run(self) -> None:
        try:
            argument = self._waiting.pop()
        except IndexError:
            return
        failure: BaseException
        try:
            answer = self._function(argument)
        except BaseException as error:  # noqa: BLE001 -- every end is reported to the waiter
            failure = cancelled() if self._is_cancelled else translated(error)
        else:
            read(answer, argument, self._done, self._by)
            return
        self._done(None, failure)

    def cancel(self) -> None:
        self._is_cancelled = True
        try:
            self._waiting.pop()
        except IndexError:
            if self._end is not None:
                self._end()
        else:
            self._done(None, cancelled())


def workers_of(client: object) -> Workers:
    """The threads that call a client object; its requests must not hold up another client's."""
    return _workers.get(client, Workers)


# For clients that cannot be referred to weakly too.
_workers: Final = PerClient(Workers())
