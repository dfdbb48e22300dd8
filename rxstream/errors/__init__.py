"""Every way a wait can end badly.

::

    StreamException
    ├── StreamApiException              an HTTP error answer
    │   └── StreamRateLimitException    429
    ├── StreamTransportException        no usable answer
    │   └── TaskTimeoutException        the wait's own deadline (also a TimeoutError)
    │       └── TaskStalledException    nothing has changed for too long (`rxs.stalled`)
    ├── StreamTaskException             the task failed
    ├── TaskCancelledException          the wait was cancelled by a signal
    ├── InvalidResponseException        a 2xx or 3xx answer that is not a task
    ├── InDoubtException                a start of which nobody knows whether Stream got it
    ├── JournalException                the file of a journal cannot be used
    └── DescribedException              what a journal could only describe

Names and fields of `StreamException`, `StreamApiException`, `StreamRateLimitException`,
`StreamTransportException` and `StreamTaskException` are those of Stream's official Python SDK, but
for `api_error` and `http_response`: the latter holds the request, and so the token.
All of them pickle. Their text is one line with nothing in it that a terminal would obey; each text
in them is cut to 4,000 characters.
"""

from ._ours import DescribedException, InDoubtException, JournalException, JournalFailure
from ._stream import (
    InvalidResponseException,
    StreamApiException,
    StreamException,
    StreamRateLimitException,
    StreamTaskException,
    StreamTransportException,
    TaskCancelledException,
    TaskStalledException,
    TaskTimeoutException,
    TransportErrorType,
)

__all__ = [
    "DescribedException",
    "InDoubtException",
    "InvalidResponseException",
    "JournalException",
    "JournalFailure",
    "StreamApiException",
    "StreamException",
    "StreamRateLimitException",
    "StreamTaskException",
    "StreamTransportException",
    "TaskCancelledException",
    "TaskStalledException",
    "TaskTimeoutException",
    "TransportErrorType",
]

# Tracebacks and pickles name the module that users import from.
for _name in __all__:
    _thing = globals()[_name]
    if isinstance(_thing, type):
        _thing.__module__ = __name__
