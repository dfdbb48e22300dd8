"""Every way a wait can end badly.

::

    StreamException
    ├── StreamApiException              an HTTP error answer
    │   └── StreamRateLimitException    429
    ├── StreamTransportException        no usable answer
    │   └── TaskTimeoutException        the wait's own deadline (also a TimeoutError)
    ├── StreamTaskException             the task failed
    ├── TaskCancelledException          the wait was cancelled by a signal
    └── InvalidResponseException        a 2xx or 3xx answer that is not a task

`StreamException`, `StreamApiException`, `StreamRateLimitException`, `StreamTransportException` and
`StreamTaskException` have the names and fields of Stream's official Python SDK. Each exception can
be pickled, and its text is one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ._text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from ._values import RateLimitInfo, TaskSnapshot

__all__ = [
    "InvalidResponseException",
    "StreamApiException",
    "StreamException",
    "StreamRateLimitException",
    "StreamTaskException",
    "StreamTransportException",
    "TaskCancelledException",
    "TaskTimeoutException",
    "TransportErrorType",
]

TransportErrorType: TypeAlias = Literal[
    "timeout", "connection_reset", "dns_failure", "tls_handshake_failed", "unknown"
]

_BODY_LENGTH: Final = 4_000


def _rebuild(
    cls: type[StreamException], args: tuple[object, ...], state: dict[str, Any]
) -> StreamException:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class StreamException(Exception):
    """The base of all errors that come from Stream, or from the connection to it."""

    def __init__(self, message: object = "") -> None:
        """Make an exception whose text is one line.

        Args:
            message: What happened. White space is folded, so that it prints on one line.
        """
        super().__init__(one_line(message))

    # The constructors take keywords, so Exception's own pickling, `cls(*args)`, would fail.
    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the class, the message and the fields when it is pickled."""
        return _rebuild, (type(self), self.args, self.__dict__)


class StreamApiException(StreamException):
    """Stream, or a proxy in front of it, answered with an HTTP error (4xx or 5xx)."""

    def __init__(
        self,
        *,
        status_code: int,
        code: int = 0,
        message: str = "",
        exception_fields: Mapping[str, Any] | None = None,
        unrecoverable: bool = False,
        more_info: str | None = None,
        details: Sequence[Any] = (),
        raw_response_body: str = "",
        rate_limit: RateLimitInfo | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        """Make an exception from the fields of an error answer.

        Args:
            status_code: The HTTP status.
            code: Stream's own error code; 0 if the answer had none.
            message: Stream's text; empty if the answer had none.
            exception_fields: For each bad field of the request, what was wrong with it.
            unrecoverable: Whether the server says that a retry cannot succeed.
            more_info: A URL with more about the error.
            details: More error codes.
            raw_response_body: The body as text, cut to 4,000 characters.
            rate_limit: The rate limit that this answer gave, if any.
            retry_after: How long the server asks you to wait, if it does.
        """
        self.status_code = status_code
        self.code = code
        self.message = message
        self.exception_fields: dict[str, Any] = dict(exception_fields or {})
        self.unrecoverable = unrecoverable
        self.more_info = more_info
        self.details: list[Any] = list(details)
        self.raw_response_body: str = raw_response_body[:_BODY_LENGTH]
        self.rate_limit = rate_limit
        self.retry_after = retry_after
        said = message or raw_response_body
        coded = f", code={code}" if code else ""
        super().__init__(
            f"Stream API error (status={status_code}{coded})" + (f": {said}" if said else "")
        )


class StreamRateLimitException(StreamApiException):
    """HTTP 429: too many requests.

    `retry_after` is the `Retry-After` header as a timedelta, or None without one; `rate_limit`
    holds the `X-RateLimit-*` headers, or None without them.
    """


class StreamTransportException(StreamException):
    """No usable answer came. `__cause__` is the exception of the HTTP library."""

    def __init__(self, error_type: TransportErrorType, message: str = "") -> None:
        """Make an exception for one kind of failure.

        Args:
            error_type: `timeout`, `connection_reset`, `dns_failure`, `tls_handshake_failed` or
                `unknown`.
            message: What happened.
        """
        self.error_type: TransportErrorType = error_type
        super().__init__(message or f"Stream transport error ({error_type})")


class TaskTimeoutException(StreamTransportException, TimeoutError):
    """The deadline of the wait passed. The task may still be running on the server.

    `__cause__` is the last transient error, unless a good answer came after it.
    """

    def __init__(
        self,
        *,
        task_id: str,
        timeout: float,
        last: TaskSnapshot | None = None,
        polls: int = 0,
        message: str = "",
    ) -> None:
        """Make an exception from what was known at the deadline.

        Args:
            task_id: The id of the task.
            timeout: The deadline in seconds, counted from the start of the wait.
            last: The last answer, or None if there was none.
            polls: How many requests were sent.
            message: Replaces the default text.
        """
        self.task_id = task_id
        self.timeout = timeout
        self.last = last
        self.polls = polls
        seen = "no answer" if last is None else f"last status {last.status!r}"
        super().__init__(
            "timeout",
            message or f"Task {task_id} was not done after {timeout:g} s ({polls} polls, {seen})",
        )


class StreamTaskException(StreamException):
    """The task ended with status `failed` (or `error`).

    The server can report `failed` and then try the task again. So a later poll of the same id may
    still see it complete.
    """

    def __init__(
        self,
        *,
        task_id: str,
        error_type: str = "unknown",
        description: str = "",
        stack_trace: str | None = None,
        version: str | None = None,
        snapshot: TaskSnapshot | None = None,
    ) -> None:
        """Make an exception from what the server said about the failure.

        Args:
            task_id: The id of the task.
            error_type: The type of the failure; `unknown` if the server gave none.
            description: The text of the failure; empty if the server gave none.
            stack_trace: The server's stack trace, if it sent one.
            version: The version of the server's code, if it sent one.
            snapshot: The answer that carried the failure.
        """
        self.task_id = task_id
        self.error_type = error_type
        self.description = description
        self.stack_trace = stack_trace
        self.version = version
        self.snapshot = snapshot
        super().__init__(
            f"Task {task_id} failed ({error_type})" + (f": {description}" if description else "")
        )


class TaskCancelledException(StreamException):
    """A signal ended the wait. The task itself goes on: Stream has no call to cancel it."""

    def __init__(self, *, task_id: str | None = None, last: TaskSnapshot | None = None) -> None:
        """Make an exception from what was known when the signal came.

        Args:
            task_id: The id of the task, if it is known.
            last: The last answer, or None if there was none.
        """
        self.task_id = task_id
        self.last = last
        waited = "The wait" if task_id is None else f"The wait for task {task_id}"
        super().__init__(f"{waited} was cancelled")


class InvalidResponseException(StreamException):
    """A 2xx or 3xx answer that is not what Stream's API sends: empty, HTML, cut JSON, a redirect.

    It ends the wait. Something other than Stream answered, and a retry would only hide that.
    """

    def __init__(
        self, *, status_code: int | None, raw_response_body: str = "", message: str = ""
    ) -> None:
        """Make an exception from the answer that came instead.

        Args:
            status_code: The HTTP status; None if the client does not tell it.
            raw_response_body: The body as text, cut to 4,000 characters.
            message: What is wrong with it.
        """
        self.status_code = status_code
        self.raw_response_body: str = raw_response_body[:_BODY_LENGTH]
        super().__init__(
            (message or "The answer is not a Stream API answer")
            + (f" (status={status_code})" if status_code is not None else "")
            + (f": {raw_response_body[:120]!r}" if raw_response_body else "")
        )
