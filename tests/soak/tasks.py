"""The tasks of a soak: what each is answered follows from its id, in every process."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rxstream import errors
from rxstream.testing import (
    completed,
    delayed,
    drip,
    failed,
    garbage,
    hang,
    http_error,
    redirect,
    reset,
    status,
)

if TYPE_CHECKING:
    from rxstream import TaskOutcome
    from rxstream.testing import Answer

__all__ = ["API_KEY", "API_SECRET", "Plan", "plan_of", "verdict"]

API_KEY: Final = "soak-key"
API_SECRET: Final = "soak-secret-of-at-least-thirty-two-bytes"

_GOOD: Final = ("pending", "running", delayed(status("running"), 0.02))
_BAD: Final[tuple[Answer, ...]] = (
    http_error(500),
    http_error(502, body=b"<html>"),
    http_error(503, retry_after=0),
    http_error(408),
    reset(),
    drip(status("running"), 0.0005),
    delayed(http_error(504), 0.05),
)
_ENDS: Final = ("completed",) * 12 + ("failed", "garbage", "redirect", "unrecoverable")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a task is answered, and how its wait ends."""

    answers: list[Any]
    end: str


def plan_of(task_id: str) -> Plan:
    """The same for an id, however often it is asked for."""
    rng = random.Random(task_id)
    answers: list[Any] = [
        rng.choice(_BAD) if rng.random() < 0.25 else rng.choice(_GOOD)
        for _ in range(rng.randrange(6))
    ]
    if rng.random() < 0.01:
        answers.append(hang())
    end = rng.choice(_ENDS)
    last: dict[str, Any] = {
        "completed": completed({"id": task_id}),
        "failed": failed(f"task {task_id}"),
        "garbage": garbage(),
        "redirect": redirect("/elsewhere"),
        "unrecoverable": http_error(500, unrecoverable=True),
    }
    return Plan([*answers, last[end]], end)


def verdict(outcome: TaskOutcome) -> str:
    """`""` for the end that was planned, `late` for a deadline, else what is wrong."""
    error = outcome.error
    if isinstance(error, errors.TaskTimeoutException):
        return "late"
    match plan_of(outcome.task_id).end:
        case "completed":
            if error is not None:
                return f"ended in {error!r}"
            result = outcome.snapshot.result if outcome.snapshot else None
            return "" if result == {"id": outcome.task_id} else f"a wrong payload: {result!r}"
        case "failed":
            is_right = isinstance(error, errors.StreamTaskException) and (
                error.description == f"task {outcome.task_id}"
            )
        case "unrecoverable":
            is_right = isinstance(error, errors.StreamApiException) and error.unrecoverable
        case _:
            is_right = isinstance(error, errors.InvalidResponseException)
    return "" if is_right else f"ended in {error!r}"
