"""Tasks as users name them: by an id or by a handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

from reactivex.disposable import BooleanDisposable

from .._checks import text
from .._values import BaseTaskHandle, T, TaskOutcome, TaskSnapshot
from .arguments import checked_id

if TYPE_CHECKING:
    from reactivex import abc

    from .._time.clock import Clock

__all__ = ["Task", "end_at_once", "id_to_ask", "id_to_poll", "outcome_at_once"]

Task: TypeAlias = "str | BaseTaskHandle[T] | None"
"""One of many tasks; None and what has no id give an outcome with an error."""


def id_to_poll(task: object) -> str | None:
    """The id of a task; None: a handle that has none, or that could not be started.

    Raises:
        TypeError: It is neither an id nor a handle.
        ValueError: The id is empty, or cannot be sent.
    """
    if not isinstance(task, BaseTaskHandle):
        return checked_id(task)
    if task.error is not None or task.task_id is None:
        return None
    return text(task.task_id, "task_id")


def id_to_ask(task: object) -> str:
    """The id of a task to poll once.

    Raises:
        TypeError: It is neither an id nor a handle.
        ValueError: There is none, or it is empty.
    """
    task_id = id_to_poll(task)
    if task_id is None:
        handle = cast("BaseTaskHandle", task)
        msg = f"the handle of {handle.operation or 'no operation'} has no id to ask for"
        raise ValueError(msg)
    return task_id


def end_at_once(
    error: Exception | None, observer: abc.ObserverBase[TaskSnapshot[Any]], clock: Clock
) -> abc.DisposableBase:
    """End without a poll: with an error, or with one completed snapshot."""
    disposed = BooleanDisposable()

    def end() -> None:
        if disposed.is_disposed:
            return
        if error is not None:
            observer.on_error(error)
            return
        observer.on_next(_nothing())
        if not disposed.is_disposed:  # pyright: ignore[reportUnnecessaryComparison] -- the consumer may have disposed
            observer.on_completed()

    clock.run_consumer(end)
    return disposed


def outcome_at_once(handle: BaseTaskHandle[Any]) -> TaskOutcome:
    """The outcome of a handle that has no id to poll."""
    snapshot = _nothing() if handle.error is None else None
    return TaskOutcome(str(handle), snapshot, handle.error, items=handle.items)


def _nothing() -> TaskSnapshot:
    """What a wait gives where there is nothing to wait for."""
    return TaskSnapshot("", "completed")
