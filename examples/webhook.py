"""Wait for a task by webhook: polled once a minute, and at once when Stream says that it is done.

It starts an embedded server and plays Stream's webhook itself, so it needs no account:

    python examples/webhook.py

In your own application `webhook_app` is mounted where Stream's dashboard sends its events.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
from typing import TYPE_CHECKING, Any

import httpx
from reactivex.subject import Subject
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from rxstream import AsyncStreamClient, TaskSnapshot, task_observable, to_async_iterable
from rxstream.testing import TaskServer

if TYPE_CHECKING:
    from starlette.requests import Request

TICK = 60.0
SOON = 10.0  # far from the next tick, however slow the machine


def signature_of(body: bytes, api_secret: str) -> str:
    """Sign as Stream does: HMAC-SHA256 of the raw body with the API secret, in hex."""
    return hmac.new(api_secret.encode(), body, hashlib.sha256).hexdigest()


def webhook_app(api_secret: str, events: Subject[Any]) -> Starlette:
    """Receive Stream's events at `/webhook`; those with a good signature go to `events`."""

    async def receive(request: Request) -> Response:
        body = await request.body()
        claimed = request.headers.get("x-signature", "")
        # As bytes: compare_digest refuses strings that are not ASCII.
        if not hmac.compare_digest(signature_of(body, api_secret).encode(), claimed.encode()):
            return Response(status_code=401)
        try:
            event = json.loads(body)
        except ValueError:
            return Response(status_code=400)
        events.on_next(event)
        return Response(status_code=200)

    return Starlette(routes=[Route("/webhook", receive, methods=["POST"])])


async def main() -> int:
    """Start an export, wait for it, and play a forged and a genuine webhook meanwhile."""
    events: Subject[Any] = Subject()
    async with (
        TaskServer(pending=0.1, running=0.2) as server,
        AsyncStreamClient(server.api_key, server.api_secret, base_url=server.url) as client,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=webhook_app(server.api_secret, events)),
            base_url="http://app.example",
        ) as stream,
    ):
        task_id = str(await client.export_users(["rxstream-webhook"]))
        began = asyncio.get_running_loop().time()
        wait = asyncio.create_task(watch(client, task_id, events))

        await asyncio.sleep(0.5)  # the export is done by now, and nobody has noticed
        body = json.dumps({"type": "export.users.success", "task_id": task_id}).encode()
        forged = await post(stream, body, signature_of(body, "a secret of somebody else"))
        await asyncio.sleep(0.1)  # it would have been polled by now, had that been believed
        polls_before = server.polls(task_id)
        print(f"forged webhook   {forged}, polls so far: {polls_before}")
        genuine = await post(stream, body, signature_of(body, server.api_secret))
        print(f"genuine webhook  {genuine}")

        last = await wait
        elapsed = asyncio.get_running_loop().time() - began
        polls = server.polls(task_id)
    print(f"-> {last.result}")
    well = (
        (forged, genuine) == (401, 200)
        and (polls_before, polls) == (1, 2)
        and last.is_completed
        and elapsed < SOON
    )
    print(
        f"\n{'all went' if well else 'NOT'} as announced: {last.status} after {elapsed:.1f} s "
        f"and {polls} polls, the next tick would have been at {TICK:.0f} s"
    )
    return 0 if well else 1


async def watch(client: AsyncStreamClient, task_id: str, events: Subject[Any]) -> TaskSnapshot:
    """Print each status, and give the last."""
    statuses = task_observable(client, task_id, poll_interval=TICK, timeout=600.0, wake=events)
    seen: list[TaskSnapshot] = []
    async for snapshot in to_async_iterable(statuses):
        print(f"polled           {snapshot.status}")
        seen.append(snapshot)
    return seen[-1]


async def post(stream: httpx.AsyncClient, body: bytes, signature: str) -> int:
    """Send one webhook, as Stream would, and give the status that it was answered."""
    answer = await stream.post("/webhook", content=body, headers={"X-Signature": signature})
    return answer.status_code


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
