"""An observer that can be ended from any thread, and its grammar."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from reactivex import abc

from rxstream import operators as rxs
from rxstream import task_observable
from rxstream._merge.downstream import Downstream
from rxstream.testing import FakeClient
from tests.support import TASK


class Recorder(abc.ObserverBase[Any]):
    """Does something in the middle of each item."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.during: Any = None

    def on_next(self, value: Any) -> None:
        self.log.append(value)
        if self.during is not None:
            self.during()
        self.log.append("done")

    def on_error(self, error: Exception) -> None:
        self.log.append(type(error).__name__)

    def on_completed(self) -> None:
        self.log.append("|")


def test_an_end_during_an_item_waits_for_it() -> None:
    recorder = Recorder()
    downstream = Downstream(recorder)
    recorder.during = lambda: downstream.on_error(LookupError())
    downstream.on_next(1)
    downstream.on_next(2)
    assert recorder.log == [1, "done", "LookupError"]


def test_there_is_one_end_and_then_silence() -> None:
    recorder = Recorder()
    downstream = Downstream(recorder)
    downstream.on_next(1)
    downstream.on_completed()
    downstream.on_error(LookupError())
    downstream.on_next(2)
    assert recorder.log == [1, "done", "|"]
    assert (downstream.last, downstream.count) == (1, 1)


def test_after_its_own_fault_there_is_silence() -> None:
    recorder = Recorder()
    downstream = Downstream(recorder)
    own = LookupError()

    def fault() -> None:
        raise own

    recorder.during = fault
    downstream.raise_if_own(own)
    with pytest.raises(LookupError):
        downstream.on_next(1)
    downstream.on_next(2)
    downstream.on_completed()
    assert recorder.log == [1]
    with pytest.raises(LookupError):
        downstream.raise_if_own(own)
    downstream.raise_if_own(LookupError())


def test_a_slow_consumer_on_a_worker_thread_is_not_interrupted_by_a_deadline() -> None:
    log: list[str] = []
    ended = threading.Event()

    def slow(_: object) -> None:
        log.append("in")
        threading.Event().wait(0.05)
        log.append("out")

    def on_error(error: Exception) -> None:
        log.append(type(error).__name__)
        ended.set()

    task_observable(FakeClient("running"), TASK).pipe(rxs.deadline(0.02)).subscribe(slow, on_error)
    assert ended.wait(5)
    assert log == ["in", "out", "TaskTimeoutException"]
