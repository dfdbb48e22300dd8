"""Every way a wait can end badly.

::

    StreamException
    ├── StreamApiException              an HTTP error answer
    │   └── StreamRateLimitException    429
    ├── StreamTransportException        no usable answer
    │   └── TaskTimeoutException        the wait's own deadline (also a TimeoutError)
    ├── StreamTaskException             the task failed
    ├── TaskCancelledException          the wait was cancelled by a signal
    ├── InvalidResponseException        a 2xx or 3xx answer that is not a task
    ├── JournalException                the file of a journal cannot be used
    └── DescribedException              what a journal could only describe

Names and fields of `StreamException`, `StreamApiException`, `StreamRateLimitException`,
`StreamTransportException` and `StreamTaskException` are those of Stream's official Python SDK.
All of them pickle. Their text is one line with nothing in it that a terminal would obey; each text
in them is cut to 4,000 characters.
"""

from ._journal import DescribedException, JournalException, JournalFailure
from ._stream import (
    InvalidResponseException,
    StreamApiException,
    StreamException,
    StreamRateLimitException,
    StreamTaskException,
    StreamTransportException,
    TaskCancelledException,
    TaskTimeoutException,
    TransportErrorType,
)

__all__ = [
    "DescribedException",
    "InvalidResponseException",
    "JournalException",
    "JournalFailure",
    "StreamApiException",
    "StreamException",
    "StreamRateLimitException",
    "StreamTaskException",
    "StreamTransportException",
    "TaskCancelledException",
    "TaskTimeoutException",
    "TransportErrorType",
]

# Tracebacks and pickles name the module that users import from.
for _name in __all__:
    _thing = globals()[_name]
    if isinstance(_thing, type):
        _thing.__module__ = __name__
