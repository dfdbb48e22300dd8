"""A call on a worker thread is made once or not at all, and reported once in any case."""

from __future__ import annotations

import threading
from typing import Any
from unittest.mock import Mock

import pytest

from rxstream import StreamClient
from rxstream._call.on_thread import ThreadCaller, Workers, workers_of
from rxstream.errors import StreamTransportException

DONE = {"task_id": "t1", "status": "completed"}


class Reports:
    """What a caller was told, and by which moment."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self.came = threading.Event()

    def __call__(self, snapshot: Any, error: BaseException | None) -> None:
        self.all.append((snapshot, error))
        self.came.set()


class Plain:
    """A client that cannot end its calls."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.begun = threading.Event()
        self.may_answer = threading.Event()

    def get_task(self, task_id: str) -> Any:
        self.asked.append(task_id)
        self.begun.set()
        assert self.may_answer.wait(5)
        return DONE

    def cancel(self) -> None:
        raise AssertionError  # not ours to call


def test_a_call_that_no_worker_has_taken_is_reported_at_once_and_not_made() -> None:
    plain, reports, free = Plain(), Reports(), threading.Event()
    busy, workers = threading.Semaphore(0), Workers(linger=0.01)

    def occupy() -> None:
        busy.release()
        free.wait(5)

    for _ in range(36):
        workers.submit(occupy)
    for _ in range(36):
        assert busy.acquire(timeout=5)
    call = ThreadCaller(plain, workers).start("t1", reports)
    assert call is not None
    call.cancel()
    call.cancel()
    ((snapshot, error),) = reports.all
    free.set()
    flush = threading.Event()
    workers.submit(flush.set)
    assert flush.wait(5)
    assert snapshot is None
    assert isinstance(error, StreamTransportException)
    assert (plain.asked, len(reports.all)) == ([], 1)


def test_a_call_of_a_client_that_cannot_end_it_is_left_to_finish() -> None:
    plain, reports = Plain(), Reports()
    call = ThreadCaller(plain, workers_of(plain)).start("t1", reports)
    assert call is not None
    assert plain.begun.wait(5)
    call.cancel()
    assert not reports.all
    plain.may_answer.set()
    assert reports.came.wait(5)
    ((snapshot, error),) = reports.all
    assert snapshot.is_completed
    assert error is None


def test_a_mock_is_taken_as_a_plain_client() -> None:
    for client in (
        Mock(get_task=Mock(return_value=DONE)),
        Mock(spec=StreamClient, get_task=Mock(return_value=DONE)),
    ):
        reports = Reports()
        ThreadCaller(client, workers_of(client)).start("t1", reports)
        assert reports.came.wait(5)
        assert reports.all[0][0].is_completed
        client.get_task.assert_called_once_with("t1")
        client.new_call.assert_not_called()


def interrupted_start(monkeypatch: pytest.MonkeyPatch, *, has_begun: bool) -> None:
    """Let Ctrl-C come while a thread is being started."""
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", start)
        if has_begun:
            start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)


@pytest.mark.parametrize("has_begun", [True, False])
@pytest.mark.parametrize("others", [0, 1])
def test_an_interrupt_while_a_thread_is_started_is_raised(
    monkeypatch: pytest.MonkeyPatch, others: int, *, has_begun: bool
) -> None:
    workers, done, free = Workers(maximum=2, linger=0.01), list[int](), threading.Event()
    for _ in range(others):
        workers.submit(lambda: free.wait(5))
    interrupted_start(monkeypatch, has_begun=has_begun)
    with pytest.raises(KeyboardInterrupt):
        workers.submit(lambda: done.append(1))
    free.set()
    flush = threading.Event()
    workers.submit(flush.set)
    assert flush.wait(5)
    for thread in threading.enumerate():
        if thread.name == "rxstream-worker":
            thread.join(5)
    assert len(done) <= has_begun
    assert workers._threads == 0
