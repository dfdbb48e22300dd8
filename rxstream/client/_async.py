"""The async client."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal, Self

import httpx
from typing_extensions import override

from .._checks import optional
from .._wait.handles import AsyncTaskHandle
from .._wait.tasks import id_to_ask
from .._wire.headers import read_rate_limit
from .._wire.messages import read_started, read_task, task_request
from ._async_connections import HttpxConnections
from ._base import MAX_RESPONSE_BYTES, BaseClient
from ._brought import send_async
from ._chat import ChatOperations
from ._failures import FAILURES, raise_failure
from ._products import ProductOperations
from ._requests import AsyncStarter
from ._secrets import hidden
from ._waits import AsyncWaits

if TYPE_CHECKING:
    from types import TracebackType

    from .._values import BaseTaskHandle, T, TaskSnapshot
    from .._wire.messages import Request
    from ..backoff import Duration
    from ._async_connections import AsyncConnections
    from ._requests import Start

__all__ = ["AsyncStreamClient"]

_MAX_CONNECTIONS: Final = 100


class AsyncStreamClient(BaseClient, AsyncWaits, ChatOperations, ProductOperations, AsyncStarter):
    """A thin async client of Stream's API: it starts tasks and polls them.

    For asyncio, and one event loop at a time: when that loop is closed, another may use it. Use it
    as an async context manager, or call `aclose()`.
    """

    def __init__(
        self,
        api_key: str | None = None,
        api_secret: str | None = None,
        *,
        token: str | None = None,
        base_url: str | None = None,
        timeout: Duration | None = None,
        max_connections: int = _MAX_CONNECTIONS,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        transport: Literal["httpx", "aiohttp"] = "httpx",
        http_client: httpx.AsyncClient | None = None,
        allow_http: bool = False,
    ) -> None:
        """Make a client, without sending anything.

        Args:
            api_key: The application's key; None: `STREAM_API_KEY`.
            api_secret: The application's secret, which signs the token; None: `STREAM_API_SECRET`.
            token: A server token of your own instead of the secret.
            base_url: Where the API is; None: `STREAM_BASE_URL`, else Stream's own address.
            timeout: How long a request may take, from connecting to the last byte of its answer:
                seconds or a timedelta. None: `STREAM_TIMEOUT`, else 30 s. (The deadline of a wait
                is another.)
            max_connections: How many requests at once, 1 or more.
            max_response_bytes: How large an answer may be, before and after decompression. A
                larger one is an `InvalidResponseException`.
            transport: What carries the requests: `httpx`, or `aiohttp`, which takes less CPU and
                needs the extra `rxstream[aiohttp]`. Proxies and certificates come from the
                environment in both.
            http_client: An httpx client of your own instead, used as it is and not closed. A poll
                on it that nobody waits for any more is left to finish, because cancelling it could
                damage the connection pool. Its own time-outs hold for each step, and `timeout` from
                when it has a connection.
            allow_http: Accept an `http://` address other than a loopback one; the token then
                travels in the clear.

        Raises:
            ValueError: Key or secret is missing, an argument is out of range, or two exclude each
                other.
            TypeError: An argument is of the wrong type.
            ImportError: The extra that `transport` needs is not installed.
        """
        api_secret, token = hidden(api_secret), hidden(token)
        super().__init__(
            api_key=api_key,
            api_secret=api_secret,
            token=token,
            base_url=base_url,
            timeout=timeout,
            allow_http=allow_http,
            max_connections=max_connections,
            max_response_bytes=max_response_bytes,
        )
        optional(http_client, httpx.AsyncClient, "http_client")
        self._http_client = http_client
        if http_client is not None and transport != "httpx":
            msg = "transport and http_client exclude each other: pass one of them"
            raise ValueError(msg)
        kind = _connections_of(transport)
        self._connections = kind(
            self._outgoing.base, max_connections, timeout=self.timeout, most=max_response_bytes
        )

    @property
    def cancel_safe(self) -> bool:
        """Whether a request in flight can be cancelled without harm to the connections."""
        return self._http_client is None

    async def get_task(self, task_id: str | BaseTaskHandle[T]) -> TaskSnapshot[T]:
        """Poll a task once.

        Args:
            task_id: The id of the task, or the handle that the operation returned.

        Raises:
            StreamApiException: Stream answered with an HTTP error.
            StreamTransportException: No usable answer came.
            InvalidResponseException: The answer was not a task.
            ValueError: There is no id, or the handle has nothing to wait for.
            TypeError: It is neither an id nor a handle.
        """
        polled = id_to_ask(task_id)
        request = task_request(polled)
        with self._without_secrets(request):
            return read_task(*await self._send(request), polled, self._cut)

    async def aclose(self) -> None:
        """Close the connections, and end the requests and waits that use them.

        Each ends with one `RuntimeError`, and a batch without outcomes for what it was waiting on.
        You may call it twice.
        """
        self._end_waits()
        await self._connections.aclose()

    async def __aenter__(self) -> Self:
        """Return the client; leaving the block closes it."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections, as `aclose` does."""
        await self.aclose()

    @override
    async def _start(self, name: str, start: Start[T]) -> AsyncTaskHandle[T]:
        with self._without_secrets(start.request):
            status_code, headers, content = await self._send(start.request)
            task_id, answer = read_started(status_code, headers, content, self._cut)
        limit = read_rate_limit(headers)
        return AsyncTaskHandle(
            task_id, name, start.items, answer=answer, rate_limit=limit, client=self
        )

    async def _send(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        self._raise_if_closed()
        try:
            if self._http_client is not None:
                answer = await send_async(
                    self._http_client,
                    self._outgoing.arguments(request),
                    timeout=self.timeout,
                    most=self.max_response_bytes,
                )
            else:
                answer = await self._connections.send(self._outgoing.request(request))
                self._has_connected = True
        except FAILURES as error:
            self._raise_if_closed()
            raise_failure(error, self.base_url)
        return answer.status_code, answer.headers, answer.content


def _connections_of(transport: object) -> type[AsyncConnections]:
    if transport == "httpx":
        return HttpxConnections
    if transport != "aiohttp":
        msg = f"transport must be 'httpx' or 'aiohttp', not {transport!r}"
        raise ValueError(msg)
    try:
        module = import_module("._aiohttp", __package__)
    except ImportError as error:
        msg = "transport='aiohttp' needs an extra: pip install 'rxstream[aiohttp]'"
        raise ImportError(msg) from error
    kind: type[AsyncConnections] = module.AiohttpConnections
    return kind
