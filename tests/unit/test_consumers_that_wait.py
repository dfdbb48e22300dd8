"""Consumers that wait for another task in turn, on the worker thread that calls them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from rxstream import task_observable, wait_for_task
from rxstream.testing import FakeClient, assert_nothing_left, completed
from tests.support import TASK

PATIENCE = 20.0


class AllAtOnce:
    """A client whose first answers come together."""

    def __init__(self, go: threading.Event) -> None:
        self._go = go

    def get_task(self, task_id: str) -> Any:
        self._go.wait(PATIENCE)
        return {"task_id": task_id, "status": "completed"}


@pytest.mark.parametrize(
    "consumers",
    [
        35,
        60,
    ],
)
def test_any_number_of_consumers_may_wait_in_turn(consumers: int) -> None:
    go, inner = threading.Event(), FakeClient(completed(7))
    results: list[Any] = []
    ended = threading.Semaphore(0)

    def on_next(_: object) -> None:
        try:
            results.append(wait_for_task(inner, TASK, timeout=1.0))
        except TimeoutError as error:
            results.append(error)

    with assert_nothing_left():
        for _ in range(consumers):
            wait = task_observable(AllAtOnce(go), TASK, timeout=None)
            wait.subscribe(on_next, on_completed=ended.release)
        go.set()
        for _ in range(consumers):
            assert ended.acquire(timeout=PATIENCE)
    assert results == [7] * consumers
