"""The deadline holds always, and says what was known: the design's section 3, sync and async."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from rxstream import Gate, backoff, task_observable
from rxstream.errors import StreamApiException, TaskTimeoutException
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    delayed,
    hang,
    http_error,
    reset,
    run_virtual,
)
from tests.support import TASK, Drive, Recording


def deadline_of(seen: Recording) -> TaskTimeoutException:
    assert isinstance(seen.error, TaskTimeoutException)
    assert seen.client.in_flight == 0
    return seen.error


@pytest.mark.parametrize("timeout", [10, timedelta(seconds=10)])
def test_it_holds_while_waiting_for_the_next_poll(drive: Drive, timeout: object) -> None:
    seen = drive("running", poll_interval=4.0, timeout=timeout)
    error = deadline_of(seen)
    assert seen.ended_at == pytest.approx(10, abs=1e-5)
    assert (error.task_id, error.timeout, error.error_type) == (TASK, 10, "timeout")
    assert error.last is seen.emitted[-1][1]
    assert error.polls == len(seen.client.requests)
    assert error.__cause__ is None


def test_it_holds_while_a_request_hangs(drive: Drive) -> None:
    seen = drive(["running", hang()], timeout=5.0)
    error = deadline_of(seen)
    assert seen.ended_at == pytest.approx(5, abs=1e-5)
    assert error.last is not None
    assert error.polls == 2


def test_it_holds_when_there_was_never_an_answer(drive: Drive) -> None:
    error = deadline_of(drive(hang(), timeout=5.0))
    assert error.last is None
    assert "no answer" in str(error)


def test_it_holds_while_queued_behind_the_gate() -> None:
    async def wait() -> None:
        client = FakeAsyncClient({"slow": hang(), TASK: completed()})
        gate = Gate(1)
        slow, queued = Recording(client), Recording(client)
        loop = asyncio.get_running_loop()
        first = slow.observe(task_observable(client, "slow", gate=gate, timeout=None), loop.time)
        queued.observe(task_observable(client, TASK, gate=gate, timeout=3.0), loop.time)
        await asyncio.sleep(4)
        error = queued.error
        assert isinstance(error, TaskTimeoutException)
        assert queued.ended_at == pytest.approx(3)
        assert error.polls == 0
        first.dispose()

    run_virtual(wait())


def test_none_is_no_deadline(drive: Drive) -> None:
    seen = drive("running", poll_interval=60.0, timeout=None, until=100_000)
    assert seen.error is None
    assert len(seen.emitted) > 1_000


def test_a_task_that_completes_just_before_it_is_seen(drive: Drive) -> None:
    script = Script.timeline({0: "running", 9.9: completed(1)})
    seen = drive(script, poll_interval=4.0, timeout=10.0)
    assert seen.completed
    assert seen.moments[:3] == [0, 4, 8]
    assert 9.9 <= seen.moments[-1] < 10


def test_the_last_poll_leaves_room_for_a_slow_answer(drive: Drive) -> None:
    seen = drive(delayed("running", 1.0), poll_interval=4.0, timeout=10.0)
    deadline_of(seen)
    assert len(seen.emitted) == 3
    assert 7 < seen.polled_at[-1] < 9
    assert seen.moments[-1] < 10


def test_there_is_one_last_poll_and_no_burst_of_them(drive: Drive) -> None:
    seen = drive("running", poll_interval=4.0, timeout=10.0)
    assert len([at for at in seen.polled_at if at > 8]) == 1


def test_its_cause_is_the_transient_error_that_the_wait_died_of(drive: Drive) -> None:
    seen = drive(["running", http_error(503)], timeout=5.0, retry=backoff.constant(1))
    cause = deadline_of(seen).__cause__
    assert isinstance(cause, StreamApiException)
    assert cause.status_code == 503


def test_it_has_no_cause_when_a_good_answer_came_after_the_error(drive: Drive) -> None:
    seen = drive([reset(), "running"], timeout=5.0, retry=backoff.constant(1))
    error = deadline_of(seen)
    assert error.__cause__ is None
    assert error.last is not None


def test_an_answer_that_comes_after_it_is_dropped(drive: Drive) -> None:
    seen = drive(delayed(completed(), 6.0), timeout=5.0)
    deadline_of(seen)
    assert not seen.emitted


def test_a_consumer_that_is_still_busy_is_followed_not_interrupted() -> None:
    time = VirtualTime()
    client = FakeClient("running", scheduler=time)
    log: list[str] = []

    def busy(_: object) -> None:
        log.append("in")
        time.sleep(9.0)
        log.append("out")

    task_observable(client, TASK, scheduler=time, timeout=5.0).subscribe(
        busy, lambda error: log.append(type(error).__name__)
    )
    time.start()
    assert log == ["in", "out", "TaskTimeoutException"]


def test_a_back_off_is_cut_short_for_one_last_poll_as_well(drive: Drive) -> None:
    script = Script.timeline({0: http_error(503), 9.9: completed(1)})
    seen = drive(script, retry=backoff.constant(4.0), timeout=10.0)
    assert seen.completed
    assert seen.polled_at[:3] == [0, 4, 8]
    assert 9.9 <= seen.polled_at[-1] < 10


def test_a_slow_server_is_not_polled_back_to_back_for_the_last_poll_either(drive: Drive) -> None:
    seen = drive(delayed("running", 4.0), poll_interval=4.0, timeout=10.0)
    deadline_of(seen)
    assert seen.polled_at == [0, pytest.approx(7)]


def test_the_last_poll_leaves_room_for_an_answer_nearly_twice_as_slow(drive: Drive) -> None:
    usual = delayed("running", 1.0)
    seen = drive([usual, usual, delayed(completed(), 1.8)], poll_interval=4.0, timeout=10.0)
    assert seen.polled_at[:2] == [0, 5]
    assert seen.completed


def test_it_is_a_minute_unless_given(drive: Drive) -> None:
    seen = drive("running")
    assert deadline_of(seen).timeout == 60
    assert seen.ended_at == pytest.approx(60, abs=1e-5)
    assert seen.polled_at[:3] == [0, 1, 2]
