"""The sync client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

import httpx
from typing_extensions import override

from .._checks import optional, text
from .._wait.one import wait_for_task
from .._wire.failures import transport_error
from .._wire.messages import read_started, read_task, task_request
from ..backoff import DEFAULT_RETRY
from ._base import BaseClient
from ._chat import ChatOperations
from ._connections import Connections
from ._products import ProductOperations
from ._secrets import hidden

if TYPE_CHECKING:
    from types import TracebackType

    from .._values import TaskSnapshot
    from .._wire.messages import Request
    from ..backoff import Delays, Duration

__all__ = ["StreamClient"]

_MAX_CONNECTIONS: Final = 32


class StreamClient(BaseClient, ChatOperations["str | None"], ProductOperations["str | None"]):
    """A thin sync client of Stream's API: the operations that start tasks, and the tasks.

    Safe to share between threads. Use it as a context manager, or call `close()`.
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
        http_client: httpx.Client | None = None,
        allow_http: bool = False,
    ) -> None:
        """Make a client; nothing is sent.

        Args:
            api_key: The application's key; None: `STREAM_API_KEY`.
            api_secret: The application's secret, which signs the token; None: `STREAM_API_SECRET`.
            token: A server token of your own instead of the secret.
            base_url: Where the API is; None: `STREAM_BASE_URL`, else Stream's own address.
            timeout: How long connecting, writing and each read of a request may take: seconds or a
                timedelta. None: `STREAM_TIMEOUT`, else 30 s. (The deadline of a wait is another.)
            max_connections: How many requests at once, 1 or more. Each poll takes a thread while it
                is in flight, so no more than 32 of them are, whatever is said here.
            http_client: An httpx client of your own, used as it is and not closed.
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
        )
        optional(http_client, httpx.Client, "http_client")
        self._http_client = http_client
        self._connections = Connections(self._outgoing.base, max_connections)

    def get_task(self, task_id: str) -> TaskSnapshot:
        """Poll a task once.

        Args:
            task_id: The id that the operation returned.

        Raises:
            StreamApiException: Stream answered with an HTTP error.
            StreamTransportException: No usable answer came.
            InvalidResponseException: What answered was no task.
        """
        request = task_request(text(task_id, "task_id"))
        with self._without_secrets():
            return read_task(*self._send(request), task_id, self._cut)

    def wait_for_task(
        self,
        task_id: str,
        *,
        poll_interval: Duration | Delays = 1.0,
        timeout: Duration | None = 60.0,
        retry: Delays | None = DEFAULT_RETRY,
    ) -> Any:
        """Block until a task is done, and return its result payload.

        Arguments and exceptions are those of `rxstream.wait_for_task`.
        """
        return wait_for_task(
            self, task_id, poll_interval=poll_interval, timeout=timeout, retry=retry
        )

    def close(self) -> None:
        """Close the connections; requests in flight on them end with an error. Idempotent."""
        self._is_open = False
        self._connections.close()

    def __enter__(self) -> Self:
        """Give the client itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    @override
    def _start(self, request: Request) -> str | None:
        with self._without_secrets():
            return read_started(*self._send(request), self._cut)

    def _send(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        try:
            if self._http_client is not None:
                arguments = self._outgoing.arguments(request)
                response = self._http_client.request(**arguments, follow_redirects=False)
            else:
                response = self._connections.send(self._outgoing.request(request))
                self._is_open = True
        except (httpx.RequestError, OSError) as error:
            raise transport_error(error) from error
        return self._answer(response)
