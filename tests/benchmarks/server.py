"""The server of the benchmarks: `python -m tests.benchmarks.server` prints its port and serves.

What an id says is what it does: `3-x` is running for three polls and then completed, `slow-x` is
running and answers after 10 ms, `hang-x` never answers, `drip-x` answers a byte at a time, and
`429-x` is refused with a `Retry-After` of 60 seconds. `--delay` is how many seconds every answer
takes, `--limit` how many polls a minute are answered. It ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import socket
import sys
import threading
import time
from email.utils import formatdate
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
_MINUTE: Final = 60.0


class App:
    """A bare ASGI application; it remembers only the tasks that are not completed yet."""

    def __init__(self, delay: float, limit: int) -> None:
        self._delay = delay
        self._limit = limit
        self._window = 0.0
        self._used = 0
        self._seen: dict[str, int] = {}
        self._polls = 0
        self._refused = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path == "/stats":
            said = {"polls": self._polls, "refused": self._refused, "cpu": time.process_time()}
            await _answer(send, 200, said, [_JSON])
            return
        self._polls += 1
        if self._delay:
            await asyncio.sleep(self._delay)
        if self._limit:
            await self._limited(path, send)
            return
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

    async def _limited(self, path: str, send: Send) -> None:
        """Count in fixed minutes, as Stream does."""
        now = time.time()
        if now >= self._window:
            self._window, self._used = (now // _MINUTE + 1) * _MINUTE, 0
        self._used += 1
        headers = [
            _JSON,
            (b"date", formatdate(now, usegmt=True).encode()),
            (b"x-ratelimit-limit", str(self._limit).encode()),
            (b"x-ratelimit-remaining", str(max(self._limit - self._used, 0)).encode()),
            (b"x-ratelimit-reset", str(int(self._window)).encode()),
        ]
        if self._used > self._limit:
            self._refused += 1
            refusal = {"code": 9, "message": "Too many requests", "StatusCode": 429}
            after = str(math.ceil(self._window - now)).encode()
            await _answer(send, 429, refusal, [*headers, (b"retry-after", after)])
            return
        task_id = path.removeprefix(PREFIX)
        await _answer(send, 200, self._task(task_id, task_id.partition("-")[0]), headers)

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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--limit", type=int, default=0)
    options = parser.parse_args()
    # asyncio turns Nagle's algorithm off only where the protocol is named, and without that each
    # answer would wait 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    config = uvicorn.Config(
        App(options.delay, options.limit),
        lifespan="off",
        date_header=not options.limit,
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
