"""The sync client."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Self

import httpx
from typing_extensions import override

from .._checks import optional
from .._wait.handles import TaskHandle
from .._wait.tasks import id_to_ask
from .._wire.headers import read_rate_limit
from .._wire.messages import read_started, read_task, task_request
from ._base import MAX_RESPONSE_BYTES, BaseClient
from ._brought import send
from ._chat import ChatOperations
from ._connections import Connections, Ending
from ._failures import FAILURES, raise_failure
from ._products import ProductOperations
from ._requests import SyncStarter
from ._secrets import hidden
from ._waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .._values import BaseTaskHandle, T, TaskSnapshot
    from .._wire.messages import Request
    from ..backoff import Duration
    from ._requests import Start

__all__ = ["CancellableCall", "StreamClient"]

_MAX_CONNECTIONS: Final = 32
# What ends the requests that this thread makes. Not an argument: `get_task` may be overridden.
_ending: Final[ContextVar[Ending | None]] = ContextVar("_ending", default=None)


class StreamClient(BaseClient, Waits, ChatOperations, ProductOperations, SyncStarter):
    """A thin sync client of Stream's API: it starts tasks and polls them.

    You can share it between threads. Use it as a context manager, or call `close()`.
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
        http_client: httpx.Client | None = None,
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
            max_connections: How many requests at once, 1 or more. Each poll takes a thread while it
                is in flight, so no more than 32 of them are, whatever is said here.
            max_response_bytes: How large an answer may be, before and after decompression. A
                larger one is an `InvalidResponseException`.
            http_client: An httpx client of your own, used as it is and not closed. Its own
                time-outs hold for each step; `timeout` ends a request between the chunks of its
                answer.
            allow_http: Accept an `http://` address other than a loopback one; the token then
                travels in the clear.

        Raises:
            ValueError: Key or secret is missing, or an argument is out of range.
            TypeError: An argument is of the wrong type.
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
        optional(http_client, httpx.Client, "http_client")
        self._http_client = http_client
        self._connections = Connections(
            self._outgoing.base, max_connections, timeout=self.timeout, most=max_response_bytes
        )

    def get_task(self, task_id: str | BaseTaskHandle[T]) -> TaskSnapshot[T]:
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
            return read_task(*self._send(request), polled, self._cut)

    def new_call(self) -> CancellableCall:
        """Make a call of `get_task` that another thread can end; waits do so."""
        return CancellableCall(self.get_task)

    def close(self) -> None:
        """Close the connections, and end the requests and waits that use them.

        Each ends with one `RuntimeError`, and a batch without outcomes for what it was waiting on.
        You may call it twice.
        """
        self._end_waits()
        self._connections.close()

    def __enter__(self) -> Self:
        """Return the client; leaving the block closes it."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections, as `close` does."""
        self.close()

    @override
    def _start(self, name: str, start: Start[T]) -> TaskHandle[T]:
        with self._without_secrets(start.request):
            status_code, headers, content = self._send(start.request)
            task_id, answer = read_started(status_code, headers, content, self._cut)
        limit = read_rate_limit(headers)
        return TaskHandle(task_id, name, start.items, answer=answer, rate_limit=limit, client=self)

    def _send(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        self._raise_if_closed()
        ending = _ending.get() or Ending()
        try:
            if self._http_client is not None:
                answer = send(
                    self._http_client,
                    self._outgoing.arguments(request),
                    ending,
                    timeout=self.timeout,
                    most=self.max_response_bytes,
                )
            else:
                answer = self._connections.send(self._outgoing.request(request), ending)
                self._has_connected = True
        except FAILURES as error:
            if ending.is_asked_for:
                raise_failure(error, self.base_url, "the request was cancelled")
            self._raise_if_closed()
            raise_failure(error, self.base_url)
        return answer.status_code, answer.headers, answer.content


class CancellableCall:
    """One request of a sync client, which any thread can end."""

    __slots__ = ("_ending", "_get_task")

    def __init__(self, get_task: Callable[[Any], TaskSnapshot[Any]]) -> None:
        self._get_task = get_task
        self._ending = Ending()

    def get_task(self, task_id: str | BaseTaskHandle[T]) -> TaskSnapshot[T]:
        """Poll a task once, as the client's own `get_task` does."""
        return self.run(self._get_task, task_id)

    def run(self, function: Callable[[Any], T], argument: object) -> T:
        """Call another function of the client, such as an operation, so that it can be ended."""
        token = _ending.set(self._ending)
        try:
            return function(argument)
        finally:
            _ending.reset(token)

    def cancel(self) -> None:
        """End the request: `get_task` raises `StreamTransportException`.

        It takes no lock. While a name is looked up or TCP connects, the request ends only after
        that; on an `http_client` of your own it ends at the next chunk of the answer.
        """
        self._ending.ask()
