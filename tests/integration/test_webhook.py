"""The route of `examples/webhook.py`: only what Stream has signed gets through."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import runpy
from pathlib import Path
from typing import Any

import httpx
import pytest
from reactivex.subject import Subject

EXAMPLE = Path(__file__).parents[2] / "examples" / "webhook.py"
SECRET = "secret-of-at-least-thirty-two-bytes"
BODY = b'{"type": "export.users.success", "task_id": "x"}'


def signed(body: bytes, secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()


@pytest.mark.parametrize(
    ("body", "signature", "status"),
    [
        (BODY, signed(BODY), 200),
        (BODY, signed(BODY, "another"), 401),
        (BODY + b" ", signed(BODY), 401),
        (BODY, signed(BODY).upper(), 401),
        (BODY, "ünïcode".encode("latin-1"), 401),
        (BODY, b"", 401),
        (BODY, None, 401),
        (b"{", signed(b"{"), 400),
    ],
)
def test_only_what_is_signed_gets_through(body: bytes, signature: Any, status: int) -> None:
    events: Subject[Any] = Subject()
    seen: list[Any] = []
    events.subscribe(seen.append)
    app = runpy.run_path(str(EXAMPLE))["webhook_app"](SECRET, events)

    async def main() -> int:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://app.example"
        ) as stream:
            headers = {} if signature is None else {"X-Signature": signature}
            return (await stream.post("/webhook", content=body, headers=headers)).status_code

    assert asyncio.run(main()) == status
    assert seen == ([{"type": "export.users.success", "task_id": "x"}] if status == 200 else [])
