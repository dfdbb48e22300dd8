"""The wait for a long-running task on Stream's API, as a reactivex Observable."""

from . import backoff, errors, operators, results
from ._async_iterable import to_async_iterable
from ._gate.gate import Gate
from ._gate.statistics import GateStatistics
from ._start.many import start_tasks
from ._values import BaseTaskHandle, RateLimitInfo, TaskOutcome, TaskSnapshot
from ._version import __version__
from ._wait.handles import AsyncTaskHandle, TaskHandle
from ._wait.many import tasks_observable
from ._wait.one import task_observable, wait_for_task, wait_for_task_async
from ._wait.tally import Progress
from .client import AsyncStreamClient, StreamClient

__all__ = [  # noqa: RUF022 -- grouped: waiting, clients, values, modules
    "start_tasks",
    "task_observable",
    "tasks_observable",
    "to_async_iterable",
    "wait_for_task",
    "wait_for_task_async",
    "AsyncStreamClient",
    "Gate",
    "StreamClient",
    "AsyncTaskHandle",
    "BaseTaskHandle",
    "GateStatistics",
    "Progress",
    "RateLimitInfo",
    "TaskHandle",
    "TaskOutcome",
    "TaskSnapshot",
    "backoff",
    "errors",
    "operators",
    "results",
    "__version__",
]
