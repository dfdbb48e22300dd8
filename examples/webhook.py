"""Wait for a task by webhook: polled once a minute, and at once when Stream says that it is done.

It starts an embedded server and plays Stream's webhook itself, so it needs no account:

    python examples/webhook.py

In your own application the route stands where Stream's dashboard sends its events.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
import sys

import httpx
from starlette.applications import Starlette

from rxstream import AsyncStreamClient, TaskSnapshot, task_observable, to_async_iterable
from rxstream.testing import TaskServer
from rxstream.webhooks import WebhookEvents
from rxstream.webhooks.starlette import webhook_route

TICK = 60.0
SOON = 10.0  # far from the next tick, however slow the machine


async def main() -> int:
    """Start an export, wait for it, and play a forged and a genuine webhook meanwhile."""
    async with (
        TaskServer(pending=0.1, running=0.2) as server,
        AsyncStreamClient(server.api_key, server.api_secret, base_url=server.url) as client,
    ):
        events = WebhookEvents(server.api_secret)
        app = Starlette(routes=[webhook_route("/webhook", events)])
        task_id = str(await client.export_users(["rxstream-webhook"]))
        began = asyncio.get_running_loop().time()
        wait = asyncio.create_task(watch(client, task_id, events))

        await asyncio.sleep(0.5)  # the export is done by now, and nobody has noticed
        body = json.dumps({"type": "export.users.success", "task_id": task_id}).encode()
        forged = await post(app, body, "a secret of somebody else")
        await asyncio.sleep(0.1)  # it would have been polled by now, had that been believed
        polls_before = server.polls(task_id)
        print(f"forged webhook   {forged}, polls so far: {polls_before}")
        genuine = await post(app, body, server.api_secret)
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


async def watch(client: AsyncStreamClient, task_id: str, events: WebhookEvents) -> TaskSnapshot:
    """Print each status, and give the last."""
    statuses = task_observable(client, task_id, poll_interval=TICK, timeout=600.0, wake=events)
    seen: list[TaskSnapshot] = []
    async for snapshot in to_async_iterable(statuses):
        print(f"polled           {snapshot.status}")
        seen.append(snapshot)
    return seen[-1]


async def post(app: Starlette, body: bytes, api_secret: str) -> int:
    """Send one webhook as Stream does: signed, then gzipped. Give the status of the answer."""
    signature = hmac.new(api_secret.encode(), body, hashlib.sha256).hexdigest()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app.example") as stream:
        headers = {"X-Signature": signature, "Content-Encoding": "gzip"}
        answer = await stream.post("/webhook", content=gzip.compress(body), headers=headers)
        return answer.status_code


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
