"""What a request that failed on the way becomes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NoReturn

import httpcore
import httpx

from .._wire.failures import transport_error
from ..errors import StreamTransportException

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FAILURES", "raise_failure"]

FAILURES: Final = (
    httpx.RequestError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    OSError,
)
"""What the libraries raise where no usable answer came."""


_RESET: Final = "connection_reset"


def raise_failure(error: Exception, address: str, ended: str = "") -> NoReturn:
    """Raise our exception for one of theirs.

    Args:
        error: What a library raised.
        address: Where the request was to go.
        ended: Who ended the request, if somebody did.

    Raises:
        StreamTransportException: Always.
    """
    if ended:
        # A wait looks for this cause: whoever ends a request does not want another one.
        raise StreamTransportException(_RESET, ended) from asyncio.CancelledError()
    raise transport_error(error, address) from _origin(error)


def _origin(error: Exception) -> BaseException:
    """What the operating system said, without the tracebacks of all who passed it on."""
    links = [error, *_beneath(error)]
    if any(isinstance(link, asyncio.CancelledError) for link in links):
        return error
    origin = next((link for link in reversed(links) if isinstance(link, OSError)), error)
    if origin is not error:
        origin.__cause__ = origin.__context__ = None
        origin.__traceback__ = None
    return origin


def _beneath(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    below = error.__cause__ or error.__context__
    while below is not None and id(below) not in seen:
        seen.add(id(below))
        yield below
        below = below.__cause__ or below.__context__
