"""The logger of rxstream, and the two warnings of a wait."""

from __future__ import annotations

import logging
from typing import Final

__all__ = ["LOGGER", "log_retry", "log_wake_failed"]

LOGGER: Final = logging.getLogger("rxstream")


def log_retry(task_id: str, polls: int, delay: float, error: BaseException) -> None:
    """Log that a poll failed, and when the next one is."""
    LOGGER.warning(
        "task %s: poll %d failed, next one in %.3g s: %s",
        task_id,
        polls,
        delay,
        error,
        extra={"task_id": task_id, "polls": polls, "delay": delay},
    )


def log_wake_failed(task_id: str | None, error: Exception) -> None:
    """Log that `wake` has failed, for one wait or (None) for all waits of a batch."""
    who = "all tasks" if task_id is None else f"task {task_id}"
    LOGGER.warning("%s: wake failed, polling goes on: %s", who, error, extra={"task_id": task_id})
