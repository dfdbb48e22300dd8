"""What a request that failed on the way becomes."""

from __future__ import annotations

import asyncio
from typing import Final, NoReturn

import httpcore
import httpx

from .._wire.failures import transport_error
from ..errors import StreamTransportException

__all__ = ["CLOSED", "FAILURES", "raise_failure"]

CLOSED: Final = "this client is closed"

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


def raise_failure(error: Exception, ended: str) -> NoReturn:
    """Raise our exception for one of theirs.

    Args:
        error: What a library raised.
        ended: Who ended the request, if somebody did.

    Raises:
        StreamTransportException: Always.
    """
    if ended:
        # A wait looks for this cause: whoever ends a request does not want another one.
        raise StreamTransportException(_RESET, ended) from asyncio.CancelledError()
    raise transport_error(error) from error
