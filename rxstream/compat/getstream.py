"""Exceptions that `except` clauses for Stream's official SDK catch too.

::

    from getstream.exceptions import StreamTaskException
    from rxstream.compat.getstream import official_errors

    try:
        with official_errors():
            wait_for_task(client, task_id)
    except StreamTaskException as error:  # the official SDK's, and rxstream's
        print(error.description)

Each class here derives from the class of that name in `rxstream.errors` and from the one in
`getstream.exceptions`; what the official SDK lacks derives from its `StreamException`. This module
needs `getstream` 7, which rxstream does not install.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar, cast

from getstream import exceptions as official

from .. import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "InvalidResponseException",
    "StreamApiException",
    "StreamException",
    "StreamRateLimitException",
    "StreamTaskException",
    "StreamTransportException",
    "TaskCancelledException",
    "TaskTimeoutException",
    "as_official",
    "official_errors",
]

E = TypeVar("E", bound=BaseException)


class StreamException(errors.StreamException, official.StreamException):
    """`StreamException` of both."""

    # The official SDK's texts are neither bounded nor on one line.
    __str__ = Exception.__str__


class StreamApiException(errors.StreamApiException, StreamException, official.StreamApiException):
    """`StreamApiException` of both."""


class StreamRateLimitException(
    errors.StreamRateLimitException, StreamApiException, official.StreamRateLimitException
):
    """`StreamRateLimitException` of both."""


class StreamTransportException(
    errors.StreamTransportException, StreamException, official.StreamTransportException
):
    """`StreamTransportException` of both."""


class TaskTimeoutException(errors.TaskTimeoutException, StreamTransportException):
    """`TaskTimeoutException`, and the `StreamTransportException` of both."""


class StreamTaskException(
    errors.StreamTaskException, StreamException, official.StreamTaskException
):
    """`StreamTaskException` of both."""


class TaskCancelledException(errors.TaskCancelledException, StreamException):
    """`TaskCancelledException`, and the `StreamException` of both."""


class InvalidResponseException(errors.InvalidResponseException, StreamException):
    """`InvalidResponseException`, and the `StreamException` of both."""


_BOTH: Final[dict[type, type[StreamException]]] = {
    errors.StreamException: StreamException,
    errors.StreamApiException: StreamApiException,
    errors.StreamRateLimitException: StreamRateLimitException,
    errors.StreamTransportException: StreamTransportException,
    errors.TaskTimeoutException: TaskTimeoutException,
    errors.StreamTaskException: StreamTaskException,
    errors.TaskCancelledException: TaskCancelledException,
    errors.InvalidResponseException: InvalidResponseException,
}
