"""How a wait ended, as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactivex import abc
from typing_extensions import override

from .._values import TaskOutcome, TaskSnapshot
from ..errors import TaskCancelledException, TaskTimeoutException

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._time.clock import Clock

__all__ = ["OutcomeObserver"]


class OutcomeObserver(abc.ObserverBase[TaskSnapshot]):
    """Watches one wait, and gives its outcome."""

    __slots__ = ("_answers", "_clock", "_give", "_last", "_number", "_started", "_task_id")

    def __init__(
        self,
        task_id: str,
        clock: Clock,
        give: Callable[[TaskOutcome, int], object],
        number: int = 0,
    ) -> None:
        """Start to measure the time of the wait.

        Args:
            task_id: The id for the outcome.
            clock: The clock of the wait.
            give: Takes the outcome, and `number`.
            number: Which of many waits it is.
        """
        self._task_id = task_id
        self._clock = clock
        self._give = give
        self._number = number
        self._started = clock.now()
        self._last: TaskSnapshot | None = None
        self._answers = 0

    @override
    def on_next(self, value: TaskSnapshot) -> None:
        self._last = value
        self._answers += 1

    @override
    def on_error(self, error: Exception) -> None:
        polls = error.polls if isinstance(error, TaskTimeoutException) else self._answers
        self._end(error, polls)

    @override
    def on_completed(self) -> None:
        error = None
        if self._last is None or not self._last.is_completed:
            error = TaskCancelledException(task_id=self._task_id, last=self._last)
        self._end(error, self._answers)

    def _end(self, error: Exception | None, polls: int) -> None:
        elapsed = self._clock.now() - self._started
        self._give(TaskOutcome(self._task_id, self._last, error, polls, elapsed), self._number)
