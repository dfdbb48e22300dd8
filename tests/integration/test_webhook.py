"""The route of `rxstream.webhooks.starlette`: only what Stream has signed gets through."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette

from rxstream.webhooks import WebhookEvent, WebhookEvents
from rxstream.webhooks import starlette as ours
from rxstream.webhooks.starlette import webhook_route
from tests.unit.test_webhooks import BODY, SECRET, signature_of

if TYPE_CHECKING:
    from collections.abc import Callable

ZIPPED = gzip.compress(BODY)


def app_of(events: WebhookEvents) -> Starlette:
    return Starlette(routes=[webhook_route("/webhook", events)])


@pytest.mark.parametrize(
    ("body", "signature", "status"),
    [
        (BODY, signature_of(BODY), 200),
        (ZIPPED, signature_of(BODY), 200),
        (ZIPPED, signature_of(ZIPPED), 401),
        (BODY, signature_of(BODY, "another"), 401),
        (BODY + b" ", signature_of(BODY), 401),
        (BODY, signature_of(BODY).upper(), 401),
        (BODY, "ünïcode".encode("latin-1"), 401),
        (BODY, b"", 401),
        (BODY, None, 401),
        (b"{", signature_of(b"{"), 400),
        (b"x" * 3_000, signature_of(BODY), 413),
        (gzip.compress(b"x" * 3_000), signature_of(BODY), 413),
    ],
)
def test_only_what_is_signed_gets_through(body: bytes, signature: Any, status: int) -> None:
    events = WebhookEvents(SECRET, max_bytes=2_000)
    seen: list[WebhookEvent] = []
    events.subscribe(seen.append)

    async def main() -> int:
        transport = httpx.ASGITransport(app=app_of(events))
        async with httpx.AsyncClient(transport=transport, base_url="http://app.example") as stream:
            headers = {} if signature is None else {"X-Signature": signature}
            return (await stream.post("/webhook", content=body, headers=headers)).status_code

    assert asyncio.run(main()) == status
    assert [event.type for event in seen] == (["export.users.success"] if status == 200 else [])


def answered(receive: Callable[[], Any], events: WebhookEvents) -> int:
    """Play an ASGI server whose request comes as `receive` gives it."""
    statuses: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "method": "POST", "path": "/webhook", "headers": []}
    asyncio.run(app_of(events)(scope, receive, send))
    return statuses[0]


def test_no_more_is_read_than_is_allowed() -> None:
    chunks = 0

    async def endless() -> Any:
        nonlocal chunks
        chunks += 1
        return {"type": "http.request", "body": b"x" * 1_000, "more_body": True}

    assert answered(endless, WebhookEvents(SECRET, max_bytes=5_000)) == 413
    assert chunks == 6


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_READ_WITHIN", 0.01)

    async def never() -> Any:
        await asyncio.get_running_loop().create_future()

    assert answered(never, WebhookEvents(SECRET)) == 408


def test_a_request_that_breaks_off_is_no_error_of_ours() -> None:
    async def gone() -> Any:
        return {"type": "http.disconnect"}

    assert answered(gone, WebhookEvents(SECRET)) == 400


def test_only_the_route_needs_its_extra_and_it_says_so() -> None:
    code = (
        "import sys; sys.modules['starlette'] = None\n"
        "import rxstream.webhooks\n"
        "try:\n    import rxstream.webhooks.starlette\n"
        "except ImportError as error:\n    assert 'rxstream[webhooks]' in str(error)\n"
        "else:\n    raise SystemExit(1)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
