"""A web service that starts an export and shows its statuses live, to all who look at it.

Without STREAM_API_KEY and STREAM_API_SECRET it starts an embedded server and needs no account:

    python examples/service.py

In production: `uvicorn service:app --timeout-graceful-shutdown 3`, since a server that shuts down
would otherwise wait for the last browser. How it works: docs/fastapi.md.
"""

import logging
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from rxstream import AsyncStreamClient, TaskHub, TaskSnapshot, to_async_iterable
from rxstream import operators as rxs
from rxstream.errors import StreamException, StreamTaskException, TaskTimeoutException
from rxstream.testing import TaskServer

POLL_INTERVAL = 1.0
DEADLINE = 3_600.0
PAGE = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """What all requests share. One hub, so that a task is polled once, whoever looks at it."""

    client: AsyncStreamClient
    hub: TaskHub
    started: deque[str] = field(default_factory=lambda: deque(maxlen=10_000))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Open the client when the server starts, and close it at the end."""
    async with AsyncStreamClient() as client:
        hub = TaskHub(client, poll_interval=POLL_INTERVAL, timeout=DEADLINE)
        app.state.service = Service(client, hub)
        yield


app = FastAPI(lifespan=lifespan)


async def service_of(request: Request) -> Service:
    """Give what `lifespan` made."""
    return cast("Service", request.app.state.service)


Shared = Annotated[Service, Depends(service_of)]


async def may_watch(task_id: str, service: Shared) -> str:
    """Let nobody watch a task by its id alone.

    Authorisation is yours. An id is no secret, and the result holds a link to the exported data.
    Here, whatever this process has started may be watched, by anybody. In your application, look
    the id up in your database, and check that the export belongs to the user who asks.
    """
    if task_id not in service.started:
        raise HTTPException(404, "There is no such export.")
    return task_id


class Export(BaseModel):
    """What to export."""

    users: list[Annotated[str, Field(min_length=1, max_length=255)]] = Field(
        min_length=1, max_length=25
    )


@app.get("/")
async def page() -> HTMLResponse:
    """Show the page."""
    return HTMLResponse(PAGE)


@app.post("/exports", status_code=202)
async def start(export: Export, service: Shared) -> dict[str, str]:
    """Start an export of users. Who may do that is for you to say, as in `may_watch`."""
    try:
        handle = await service.client.export_users(export.users)
    except StreamException as error:
        log.warning("the export was not started: %s", error)
        raise HTTPException(502, "Stream did not start the export.") from error
    if handle.task_id is None:
        raise HTTPException(502, "Stream started no task.")
    service.started.append(handle.task_id)
    return {"task_id": handle.task_id}


async def statuses_of(
    task_id: Annotated[str, Depends(may_watch)], service: Shared
) -> AsyncGenerator[AsyncIterator[TaskSnapshot]]:
    """Watch an export for as long as the request lives, however it ends.

    When the browser goes, FastAPI closes this, and when the last one has gone, the hub stops
    polling. Whoever comes late gets the last status at once.
    """
    statuses = service.hub.observe(task_id).pipe(rxs.distinct_status())
    async with aiter(to_async_iterable(statuses)) as watched:
        yield watched


@app.get("/exports/{task_id}/events", response_class=EventSourceResponse)
async def events(
    task_id: str, statuses: Annotated[AsyncIterator[TaskSnapshot], Depends(statuses_of)]
) -> AsyncIterator[ServerSentEvent]:
    """Stream the statuses of an export, and how it ended.

    FastAPI sends a comment every 15 s in which nothing changes, so that no proxy takes the
    connection for dead.
    """
    try:
        async for snapshot in statuses:
            yield ServerSentEvent(event="status", data=status_of(snapshot))
            if snapshot.is_completed:
                yield ServerSentEvent(event="done", data=link_of(snapshot))
    except StreamTaskException as error:
        yield ServerSentEvent(event="failed", data={"reason": error.description})
    except TaskTimeoutException as error:
        yield ServerSentEvent(event="late", data={"after": error.timeout})
    except StreamException as error:
        # Its text may name what is none of the browser's business.
        log.warning("task %s cannot be watched: %s", task_id, error)
        yield ServerSentEvent(event="failed", data={"reason": "Its status cannot be read."})


def status_of(snapshot: TaskSnapshot) -> dict[str, Any]:
    """Give what the page shows; never the whole answer, which holds more than that."""
    created = snapshot.created_at
    age = 0.0 if created is None else (datetime.now(UTC) - created).total_seconds()
    return {"status": snapshot.status, "age": max(age, 0.0)}


def link_of(snapshot: TaskSnapshot) -> dict[str, str]:
    """Give the link to the exported data, if the result holds one."""
    match snapshot.result:
        case {"url": str(url)}:
            return {"url": url}
        case _:
            return {}


def main() -> None:
    """Serve it on this machine, with an embedded task server where there is no account."""
    with ExitStack() as stack:
        if not (os.environ.get("STREAM_API_KEY") and os.environ.get("STREAM_API_SECRET")):
            server = stack.enter_context(TaskServer(pending=3.0, running=9.0))
            os.environ["STREAM_API_KEY"] = server.api_key
            os.environ["STREAM_API_SECRET"] = server.api_secret
            os.environ["STREAM_BASE_URL"] = server.url
        port = int(os.environ.get("PORT", "8000"))
        uvicorn.run(app, port=port, timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
