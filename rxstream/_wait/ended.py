"""What ended tasks gave, for a while."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from .._time.clock import is_real, monotonic

if TYPE_CHECKING:
    from .._time.clock import Clock
    from .._values import TaskSnapshot

__all__ = ["EndedTasks"]


class EndedTasks:
    """The last snapshots of completed tasks, for some time, and not more than so many.

    No timer forgets them. Those whose time is over go as soon as anything is added or asked for.
    """

    __slots__ = ("_by_id", "_keep", "_most")

    def __init__(self, keep: float, most: int) -> None:
        self._keep = keep
        self._most = most
        self._by_id: OrderedDict[str, tuple[object, float, TaskSnapshot]] = OrderedDict()

    def add(self, task_id: str, snapshot: TaskSnapshot, clock: Clock) -> None:
        """Remember the last snapshot of a task."""
        self._forget(clock)
        if self._keep:
            self._by_id[task_id] = _timeline_of(clock), clock.now() + self._keep, snapshot
            self._by_id.move_to_end(task_id)
            if len(self._by_id) > self._most:
                self._by_id.popitem(last=False)

    def get(self, task_id: str, clock: Clock) -> TaskSnapshot | None:
        """The last snapshot of a task, or None if it is not remembered."""
        self._forget(clock)
        timeline, until, snapshot = self._by_id.get(task_id, (None, 0.0, None))
        return snapshot if timeline is _timeline_of(clock) and clock.now() < until else None

    def _forget(self, clock: Clock) -> None:
        now, here = clock.now(), _timeline_of(clock)
        while self._by_id:
            timeline, until, _ = next(iter(self._by_id.values()))
            if timeline is not here or now < until:
                return
            self._by_id.popitem(last=False)


def _timeline_of(clock: Clock) -> object:
    """All loops and threads share one time, so that what one of them has seen serves the others."""
    return monotonic if is_real(clock) else clock.timeline
