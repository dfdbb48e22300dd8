"""What a start that failed means: to be repeated, refused for good, or in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .._checks import begun, seconds
from .._text import one_line
from .._wire.failures import add_gave_up_note, is_transient
from ..errors import (
    InDoubtException,
    StreamApiException,
    StreamException,
    StreamRateLimitException,
    StreamTransportException,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..backoff import Delays

__all__ = ["Retries", "failure_of"]

_REQUEST_TIMEOUT: Final = 408


class Retries:
    """The pauses before a start is repeated that has certainly not happened."""

    __slots__ = ("_delays", "_retry", "_tries")

    def __init__(self, retry: Delays | None) -> None:
        self._retry = retry
        self._delays: Iterator[float] | None = None
        self._tries = 0

    def pause_after(self, error: BaseException) -> float | None:
        """The pause after an error; None: it is not repeated.

        Raises:
            TypeError: The schedule gave something that is no number.
            ValueError: The schedule gave something that is no delay.
        """
        if self._retry is None or not is_transient(error):
            return None
        if isinstance(error, StreamRateLimitException):
            # The gate holds it up. It is no failure of the connection, which works.
            self._delays = None
            self._tries = 0
            return 0.0
        if not _nothing_sent(error):
            return None
        if self._delays is None:
            self._delays = begun(self._retry, "retry")
        self._tries += 1
        delay = next(self._delays, None)
        if delay is None:
            add_gave_up_note(error, f"{self._tries} starts that did not go out")
            return None
        return seconds(delay, "a delay of retry")


def failure_of(error: BaseException, operation: str, items: tuple[Any, ...]) -> Exception:
    """The error of a start that is not repeated: as it is, or in doubt."""
    if isinstance(error, Exception) and _did_not_happen(error):
        return error
    doubt = InDoubtException(operation=operation, items=items, message=one_line(error))
    doubt.request_id = error.request_id if isinstance(error, StreamException) else None
    doubt.__cause__ = error
    return doubt


def _did_not_happen(error: Exception) -> bool:
    if isinstance(error, StreamApiException):
        # A server or a proxy that fails may have passed the request on before.
        return 400 <= error.status_code < 500 and error.status_code != _REQUEST_TIMEOUT  # noqa: PLR2004 -- 4xx
    if isinstance(error, StreamException):
        return _nothing_sent(error)
    # What an operation says of its arguments, before it sends anything.
    return isinstance(error, TypeError | ValueError)


def _nothing_sent(error: BaseException) -> bool:
    return isinstance(error, StreamTransportException) and error.nothing_sent
