"""What comes from Stream, or from the connection to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .._text import bounded, cut, one_line, picklable, rebuilt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from .._values import RateLimitInfo, TaskSnapshot

__all__ = [
    "InvalidResponseException",
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

TransportErrorType: TypeAlias = Literal[
    "timeout", "connection_reset", "dns_failure", "tls_handshake_failed", "unknown"
]


class StreamException(Exception):
    """The base of all errors that come from Stream, or from the connection to it."""

    request_id: str | None = None
    """The `x-client-request-id` that was sent, if a client of this package sent it."""

    def __init__(self, message: object = "") -> None:
        """Make an exception whose text is one line.

        Args:
            message: What happened; it is folded, escaped and cut to one line.
        """
        super().__init__(one_line(message))

    # The constructors take keywords, so Exception's own pickling, `cls(*args)`, would fail.
    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the class, the message and the fields; what cannot be pickled becomes None."""
        return rebuilt, (type(self), picklable(self.args), picklable(self.__dict__))


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
            code: Stream's own error code; 0 where the answer had none.
            message: Stream's text; empty where the answer had none.
            exception_fields: What was wrong with which field of the request.
            unrecoverable: The server says that trying again is of no use.
            more_info: An address with more about the error.
            details: Further codes.
            raw_response_body: The body as text.
            rate_limit: The rate limit as of this answer, if it named one.
            retry_after: How long the server asks to wait, if it did.
        """
        self.status_code = status_code
        self.code = code
        self.message: str = cut(message)
        self.exception_fields: dict[str, Any] = bounded(exception_fields or {})
        self.unrecoverable = unrecoverable
        self.more_info: str | None = None if more_info is None else cut(more_info)
        self.details: list[Any] = bounded(list(details))
        self.raw_response_body: str = cut(raw_response_body)
        self.rate_limit = rate_limit
        self.retry_after = retry_after
        said = self.message or self.raw_response_body
        coded = f", code={code}" if code else ""
        super().__init__(
            f"Stream API error (status={status_code}{coded})" + (f": {said}" if said else "")
        )

    @property
    def rate_limit_info(self) -> RateLimitInfo | None:
        """The rate limit as of this answer, by the name of the official SDK."""
        return self.rate_limit


class StreamRateLimitException(StreamApiException):
    """HTTP 429: too many requests. `retry_after`, `rate_limit`: None if it did not name them."""


class StreamTransportException(StreamException):
    """No usable answer came. `__cause__` is the exception of the HTTP library."""

    nothing_sent: bool = False
    """Whether it is certain that the request never went out: no connection came about."""

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
        seen = "no answer" if last is None else f"last status {cut(last.status)!r}"
        super().__init__(
            "timeout",
            message or f"Task {task_id} was not done after {timeout:g} s ({polls} polls, {seen})",
        )


class TaskStalledException(TaskTimeoutException):
    """Answers came, but in `timeout` seconds none that was new (`rxs.stalled`)."""


class StreamTaskException(StreamException):
    """The task ended with status `failed` (or `error`).

    The server can try it again after that, so a later poll of the same id may see it complete.
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
        self.error_type: str = cut(error_type)
        self.description: str = cut(description)
        self.stack_trace: str | None = None if stack_trace is None else cut(stack_trace)
        self.version: str | None = None if version is None else cut(version)
        self.snapshot = snapshot
        super().__init__(
            f"Task {task_id} failed ({self.error_type})"
            + (f": {self.description}" if description else "")
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
            status_code: The HTTP status; None where a foreign client does not tell.
            raw_response_body: The body as text.
            message: What is wrong with it.
        """
        self.status_code = status_code
        self.raw_response_body: str = cut(raw_response_body)
        super().__init__(
            (message or "The answer is not a Stream API answer")
            + (f" (status={status_code})" if status_code is not None else "")
            + (f": {self.raw_response_body[:120]!r}" if raw_response_body else "")
        )
