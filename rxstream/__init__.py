"""The wait for a long-running task on Stream's API, as a reactivex Observable."""

from . import backoff, errors, operators
from ._async_iterable import to_async_iterable
from ._gate.gate import Gate
from ._gate.statistics import GateStatistics
from ._run import run
from ._values import RateLimitInfo, TaskOutcome, TaskSnapshot
from ._version import __version__
from ._wait.each import wait_for_tasks
from ._wait.each_async import wait_for_tasks_async
from ._wait.many import tasks_observable
from ._wait.one import task_observable, wait_for_task, wait_for_task_async
from ._wait.tally import Progress
from .client import AsyncStreamClient, StreamClient

__all__ = [  # noqa: RUF022 -- grouped: waiting, clients, values, modules
    "run",
    "task_observable",
    "tasks_observable",
    "to_async_iterable",
    "wait_for_task",
    "wait_for_task_async",
    "wait_for_tasks",
    "wait_for_tasks_async",
    "AsyncStreamClient",
    "Gate",
    "StreamClient",
    "GateStatistics",
    "Progress",
    "RateLimitInfo",
    "TaskOutcome",
    "TaskSnapshot",
    "backoff",
    "errors",
    "operators",
    "__version__",
]
