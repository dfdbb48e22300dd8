"""`TaskHub`: one wait for all who watch the same task."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from reactivex import Observable, abc

from ._checks import is_async, optional, seconds, whole
from ._shared.fork import on_fork
from ._shared.guard import interruption_of
from ._wait.arguments import WaitArguments
from ._wait.ended import EndedTasks
from ._wait.one import task_observable
from ._wait.payload import payload_of, payload_of_async
from ._wait.shared import SharedWait
from ._wait.tasks import id_to_poll
from ._wait.told import JoinedWait, tell_of_wait
from ._wait.watcher import Watcher, tell_completed, tell_next
from .backoff import DEFAULT_RETRY

if TYPE_CHECKING:
    from ._gate.gate import Gate
    from ._time.clock import Clock
    from ._values import BaseTaskHandle, T, TaskSnapshot
    from .backoff import Delays, Duration, PollInterval

__all__ = ["TaskHub"]


class TaskHub:
    """Shares one wait among all who watch the same task.

    ::

        hub.observe(task)       ─p──r──r──C|
        … again, a bit later        r──r──C|     the last answer at once, and no poll more
        … again, after the end              (C|  remembered: no poll at all

    The first to watch a task starts to poll it, and when the last one has left, the polling stops.
    An error of the wait reaches everybody who watches; whoever comes next tries anew. A completed
    task is remembered for a while. A failed one is not, since Stream may try it again.

    All who watch are called one after the other, where the wait runs: on its event loop, on the
    thread of its scheduler, or for a sync client on one of its worker threads. So a callback that
    blocks holds up the others, as it does on any loop. One that raises does not: its exception goes
    to the loop's exception handler, or to `threading.excepthook`.

    Any thread and any loop may watch. Those on one event loop share a wait, and so do all threads.
    Two loops have a wait each, so that neither depends on the life of the other.

    There is nothing to close: when nobody watches, nothing runs.
    """

    def __init__(
        self,
        client: Any,
        *,
        poll_interval: PollInterval = 1.0,
        timeout: Duration | None = 60.0,
        retry: Delays | None = DEFAULT_RETRY,
        gate: Gate | None = None,
        wake: Observable[Any] | None = None,
        scheduler: abc.SchedulerBase | None = None,
        keep: Duration = 300.0,
        max_kept: int = 1_000,
    ) -> None:
        """Make a hub. It does nothing until somebody watches.

        Args:
            client: As for `task_observable`.
            poll_interval: As for `task_observable`.
            timeout: As for `task_observable`, counted from the first who watches.
            retry: As for `task_observable`.
            gate: As for `task_observable`.
            wake: As for `task_observable`.
            scheduler: As for `task_observable`.
            keep: How long a completed task is remembered: seconds or a timedelta. 0: not at all.
            max_kept: How many completed tasks are remembered at most; the oldest goes first.

        Raises:
            TypeError: As for `task_observable`, or `max_kept` is not a whole number.
            ValueError: As for `task_observable`, or `max_kept` is less than 1.
        """
        self._arguments = WaitArguments(client, poll_interval, timeout, retry, gate)
        optional(wake, Observable, "wake")
        optional(scheduler, abc.SchedulerBase, "scheduler")
        self._is_async = is_async(client)
        self._scheduler = scheduler
        self._wait_for = partial(
            task_observable,
            client,
            poll_interval=poll_interval,
            timeout=timeout,
            retry=retry,
            gate=gate,
            wake=wake,
        )
        self._state = _State(EndedTasks(seconds(keep, "keep"), whole(max_kept, "max_kept")))

    def observe(self, task: str | BaseTaskHandle[T]) -> Observable[TaskSnapshot[T]]:
        """Emit each status of a task, and end as the task does.

        Args:
            task: The handle that an operation returned, or the id of a task.

        Returns:
            An observable that ends as `task_observable` does. Whoever subscribes late gets the last
            answer at once.

        Raises:
            TypeError: `task` is neither.
            ValueError: The id is empty.
        """
        task_id = id_to_poll(task)
        if task_id is None:
            return self._wait_for(task)

        def subscribe(
            observer: abc.ObserverBase[TaskSnapshot[T]],
            subscribed_on: abc.SchedulerBase | None = None,
        ) -> abc.DisposableBase:
            scheduler = self._scheduler if self._scheduler is not None else subscribed_on
            watcher, new = self._state.watch(task_id, self._arguments.clock(scheduler), observer)
            if new is None:
                tell_of_wait(JoinedWait(task_id))
                watcher.begin()
            else:
                new.start(self._wait_for(task_id), scheduler)
            return watcher

        return self._arguments.observable(subscribe)

    async def wait(self, task: str | BaseTaskHandle[T]) -> T:
        """Wait until a task is done, and return its result payload.

        With a sync client it can be awaited too: that is called on worker threads. Cancelling the
        awaiting coroutine leaves the others alone.

        Args:
            task: As for `observe`.

        Raises:
            Exception: As for `wait_for_task_async`.
        """
        return await payload_of_async(self.observe(task))

    def wait_blocking(self, task: str | BaseTaskHandle[T]) -> T:
        """Block until a task is done, and return its result payload.

        Args:
            task: As for `observe`.

        Raises:
            Exception: As for `wait_for_task`.
            TypeError: The client is async.
            RuntimeError: It is called in a callback of the same task, which would wait for itself.
        """
        if self._is_async:
            msg = "client is async: use `await hub.wait(task)` instead"
            raise TypeError(msg)
        observable = self.observe(task)
        if self._state.is_being_told_here(id_to_poll(task)):
            msg = (
                "a callback cannot block for its own task, which goes on when the callback returns"
            )
            raise RuntimeError(msg)
        return payload_of(observable)


class _State:
    """The waits of a hub, by where they run and by task, and what has ended."""

    def __init__(self, completed: EndedTasks) -> None:
        self._completed = completed
        self._start_afresh()
        on_fork(self._start_afresh)

    def _start_afresh(self) -> None:
        self.lock = threading.RLock()
        self.is_interrupted = interruption_of(self.lock)
        self._by_home: dict[int, dict[str, SharedWait]] = {}

    def watch(
        self, task_id: str, clock: Clock, observer: abc.ObserverBase[TaskSnapshot]
    ) -> tuple[Watcher, SharedWait | None]:
        """Give what tells the observer; and the wait, if it is new and has to be started."""
        with self.lock:
            last = self._completed.get(task_id, clock)
            if last is not None:
                told = (tell_next(last), tell_completed)
                return Watcher(observer, clock, self.lock, _nothing, told), None
            waits = self._waits_at(clock)
            known = waits.get(task_id)
            wait = waits[task_id] = known or SharedWait(task_id, clock, self)
            return wait.join(observer), None if known else wait

    def is_being_told_here(self, task_id: str | None) -> bool:
        """Whether this thread is in a callback of a task."""
        with self.lock:
            waits = [waits.get(task_id or "") for waits in self._by_home.values()]
        return any(wait is not None and wait.teller == threading.get_ident() for wait in waits)

    def _waits_at(self, clock: Clock) -> dict[str, SharedWait]:
        waits = self._by_home.get(id(clock.home))
        if waits is None:
            # A wait of a loop that was closed meanwhile never ends.
            for home, others in list(self._by_home.items()):
                if all(wait.clock.is_closed for wait in others.values()):
                    del self._by_home[home]
            waits = self._by_home[id(clock.home)] = {}
        return waits

    def ended(self, wait: SharedWait, completed: TaskSnapshot | None) -> None:
        """Let nobody join a wait any more; the lock is held."""
        home = id(wait.clock.home)
        waits = self._by_home.get(home, {})
        if waits.get(wait.task_id) is wait:
            del waits[wait.task_id]
            if not waits:
                del self._by_home[home]
        if completed is not None:
            self._completed.add(wait.task_id, completed, wait.clock)


def _nothing(_: Watcher) -> None:
    pass
