"""The wait for a long-running task on Stream's API, as a reactivex Observable.

Each name is imported when it is first asked for. A new one stands twice: for type checkers and for
Python.
"""

from typing import TYPE_CHECKING

from ._lazy import lazy_names
from ._version import __version__ as __version__

if TYPE_CHECKING:
    from . import backoff as backoff
    from . import errors as errors
    from . import operators as operators
    from . import results as results
    from . import webhooks as webhooks
    from ._async_iterable import to_async_iterable as to_async_iterable
    from ._gate.gate import Gate as Gate
    from ._gate.statistics import GateStatistics as GateStatistics
    from ._run import run as run
    from ._start.many import start_tasks as start_tasks
    from ._values import BaseTaskHandle as BaseTaskHandle
    from ._values import RateLimitInfo as RateLimitInfo
    from ._values import TaskOutcome as TaskOutcome
    from ._values import TaskSnapshot as TaskSnapshot
    from ._wait.each import wait_for_tasks as wait_for_tasks
    from ._wait.each_async import wait_for_tasks_async as wait_for_tasks_async
    from ._wait.handles import AsyncTaskHandle as AsyncTaskHandle
    from ._wait.handles import TaskHandle as TaskHandle
    from ._wait.many import Tasks as Tasks
    from ._wait.many import tasks_observable as tasks_observable
    from ._wait.one import task_observable as task_observable
    from ._wait.one import wait_for_task as wait_for_task
    from ._wait.one import wait_for_task_async as wait_for_task_async
    from ._wait.tally import Progress as Progress
    from .backoff import Delays as Delays
    from .backoff import Duration as Duration
    from .backoff import Schedule as Schedule
    from .client import AsyncStreamClient as AsyncStreamClient
    from .client import StreamClient as StreamClient
    from .errors import DescribedException as DescribedException
    from .errors import InDoubtException as InDoubtException
    from .errors import InvalidResponseException as InvalidResponseException
    from .errors import JournalException as JournalException
    from .errors import JournalFailure as JournalFailure
    from .errors import StreamApiException as StreamApiException
    from .errors import StreamException as StreamException
    from .errors import StreamRateLimitException as StreamRateLimitException
    from .errors import StreamTaskException as StreamTaskException
    from .errors import StreamTransportException as StreamTransportException
    from .errors import TaskCancelledException as TaskCancelledException
    from .errors import TaskStalledException as TaskStalledException
    from .errors import TaskTimeoutException as TaskTimeoutException
    from .errors import TransportErrorType as TransportErrorType
    from .hub import TaskHub as TaskHub
    from .operators._retry_with import RetryOn as RetryOn
    from .operators._signals import Signal as Signal
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            # waiting
            "TaskHub": "hub",
            "run": "_run",
            "start_tasks": "_start.many",
            "task_observable": "_wait.one",
            "tasks_observable": "_wait.many",
            "to_async_iterable": "_async_iterable",
            "wait_for_task": "_wait.one",
            "wait_for_task_async": "_wait.one",
            "wait_for_tasks": "_wait.each",
            "wait_for_tasks_async": "_wait.each_async",
            # clients
            "AsyncStreamClient": "client",
            "Gate": "_gate.gate",
            "StreamClient": "client",
            # values
            "AsyncTaskHandle": "_wait.handles",
            "BaseTaskHandle": "_values",
            "GateStatistics": "_gate.statistics",
            "Progress": "_wait.tally",
            "RateLimitInfo": "_values",
            "TaskHandle": "_wait.handles",
            "TaskOutcome": "_values",
            "TaskSnapshot": "_values",
            # exceptions
            "DescribedException": "errors",
            "InDoubtException": "errors",
            "InvalidResponseException": "errors",
            "JournalException": "errors",
            "JournalFailure": "errors",
            "StreamApiException": "errors",
            "StreamException": "errors",
            "StreamRateLimitException": "errors",
            "StreamTaskException": "errors",
            "StreamTransportException": "errors",
            "TaskCancelledException": "errors",
            "TaskStalledException": "errors",
            "TaskTimeoutException": "errors",
            # types of arguments and fields
            "Delays": "backoff",
            "Duration": "backoff",
            "RetryOn": "operators._retry_with",
            "Schedule": "backoff",
            "Signal": "operators._signals",
            "Tasks": "_wait.many",
            "TransportErrorType": "errors",
            # modules
            "backoff": "backoff",
            "errors": "errors",
            "operators": "operators",
            "results": "results",
            "webhooks": "webhooks",
            "__version__": "_version",
        },
    )
