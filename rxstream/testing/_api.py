"""Stream's task API as an ASGI application."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route, Router, request_response

from .._time.clock import utc_now
from ._answers import completed
from ._auth import Refused, check_auth
from ._bodies import read_body
from ._faults import http_error
from ._log import RequestLog, RequestRecord
from ._operations import OPERATIONS, Asked
from ._render import render
from ._respond import Held, PlayedResponse, transport_of
from ._script import Script
from ._stage import Moment, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from ._answers import Answer, Quota
    from ._limits import Limiter, Ticket
    from ._operations import Operation
    from ._render import Rendered

__all__ = ["TaskApi", "quick_script"]

# The paths of a task, and whether their dates are those of the legacy chat API.
_TASK_PATHS: Final = {
    "/api/v2/tasks/{id}": False,
    "/tasks/{id}": True,
    "/export_channels/{id}": True,
}


def quick_script(pending: float, running: float, result: Any) -> Script:
    """Pending, then running, then completed.

    Args:
        pending: How long it is pending, in seconds.
        running: How long it is running after that, in seconds.
        result: The payload.
    """
    # A later entry wins, so a status that lasts no time is never seen.
    return Script.timeline({0: "pending", pending: "running", pending + running: completed(result)})


class TaskApi:
    """The application; it keeps everything in memory."""

    def __init__(
        self,
        planted: Mapping[str, Script],
        script_for: Callable[[Any], Script],
        limiter: Limiter,
        *,
        api_key: str,
        api_secret: str,
    ) -> None:
        """Make the application.

        Args:
            planted: The tasks that exist from the beginning.
            script_for: Returns the script of a task that a call starts, by its payload.
            limiter: The rate limit.
            api_key: The only key that is accepted.
            api_secret: The secret that signs the tokens.
        """
        self.planted = dict(planted)
        self.log = RequestLog()
        self.held = Held()
        self._script_for = script_for
        self._limiter = limiter
        self._api_key = api_key
        self._api_secret = api_secret
        self._stage = Stage(self.planted.get)
        self._router = Router(
            [
                *(self._task_route(path, legacy=legacy) for path, legacy in _TASK_PATHS.items()),
                *(self._operation_route(operation) for operation in OPERATIONS),
            ],
            redirect_slashes=False,
            default=request_response(self._endpoint("unknown", _no_such_path)),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        # Ids may hold encoded slashes, so routes see the path as it was sent.
        path = scope.get("raw_path", scope["path"].encode()).decode("ascii", "replace")
        state = {"transport": transport_of(send), "cut": False}
        scope = {**scope, "path": path, "state": state, "app": self}
        request = Request(scope)
        loop = asyncio.get_running_loop()
        number = self.log.begin(
            RequestRecord(
                _polled(path) if request.method == "GET" else None,
                loop.time(),
                method=request.method,
                path=path,
                query=dict(request.query_params),
                headers={k: v for k, v in request.headers.items() if k != "authorization"},
            )
        )
        cancelled = False
        try:
            try:
                await self._router(scope, receive, send)
            except HTTPException:  # a path that is there, but not with this method
                await self._router.default(scope, receive, send)
        except asyncio.CancelledError:
            cancelled = True
            raise
        finally:
            self.log.end(number, loop.time(), cancelled=cancelled or state["cut"] is True)

    def _task_route(self, path: str, *, legacy: bool) -> Route:
        async def poll(request: Request, now: Moment, quota: Quota) -> Rendered:
            return self._stage.poll(
                unquote(request.path_params["id"]), now, quota=quota, legacy=legacy
            )

        return Route(path, self._endpoint(f"GET {path}", poll), methods=["GET"])

    def _operation_route(self, operation: Operation) -> Route:
        async def start(request: Request, now: Moment, quota: Quota) -> Rendered:
            ids = {name: unquote(value) for name, value in request.path_params.items()}
            asked = Asked(read_body(await request.body()), ids, now.calendar)
            operation.check(asked)
            task_id = str(uuid.uuid4()) if operation.starts(asked) else None
            if task_id is not None:
                self._stage.begin(task_id, self._script_for(operation.result(asked)), now)
            answer = operation.answer(asked, task_id)
            return _rendered(answer, now, quota)

        name = f"{operation.method} {operation.path}"
        return Route(operation.path, self._endpoint(name, start), methods=[operation.method])

    def _endpoint(
        self,
        name: str,
        handle: Callable[[Request, Moment, Quota], Coroutine[Any, Any, Rendered]],
    ) -> Any:
        """Wrap a handler in the rate limit and the checks of key and token."""

        async def endpoint(request: Request) -> Response:
            now = Moment(asyncio.get_running_loop().time(), utc_now())
            ticket = self._limiter.take(name, now.clock)
            await request.body()  # so that the next message can only be the disconnection
            try:
                self._admit(request, ticket)
                rendered = await handle(request, now, ticket.quota)
            except Refused as refused:
                rendered = _rendered(refused.answer, now, ticket.quota)
            state = request.scope["state"]
            return PlayedResponse(
                rendered, state["transport"], self.held, lambda: state.update(cut=True)
            )

        return endpoint

    def _admit(self, request: Request, ticket: Ticket) -> None:
        check_auth(
            request.query_params,
            request.headers,
            api_key=self._api_key,
            api_secret=self._api_secret,
        )
        if ticket.refusal is not None:
            raise Refused(ticket.refusal)


async def _no_such_path(request: Request, now: Moment, quota: Quota) -> Rendered:
    message = f"{request.method} {request.scope['path']} is not there"
    return _rendered(http_error(404, message=message), now, quota)


def _rendered(answer: Answer, now: Moment, quota: Quota) -> Rendered:
    return render(answer, task_id="", created_at=now.calendar, now=now.calendar, quota=quota)


def _polled(path: str) -> str | None:
    for template in _TASK_PATHS:
        prefix = template.removesuffix("{id}")
        if path.startswith(prefix) and "/" not in path[len(prefix) :]:
            return unquote(path[len(prefix) :]) or None
    return None
