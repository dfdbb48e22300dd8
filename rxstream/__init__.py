"""The wait for a long-running task on Stream's API, as a reactivex Observable."""

from . import backoff, errors
from ._gate import Gate
from ._snapshot import RateLimitInfo, TaskSnapshot
from ._tasks import task_observable, wait_for_task, wait_for_task_async

__all__ = [
    "Gate",
    "RateLimitInfo",
    "TaskSnapshot",
    "backoff",
    "errors",
    "task_observable",
    "wait_for_task",
    "wait_for_task_async",
]
