"""The logger of rxstream, the fields of its records, and the warnings of waits and starts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from .._text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .told import ToldWait

__all__ = [
    "LOGGER",
    "head_of",
    "log_fields",
    "log_retry",
    "log_start_retry",
    "log_wake_failed",
    "log_wake_of_all_failed",
]

LOGGER: Final = logging.getLogger("rxstream")


def log_fields(
    *,
    task_id: str | None = None,
    status: str | None = None,
    polls: int | None = None,
    elapsed: float | None = None,
    delay: float | None = None,
    error: BaseException | None = None,
) -> dict[str, Any]:
    """The fields that every record has; None: unknown, or of no concern there."""
    return {
        "task_id": None if task_id is None else printable(task_id),
        "status": None if status is None else one_line(status),
        "polls": polls,
        "elapsed": None if elapsed is None else round(elapsed, 3),
        "delay": delay,
        "error": None if error is None else type(error).__name__,
    }


def head_of(fields: Mapping[str, Any]) -> str:
    """How the message of a wait begins."""
    whose = "task" if fields["task_id"] is None else f"task {fields['task_id']}"
    return f"{whose} (polls={fields['polls']}, elapsed={fields['elapsed']:.3f} s)"


def log_retry(wait: ToldWait, elapsed: float, delay: float, error: BaseException) -> None:
    """Log that a poll failed, and when the next one is."""
    fields = _fields_of(wait, elapsed, error, delay)
    LOGGER.warning(
        "%s: poll failed, next one in %.3g s: %s",
        head_of(fields),
        delay,
        one_line(error),
        extra=fields,
    )


def log_start_retry(operation: str, items: int, delay: float, error: BaseException) -> None:
    """Log that a start was not sent, and when it is tried again."""
    LOGGER.warning(
        "%s of %d items: start not sent, next try in %.3g s: %s",
        printable(operation),
        items,
        delay,
        one_line(error),
        extra=log_fields(delay=delay, error=error),
    )


def log_wake_failed(wait: ToldWait, elapsed: float, error: Exception) -> None:
    """Log that nothing wakes a wait any more."""
    fields = _fields_of(wait, elapsed, error)
    _log_wake_failed(head_of(fields), error, fields)


def log_wake_of_all_failed(error: Exception) -> None:
    """Log that nothing wakes the waits of a batch any more."""
    _log_wake_failed("all tasks", error, log_fields(error=error))


def _log_wake_failed(whose: str, error: Exception, fields: Mapping[str, Any]) -> None:
    LOGGER.warning("%s: wake failed, polling goes on: %s", whose, one_line(error), extra=fields)


def _fields_of(
    wait: ToldWait, elapsed: float, error: BaseException, delay: float | None = None
) -> dict[str, Any]:
    return log_fields(
        task_id=wait.task_id,
        status=None if wait.last is None else wait.last.status,
        polls=wait.polls,
        elapsed=elapsed,
        delay=delay,
        error=error,
    )
