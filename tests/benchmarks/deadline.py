"""By how much waits overrun their deadline when the server misbehaves."""

from __future__ import annotations

import asyncio
import logging
import socket
import statistics
import time
from typing import TYPE_CHECKING, Any, Final

from rxstream import AsyncStreamClient, StreamClient
from rxstream.errors import TaskTimeoutException

from .processes import KEY, SECRET, Server, installed
from .report import Table, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .processes import Options
    from .report import Part

__all__ = ["run"]

_DEADLINE: Final = 0.2
_RUNS: Final = 20
_OFFICIAL_RUNS: Final = 3
_REQUEST_TIMEOUT: Final = 1.5
# Timers may round down, but no more than that.
_TOO_EARLY: Final = -0.01


def _sync(url: str, task_id: str) -> float:
    with StreamClient(KEY, SECRET, base_url=url) as client:
        start = time.monotonic()
        try:
            client.wait_for_task(task_id, poll_interval=0.05, timeout=_DEADLINE)
        except TaskTimeoutException:
            return time.monotonic() - start
    return -1.0


def _async(url: str, task_id: str) -> float:
    async def main() -> float:
        async with AsyncStreamClient(KEY, SECRET, base_url=url) as client:
            start = time.monotonic()
            try:
                await client.wait_for_task(task_id, poll_interval=0.05, timeout=_DEADLINE)
            except TaskTimeoutException:
                return time.monotonic() - start
        return -1.0

    return asyncio.run(main())


def _official_sync(url: str, task_id: str) -> float:
    from getstream import (  # type: ignore[import-untyped]  # noqa: PLC0415 -- may be missing
        Stream,
        StreamTransportException,
    )

    with Stream(KEY, SECRET, base_url=url, request_timeout=_REQUEST_TIMEOUT) as client:
        start = time.monotonic()
        try:
            client.wait_for_task(task_id, poll_interval=0.05, timeout=_DEADLINE)
        except StreamTransportException:
            return time.monotonic() - start
    return -1.0


def _official_async(url: str, task_id: str) -> float:
    from getstream import AsyncStream, StreamTransportException  # noqa: PLC0415 -- as above

    async def main() -> float:
        client: Any = AsyncStream(KEY, SECRET, base_url=url, request_timeout=_REQUEST_TIMEOUT)
        async with client:
            start = time.monotonic()
            try:
                await client.wait_for_task(task_id, poll_interval=0.05, timeout=_DEADLINE)
            except StreamTransportException:
                return time.monotonic() - start
        return -1.0

    return asyncio.run(main())


def _overshoots(wait: Callable[[str, str], float], url: str, fault: str, runs: int) -> list[float]:
    found: list[float] = []
    for number in range(runs):
        over = wait(url, f"{fault}-{number}") - _DEADLINE
        require(over > _TOO_EARLY, f"{wait.__name__} on {fault}: no time-out, or too early")
        found.append(over * 1e3)
    return found


def run(options: Options) -> Iterator[Part]:
    """Run it."""
    runs = 5 if options.quick else _RUNS
    rows: list[list[str]] = []

    def measure(wait: Callable[[str, str], float], who: str, url: str, what: str, n: int) -> None:
        fault, _, title = what.partition(":")
        found = _overshoots(wait, url, fault, n)
        rows.append([f"{title}, {who}", f"{statistics.median(found):.1f}", f"{max(found):.1f}"])

    for name in ("rxstream", "getstream"):
        # They tell of each failed poll.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with Server.running() as server, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        for url, what in (
            (server.url, "hang:the server hangs"),
            (server.url, "drip:a byte every 50 ms"),
            (closed, "0:nobody listens"),
            (server.url, "429:429, Retry-After 60 s"),
        ):
            measure(_async, "async", url, what, runs)
            measure(_sync, "sync", url, what, runs)
        if installed("getstream"):
            request = f"request time-out {_REQUEST_TIMEOUT} s"
            for wait, name in ((_official_async, "AsyncStream"), (_official_sync, "Stream")):
                who = f"getstream.{name}, {request}"
                measure(wait, who, server.url, "hang:the server hangs", _OFFICIAL_RUNS)
    yield Table(
        f"Overshoot of a deadline of {_DEADLINE} s, {runs} runs each",
        ["", "median, ms", "max, ms"],
        rows,
    )
