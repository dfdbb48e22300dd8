"""The sync contenders that poll over HTTP."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import httpx

from rxstream import StreamClient, TaskOutcome, tasks_observable

from .over_http import LIMITS, PATIENCE
from .processes import KEY, SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from .over_http import All

__all__ = ["SYNC", "THREADS"]

THREADS: Final = 300
"""A thread for each wait, up to so many; those beyond wait for a thread."""


def _each(wait: Callable[[str, float], Any]) -> All:
    def wait_for_all(ids: Sequence[str], interval: float) -> Sequence[Any]:
        with ThreadPoolExecutor(min(len(ids), THREADS)) as pool:
            return list(pool.map(wait, ids, [interval] * len(ids)))

    return wait_for_all


@contextmanager
def _rxstream(url: str) -> Iterator[All]:
    with StreamClient(KEY, SECRET, base_url=url, timeout=PATIENCE) as client:

        def wait_for_all(ids: Sequence[str], interval: float) -> Sequence[Any]:
            results: dict[str, Any] = {}
            errors: list[Exception] = []
            over = threading.Event()

            def note(outcome: TaskOutcome) -> None:
                results[outcome.task_id] = outcome.unwrap()

            def fail(error: Exception) -> None:
                errors.append(error)
                over.set()

            outcomes = tasks_observable(client, ids, poll_interval=interval, timeout=PATIENCE)
            with outcomes.subscribe(note, fail, over.set):
                over.wait()
            if errors:
                raise errors.pop()
            return [results[task_id] for task_id in ids]

        yield wait_for_all


@contextmanager
def _official(url: str) -> Iterator[All]:
    from getstream import Stream  # type: ignore[import-untyped]  # noqa: PLC0415 -- may be missing

    with Stream(KEY, SECRET, base_url=url, request_timeout=PATIENCE) as client:

        def wait(task_id: str, interval: float) -> Any:
            done = client.wait_for_task(task_id, poll_interval=interval, timeout=PATIENCE)
            return done.data.result

        yield _each(wait)


@contextmanager
def _httpx_loop(url: str) -> Iterator[All]:
    with httpx.Client(limits=LIMITS, timeout=PATIENCE) as http:

        def wait(task_id: str, interval: float) -> Any:
            while True:
                answer = http.get(f"{url}/api/v2/tasks/{task_id}")
                task = answer.raise_for_status().json()
                if task["status"] == "completed":
                    return task["result"]
                time.sleep(interval)

        yield _each(wait)


SYNC: Final[dict[str, Callable[[str], AbstractContextManager[All]]]] = {
    "rxstream-sync-tasks": _rxstream,
    "httpx-sync-loop": _httpx_loop,
    "official-sync": _official,
}
