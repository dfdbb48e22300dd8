"""A server of Stream's task API, on a real socket or in process."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, Final, Self

from typing_extensions import override

from .._checks import seconds
from ._limits import Limiter
from ._official import OfficialClients
from ._script import cast_of, script_of

try:
    from ._api import TaskApi, quick_script
    from ._running import RunningServer, listening_socket
except ModuleNotFoundError as _missing:
    if _missing.name is None or _missing.name.partition(".")[0] not in {"starlette", "uvicorn"}:
        raise
    _msg = "TaskServer needs starlette and uvicorn: pip install 'rxstream[testing]'"
    raise ImportError(_msg) from _missing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from starlette.types import ASGIApp

    from .._values import BaseTaskHandle
    from ._log import RequestRecord
    from ._script import Script, ScriptLike

__all__ = ["TaskServer"]

_SHORTEST_SECRET: Final = 32
_HIGHEST_PORT: Final = 65_535


class TaskServer(OfficialClients):
    """A small server of Stream's task API, for tests and experiments.

    ::

        with TaskServer() as server:
            client = StreamClient(server.api_key, server.api_secret, base_url=server.url)

    It starts tasks, answers polls, checks keys and tokens, counts rate limits and plays faults.
    Stream's official SDKs can talk to it; `getstream()` and its likes make their clients. Without a
    socket, you can use its `app` in process: `httpx.ASGITransport(app=server.app)`. Then it follows
    the time of the running loop, also of a `VirtualLoop`.
    """

    def __init__(
        self,
        script: ScriptLike | Mapping[str, ScriptLike] | None = None,
        *,
        api_key: str = "rxstream-key",
        api_secret: str = "rxstream-secret-of-at-least-32-bytes",  # noqa: S107 -- it opens nothing
        host: str = "127.0.0.1",
        port: int = 0,
        pending: float = 0.3,
        running: float = 0.7,
        limit: int = 6000,
        window: float = 60.0,
        retry_after: bool = True,
    ) -> None:
        """Make a server; it runs after `start` or `with`.

        Args:
            script: The script of the tasks that calls of the API start. A mapping adds tasks by id
                instead. None, and for tasks that are not in the mapping: pending, then running,
                then completed with the payload of the operation.
            api_key: The only key that is accepted.
            api_secret: The secret that signs the tokens; 32 bytes or more, as HS256 requires.
            host: The address to listen at.
            port: The port to listen at; 0: any free one.
            pending: How long tasks without a script are pending, in seconds.
            running: How long they are running after that, in seconds.
            limit: Requests per endpoint and window, after which there are 429s.
            window: The window of the rate limit, in seconds.
            retry_after: Whether a 429 has a `Retry-After`.

        Raises:
            TypeError: An argument is of the wrong type.
            ValueError: A number is out of range, a script is empty, or the secret is too short.
        """
        if len(api_secret.encode()) < _SHORTEST_SECRET:
            msg = f"api_secret must have {_SHORTEST_SECRET} bytes or more"
            raise ValueError(msg)
        if not 0 <= port <= _HIGHEST_PORT:
            msg = f"port must be 0 to {_HIGHEST_PORT}, not {port}"
            raise ValueError(msg)
        self._pending = seconds(pending, "pending")
        self._running_for = seconds(running, "running")
        self._script, planted = cast_of({} if script is None else script)
        self.api_key = api_key
        self.api_secret = api_secret
        self._host = host
        self._port = port
        self._server: RunningServer | None = None
        self._url = ""
        limiter = Limiter(limit, window, retry_after=retry_after)
        self._api = TaskApi(
            planted, self._script_for, limiter, api_key=api_key, api_secret=api_secret
        )

    def __repr__(self) -> str:
        """Show the address that it listens at."""
        return f"TaskServer({self._url if self._server is not None else 'not started'})"

    @property
    def app(self) -> ASGIApp:
        """The ASGI application, for `httpx.ASGITransport`."""
        return self._api

    @property
    @override
    def url(self) -> str:
        """The base URL for a client.

        Raises:
            RuntimeError: The server is not running.
        """
        if self._server is None:
            msg = "the server is not running: use `with TaskServer() as server`, or start()"
            raise RuntimeError(msg)
        return self._url

    @property
    def requests(self) -> list[RequestRecord]:
        """Every request, in order."""
        return self._api.log.records

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._api.log.in_flight

    @property
    def most_in_flight(self) -> int:
        """The highest number of requests that were under way at once."""
        return self._api.log.most_in_flight

    @property
    def connections(self) -> int:
        """How many connections are open; 0 in process."""
        return 0 if self._server is None else self._server.connections

    def polls(self, task_id: str | BaseTaskHandle[Any] | None = None) -> int:
        """How many polls there were.

        Args:
            task_id: Of this task, by its id or handle; None: of all.
        """
        return self._api.log.polls(task_id)

    def add_task(self, script: ScriptLike | None = None, task_id: str | None = None) -> str:
        """Add a task; it begins with its first poll.

        Args:
            script: Its script; None: the script of tasks that calls of the API start.
            task_id: Its id; None: a new one.

        Returns:
            The id.

        Raises:
            TypeError: `script` is not a script.
            ValueError: `script` is empty, or the id is taken.
        """
        task_id = str(uuid.uuid4()) if task_id is None else task_id
        if task_id in self._api.planted:
            msg = f"task_id {task_id!r} is taken"
            raise ValueError(msg)
        self._api.planted[task_id] = self._script_for({}) if script is None else script_of(script)
        return task_id

    def start(self) -> Self:
        """Start the server, and return when it accepts requests. You may call it twice.

        Raises:
            OSError: The address cannot be used.
        """
        if self._server is None:
            server = self._launch()
            try:
                server.ready.result()
            except BaseException:
                self.stop()
                raise
        return self

    def stop(self) -> None:
        """Close everything at once, also unanswered requests. You may call it twice."""
        self._api.held.release()
        server, self._server = self._server, None
        if server is not None:
            server.stop()
            server.done.result()
            server.join()

    def __enter__(self) -> Self:
        """Start the server, as `start` does."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server, as `stop` does."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start the server without blocking the loop."""
        if self._server is None:
            server = self._launch()
            try:
                await asyncio.wrap_future(server.ready)
            except BaseException:
                self.stop()
                raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server without blocking the loop."""
        self._api.held.release()
        server, self._server = self._server, None
        if server is not None:
            server.stop()
            await asyncio.wrap_future(server.done)
            server.join()

    def _launch(self) -> RunningServer:
        listener = listening_socket(self._host, self._port)
        name = f"[{self._host}]" if ":" in self._host else self._host
        self._url = f"http://{name}:{listener.getsockname()[1]}"
        self._server = RunningServer(self._api, listener)
        return self._server

    def _script_for(self, result: Any) -> Script:
        if self._script is not None:
            return self._script
        return quick_script(self._pending, self._running_for, result)
