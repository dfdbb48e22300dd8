"""The server of the benchmarks: `python -m tests.benchmarks.server` prints its port and serves.

What an id says is what it does: `3-x` is running for three polls and then completed, `slow-x` is
running and answers after 10 ms, `hang-x` never answers, `drip-x` answers a byte at a time, and
`429-x` is refused with a `Retry-After` of 60 seconds. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from .report import show

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

LONGEST_LIFE: Final = 1800.0
PREFIX: Final = "/api/v2/tasks/"

_JSON: Final = (b"content-type", b"application/json")
_BORN: Final = 1_754_000_000_000_000_000
_DRIP: Final = 0.05
_SLOW: Final = 0.01


class App:
    """A bare ASGI application; it remembers only the tasks that are not completed yet."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._polls = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path == "/stats":
            said = {"polls": self._polls, "cpu": time.process_time()}
            await _answer(send, 200, said, [_JSON])
            return
        self._polls += 1
        task_id = path.removeprefix(PREFIX)
        kind = task_id.partition("-")[0]
        if kind == "hang":
            while (await receive())["type"] != "http.disconnect":
                pass
        elif kind == "drip":
            await _drip(send)
        elif kind == "429":
            refusal = {"code": 9, "message": "Too many requests", "StatusCode": 429}
            await _answer(send, 429, refusal, [_JSON, (b"retry-after", b"60")])
        else:
            if kind == "slow":
                await asyncio.sleep(_SLOW)
            await _answer(send, 200, self._task(task_id, kind), [_JSON, *_rate_limit()])

    def _task(self, task_id: str, kind: str) -> dict[str, Any]:
        seen = self._seen.pop(task_id, 0)
        now = time.time_ns()
        said = {"task_id": task_id, "created_at": _BORN, "updated_at": now, "duration": "1.23ms"}
        if kind == "slow" or seen < int(kind):
            self._seen[task_id] = seen + 1
            return {**said, "status": "running"}
        url = f"https://exports.example.com/{task_id}.json?signature={'0' * 64}"
        return {**said, "status": "completed", "result": {"task_id": task_id, "url": url}}


def _rate_limit() -> list[tuple[bytes, bytes]]:
    # Always plenty left, so that nobody slows down.
    return [
        (b"x-ratelimit-limit", b"60000"),
        (b"x-ratelimit-remaining", b"59000"),
        (b"x-ratelimit-reset", str(int(time.time()) + 60).encode()),
    ]


async def _answer(
    send: Send, status: int, said: dict[str, Any], headers: list[tuple[bytes, bytes]]
) -> None:
    body = json.dumps(said).encode()
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _drip(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [_JSON]})
    for byte in json.dumps({"task_id": "drip", "status": "running"}):
        await asyncio.sleep(_DRIP)
        await send({"type": "http.response.body", "body": byte.encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def main() -> None:
    """Serve until standard input ends."""
    # asyncio turns Nagle's algorithm off only where the protocol is named, and without that each
    # answer would wait 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    config = uvicorn.Config(
        App(),
        lifespan="off",
        log_level="critical",
        access_log=False,
        # uvicorn's own 5 s would close connections under a client that is busy for longer.
        timeout_keep_alive=75,
    )
    server = uvicorn.Server(config)

    def leave() -> None:
        server.should_exit = server.force_exit = True

    def listen_to_parent() -> None:
        sys.stdin.read()
        leave()

    threading.Thread(target=listen_to_parent, daemon=True).start()
    end_of_life = threading.Timer(LONGEST_LIFE, leave)
    end_of_life.daemon = True
    end_of_life.start()
    show(str(listener.getsockname()[1]))
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
