"""The route that Stream calls, for Starlette and what stands upon it (FastAPI).

It is an extra (`pip install 'rxstream[webhooks]'`), and no other module of rxstream imports it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ._fault import InvalidWebhookException

try:
    from starlette.requests import ClientDisconnect
    from starlette.responses import Response
    from starlette.routing import Route
except ModuleNotFoundError as _missing:
    if _missing.name is None or _missing.name.partition(".")[0] != "starlette":
        raise
    _msg = "rxstream.webhooks.starlette needs starlette: pip install 'rxstream[webhooks]'"
    raise ImportError(_msg) from _missing

if TYPE_CHECKING:
    from starlette.requests import Request

    from ._events import WebhookEvents

__all__ = ["webhook_route"]

# How long the body of a request may take, in seconds.
_READ_WITHIN: Final = 10.0


def webhook_route(path: str, events: WebhookEvents) -> Route:
    """Make a route that gives each request to `events.receive`.

    ::

        from starlette.applications import Starlette
        from rxstream.webhooks import WebhookEvents
        from rxstream.webhooks.starlette import webhook_route

        events = WebhookEvents("your-api-secret")
        app = Starlette(routes=[webhook_route("/webhook", events)])

    It answers 200 to each webhook of Stream, 401 to a wrong signature, 413 to a body that is too
    large, 408 to one that takes more than ten seconds, and 400 to the rest.

    Args:
        path: The path that Stream calls.
        events: Where the events go.
    """

    async def receive(request: Request) -> Response:
        try:
            async with asyncio.timeout(_READ_WITHIN):
                body = await _body_of(request, events.max_bytes)
        except TimeoutError:
            return Response(status_code=408)
        except ClientDisconnect:  # nobody hears the answer
            return Response(status_code=400)
        try:
            events.receive(body, request.headers)
        except InvalidWebhookException as error:
            return Response(status_code=error.status_code)
        return Response(status_code=200)

    return Route(path, receive, methods=["POST"])


async def _body_of(request: Request, most: int) -> bytes:
    """Read no more than one chunk beyond what is allowed."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            break
    return bytes(body)
