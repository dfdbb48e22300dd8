"""Requests over an httpx client that the user brought: its pool, its hooks, our limits."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import httpx

from .._time.clock import monotonic
from ..errors import InvalidResponseException
from ._async_connections import read_into
from ._reading import Answer, Reader

if TYPE_CHECKING:
    from collections.abc import Generator

    from ._connections import Ending

__all__ = ["send", "send_async"]

_TIMED_OUT: Final = "the request was not over within the timeout"


def send(
    client: httpx.Client, arguments: dict[str, Any], ending: Ending, *, timeout: float, most: int
) -> Answer:
    """Send a request; between the chunks of its answer it can be ended, and ends in time.

    Raises:
        InvalidResponseException: The answer is too large, or redirects to what is no address.
    """
    deadline = monotonic() + timeout
    _check(ending, deadline)
    with _no_redirect_to_nowhere():
        request = client.build_request(**arguments)
        response = client.send(request, stream=True, follow_redirects=False)
    try:
        reader = Reader(response.status_code, response.headers.raw, most)
        if response.is_stream_consumed:  # by a hook of the client
            return reader.take(response.content)
        for chunk in response.iter_raw():
            _check(ending, deadline)
            for _ in reader.steps(chunk):
                _check(ending, deadline)
            if reader.is_full:
                break
    finally:
        response.close()
    return reader.answer()


async def send_async(
    client: httpx.AsyncClient,
    arguments: dict[str, Any],
    *,
    timeout: float,  # noqa: ASYNC109 -- not for a scope: it holds only once a connection is there
    most: int,
) -> Answer:
    """Send a request; once its connection is set up it ends in time.

    Before that it is not cancelled, because that can leave a dead place in the client's pool.

    Raises:
        InvalidResponseException: The answer is too large, or redirects to what is no address.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    scope = asyncio.timeout(None)

    async def hear(event: str, _: object) -> None:
        if event.endswith("send_request_headers.started"):
            scope.reschedule(deadline)

    try:
        async with scope:
            with _no_redirect_to_nowhere():
                request = client.build_request(**arguments, extensions={"trace": hear})
                response = await client.send(request, stream=True, follow_redirects=False)
            scope.reschedule(deadline)
            return await _read(response, most)
    except TimeoutError:
        if not scope.expired():
            raise
    raise httpx.ReadTimeout(_TIMED_OUT)


async def _read(response: httpx.Response, most: int) -> Answer:
    try:
        reader = Reader(response.status_code, response.headers.raw, most)
        if response.is_stream_consumed:  # by a hook of the client
            return reader.take(response.content)
        await read_into(reader, response.aiter_raw())
    finally:
        await response.aclose()
    return reader.answer()


def _check(ending: Ending, deadline: float) -> None:
    if ending.is_asked_for:
        msg = "the request was ended"
        raise httpx.ReadError(msg)
    if monotonic() > deadline:
        raise httpx.ReadTimeout(_TIMED_OUT)


@contextmanager
def _no_redirect_to_nowhere() -> Generator[None]:
    """Tell a bad `Location`, which httpx reads but does not follow, from a broken answer."""
    try:
        yield
    except httpx.RemoteProtocolError as error:
        if isinstance(error.__context__, httpx.InvalidURL):
            raise InvalidResponseException(
                status_code=None, message="The answer redirects to what is no address"
            ) from error
        raise
