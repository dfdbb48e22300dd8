"""The logger of rxstream, and the two warnings of a wait."""

from __future__ import annotations

import logging
from typing import Final

from .._text import one_line, printable

__all__ = ["LOGGER", "log_retry", "log_wake_failed"]

LOGGER: Final = logging.getLogger("rxstream")


def log_retry(task_id: str, polls: int, delay: float, error: BaseException) -> None:
    """Log that a poll failed, and when the next one is."""
    LOGGER.warning(
        "task %s: poll %d failed, next one in %.3g s: %s",
        printable(task_id),
        polls,
        delay,
        one_line(error),
        extra={"task_id": printable(task_id), "polls": polls, "delay": delay},
    )


def log_wake_failed(task_id: str | None, error: Exception) -> None:
    """Say that nothing wakes a wait any more, or (None) all waits of a batch."""
    shown_id = None if task_id is None else printable(task_id)
    who = "all tasks" if shown_id is None else f"task {shown_id}"
    fields = {"task_id": shown_id}
    LOGGER.warning("%s: wake failed, polling goes on: %s", who, one_line(error), extra=fields)
