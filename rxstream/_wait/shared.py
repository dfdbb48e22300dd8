"""One wait, and all who watch it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from reactivex.disposable import SingleAssignmentDisposable

from .watcher import Watcher, tell_completed, tell_error, tell_next

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import Observable, abc

    from .._time.clock import Clock
    from .._values import TaskSnapshot
    from .watcher import Tell

__all__ = ["SharedWait"]


class Owner(Protocol):
    """Who keeps the wait, so that others can join it."""

    lock: threading.RLock
    is_interrupted: Callable[[], bool]

    def ended(self, wait: SharedWait, completed: TaskSnapshot | None) -> None:
        """Let nobody join any more; the lock is held."""
        ...


class SharedWait:
    """One wait on one task. It lives as long as it runs and somebody watches."""

    __slots__ = ("_is_over", "_last", "_owner", "_wait", "_watchers", "clock", "task_id", "teller")

    def __init__(self, task_id: str, clock: Clock, owner: Owner) -> None:
        self.task_id = task_id
        self.clock = clock
        self._owner = owner
        self._watchers: dict[Watcher, None] = {}
        self._wait = SingleAssignmentDisposable()
        self._last: TaskSnapshot | None = None
        self._is_over = False
        self.teller: int | None = None
        """The thread that is telling of an answer; until it is done, there is no other."""

    def join(self, observer: abc.ObserverBase[TaskSnapshot]) -> Watcher:
        """Let one more watch, who hears of the last answer first. The lock is held."""
        before = () if self._last is None else (tell_next(self._last),)
        watcher = Watcher(observer, self.clock, self._owner.lock, self._leave, before)
        self._watchers[watcher] = None
        return watcher

    def start(
        self,
        wait_for: Callable[[str], Observable[TaskSnapshot]],
        scheduler: abc.SchedulerBase | None,
    ) -> None:
        """Begin to wait."""
        try:
            self._wait.disposable = wait_for(self.task_id).subscribe(
                self._on_next, self._on_error, self._on_completed, scheduler=scheduler
            )
        except BaseException:
            # An interrupt; whoever has joined meanwhile would wait for ever.
            self._end(tell_error(RuntimeError("the wait could not be started")))
            raise

    def _on_next(self, snapshot: TaskSnapshot) -> None:
        with self._owner.lock:
            self._last = snapshot
            watchers = self._hand_over(tell_next(snapshot))
        self.teller = threading.get_ident()
        try:
            _tell(watchers)
        finally:
            self.teller = None

    def _on_error(self, error: Exception) -> None:
        self._end(tell_error(error))

    def _on_completed(self) -> None:
        self._end(tell_completed, self._last)

    def _end(self, tell: Tell, completed: TaskSnapshot | None = None) -> None:
        with self._owner.lock:
            if self._is_over:
                return
            self._is_over = True
            self._owner.ended(self, completed)
            watchers = self._hand_over(tell)
            self._watchers.clear()
        _tell(watchers)

    def _hand_over(self, tell: Tell) -> list[Watcher]:
        watchers = list(self._watchers)
        for watcher in watchers:
            watcher.add(tell)
        return watchers

    def _leave(self, watcher: Watcher) -> None:
        if self._owner.is_interrupted():
            self.clock.post(lambda: self._leave(watcher))
            return
        with self._owner.lock:
            self._watchers.pop(watcher, None)
            if self._watchers or self._is_over:
                return
            self._is_over = True
            self._owner.ended(self, None)
        self._wait.dispose()


def _tell(watchers: list[Watcher]) -> None:
    for watcher in watchers:
        watcher.tell()
