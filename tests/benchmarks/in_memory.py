"""The contenders that poll without HTTP: what is left is the engine."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any, Final

from rxstream import TaskSnapshot, task_observable
from rxstream._wire.fields import snapshot_of

from .report import require

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AsyncMemory", "Memory", "engine_async", "engine_sync", "footprint", "loop", "threads"]

INTERVAL: Final = 0.001
TIMEOUT: Final = 7200.0

_RUNNING: Final = TaskSnapshot("memory", "running")
_COMPLETED: Final = TaskSnapshot("memory", "completed", result={"ok": True})


class Memory:
    """Answers the same snapshot without any I/O: completed with the `polls`th."""

    def __init__(self, polls: int) -> None:
        self.polls = 0
        self._last = polls
        self._seen: dict[str, int] = {}

    def get_task(self, task_id: str) -> TaskSnapshot:
        """Answer a poll."""
        self.polls += 1
        seen = self._seen[task_id] = self._seen.get(task_id, 0) + 1
        return _RUNNING if seen < self._last else _COMPLETED


class AsyncMemory:
    """The same, asynchronously."""

    def __init__(self, polls: int) -> None:
        self.memory = Memory(polls)

    async def get_task(self, task_id: str) -> TaskSnapshot:
        """Answer a poll without waiting for anything."""
        return self.memory.get_task(task_id)


class _Parsed:
    """An async client whose every answer is an object of its own, as from the wire."""

    async def get_task(self, task_id: str) -> TaskSnapshot:
        now = 1_754_000_000_000_000_000
        said = {"task_id": task_id, "status": "running", "created_at": now, "updated_at": now}
        data = json.loads(json.dumps({**said, "duration": "1.23ms"}))
        snapshot = snapshot_of(data, task_id=task_id)
        assert snapshot is not None
        return snapshot


async def engine_async(ids: Sequence[str], polls: int) -> None:
    """Wait for all, each a plain subscription."""
    client, over = AsyncMemory(polls), asyncio.Event()
    ended: list[Any] = []

    def end(_error: Exception | None = None) -> None:
        ended.append(_error)
        if len(ended) == len(ids):
            over.set()

    for task_id in ids:
        task_observable(client, task_id, poll_interval=INTERVAL).subscribe(None, end, end)
    await over.wait()
    require(not any(ended), "a wait of engine_async failed")


async def loop(ids: Sequence[str], polls: int) -> None:
    """Wait for all, each a task of asyncio."""
    client = AsyncMemory(polls)

    async def wait(task_id: str) -> None:
        while not (await client.get_task(task_id)).is_done:  # noqa: ASYNC110 -- polling is the point
            await asyncio.sleep(INTERVAL)

    await asyncio.gather(*map(wait, ids))


async def engine_sync(ids: Sequence[str], polls: int) -> None:
    """Wait for all with a plain client, whose calls are made by worker threads."""
    client, over, lock = Memory(polls), threading.Event(), threading.Lock()
    ended: list[Any] = []

    def end(_error: Exception | None = None) -> None:
        with lock:
            ended.append(_error)
            if len(ended) == len(ids):
                over.set()

    for task_id in ids:
        task_observable(client, task_id, poll_interval=INTERVAL).subscribe(None, end, end)
    over.wait()
    require(not any(ended), "a wait of engine_sync failed")


async def threads(ids: Sequence[str], polls: int) -> None:
    """Wait for all, each on a thread of its own."""
    client, pause = Memory(polls), threading.Event()

    def wait(task_id: str) -> None:
        while not client.get_task(task_id).is_done:
            pause.wait(INTERVAL)

    running = [threading.Thread(target=wait, args=(task_id,)) for task_id in ids]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


async def footprint(ids: Sequence[str], *, parsed: bool) -> dict[str, float]:
    """Measure the bytes of a wait between two polls, and what is left of it after disposal."""
    client = _Parsed() if parsed else AsyncMemory(len(ids))
    seen: list[None] = []
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    waits = [
        task_observable(client, task_id, poll_interval=3600, timeout=TIMEOUT).subscribe(
            lambda _: seen.append(None)
        )
        for task_id in ids
    ]
    while len(seen) < len(ids):  # noqa: ASYNC110 -- no event of its own in the measured memory
        await asyncio.sleep(INTERVAL)
    gc.collect()
    during, _ = tracemalloc.get_traced_memory()
    for wait in waits:
        wait.dispose()
    del waits, wait
    await asyncio.sleep(INTERVAL)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    return {"bytes": (during - before) / len(ids), "left": (after - before) / len(ids)}
