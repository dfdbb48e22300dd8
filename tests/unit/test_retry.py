"""Failed polls: which end the wait, which are retried and when: section 3, sync and async."""

from __future__ import annotations

import logging
from itertools import repeat
from typing import Any

import pytest

from rxstream import backoff, task_observable
from rxstream.errors import (
    InvalidResponseException,
    StreamApiException,
    StreamRateLimitException,
    StreamTransportException,
    TaskTimeoutException,
)
from rxstream.testing import (
    FakeClient,
    VirtualTime,
    completed,
    delayed,
    garbage,
    http_error,
    rate_limited,
    redirect,
    reset,
)
from tests.support import TASK, Drive, Recording, seconds_of

EVERY_SECOND = backoff.constant(1.0)
TRANSIENT = [
    reset(),
    http_error(408),
    http_error(425),
    http_error(429),
    http_error(500),
    http_error(502, body=b"<html>bad gateway</html>"),
    http_error(503),
    http_error(504),
]


@pytest.mark.parametrize("fault", TRANSIENT, ids=repr)
def test_a_transient_failure_does_not_end_the_wait(drive: Drive, fault: Any) -> None:
    seen = drive(["running", fault, completed(1)], retry=EVERY_SECOND)
    assert seen.statuses == ["running", "completed"]
    assert seen.completed
    assert len(seen.client.requests) == 3


@pytest.mark.parametrize("status_code", [400, 401, 403, 404])
def test_these_are_never_transient(drive: Drive, status_code: int) -> None:
    seen = drive(["running", http_error(status_code)], retry=EVERY_SECOND)
    assert isinstance(seen.error, StreamApiException)
    assert seen.error.status_code == status_code
    assert len(seen.client.requests) == 2


def test_what_the_server_calls_unrecoverable_is_not_retried(drive: Drive) -> None:
    seen = drive(http_error(500, unrecoverable=True), retry=EVERY_SECOND)
    assert isinstance(seen.error, StreamApiException)
    assert len(seen.client.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [garbage(), garbage(b""), garbage(b"[]"), garbage(b'{"task_id": "x", "sta'), redirect("/x")],
    ids=repr,
)
def test_an_answer_that_is_no_task_ends_the_wait(drive: Drive, answer: Any) -> None:
    seen = drive(["running", answer], retry=EVERY_SECOND)
    assert isinstance(seen.error, InvalidResponseException)
    assert len(seen.client.requests) == 2


def test_retry_none_lets_the_first_error_end_the_wait(drive: Drive) -> None:
    seen = drive(["running", reset(), completed()], retry=None)
    assert isinstance(seen.error, StreamTransportException)
    assert seen.statuses == ["running"]


def test_retries_follow_the_schedule_and_not_the_cadence(drive: Drive) -> None:
    seen = drive(
        ["running", reset(), reset(), reset(), completed()],
        poll_interval=10.0,
        retry=backoff.exponential(1.0),
    )
    assert seen.polled_at == [0, 10, 11, 13, 17]


def test_the_schedule_starts_afresh_after_each_good_answer(drive: Drive) -> None:
    seen = drive(
        [reset(), reset(), "running", reset(), reset(), "running", reset(), completed()],
        poll_interval=10.0,
        retry=backoff.exponential(1.0).limited(2),
    )
    assert seen.completed
    assert seen.polled_at == [0, 1, 3, 13, 14, 16, 26, 27]


def test_when_the_schedule_is_used_up_the_last_error_ends_the_wait_with_a_note(
    drive: Drive,
) -> None:
    seen = drive(["running", reset(), http_error(503)], retry=EVERY_SECOND.limited(3))
    assert isinstance(seen.error, StreamApiException)
    assert seen.error.status_code == 503
    assert any("4 failed polls" in note for note in seen.error.__notes__)
    assert len(seen.client.requests) == 5


def test_the_default_retries_ten_times(drive: Drive) -> None:
    seen = drive(http_error(503), timeout=None)
    assert isinstance(seen.error, StreamApiException)
    assert len(seen.client.requests) == 11


def test_any_callable_that_returns_an_iterator_is_a_schedule(drive: Drive) -> None:
    seen = drive([reset(), reset(), completed()], retry=lambda: repeat(5))
    assert seen.polled_at == [0, 5, 10]


def test_retry_after_wins_over_reset_and_schedule(drive: Drive) -> None:
    limited = rate_limited(http_error(429, retry_after=7), 60, 0, 30)
    seen = drive([limited, completed()], retry=EVERY_SECOND)
    assert seen.polled_at == [0, 7]


def test_reset_wins_over_the_schedule_when_there_is_no_retry_after(drive: Drive) -> None:
    limited = rate_limited(http_error(429), 60, 0, 30)
    seen = drive([limited, completed()], retry=EVERY_SECOND)
    assert 30 <= seen.polled_at[1] <= 31, "the header has a resolution of one second"


def test_a_429_while_requests_are_left_says_nothing_of_the_window(drive: Drive) -> None:
    seen = drive([rate_limited(http_error(429), 60, 59, 30), completed()], retry=EVERY_SECOND)
    assert seen.polled_at == [0, 1]


def test_the_schedule_serves_a_429_that_names_no_time(drive: Drive) -> None:
    seen = drive([http_error(429), completed()], retry=EVERY_SECOND)
    assert seen.polled_at == [0, 1]


def test_retry_after_is_respected_on_a_503_too(drive: Drive) -> None:
    seen = drive([http_error(503, retry_after=9), completed()], retry=EVERY_SECOND)
    assert seen.polled_at == [0, 9]


def test_a_429_that_asks_for_more_time_than_is_left_ends_at_the_deadline(drive: Drive) -> None:
    seen = drive(["running", http_error(429, retry_after=60)], timeout=10.0)
    assert isinstance(seen.error, TaskTimeoutException)
    assert seen.ended_at == pytest.approx(10, abs=1e-5)
    assert isinstance(seen.error.__cause__, StreamRateLimitException)
    assert seen.error.last is not None
    assert seen.error.last.status == "running"
    assert seen.polled_at == [0, 1]


def test_retries_never_go_past_the_deadline(drive: Drive) -> None:
    seen = drive(delayed(http_error(503), 0.5), timeout=10.0, retry=backoff.constant(4.0))
    assert isinstance(seen.error, TaskTimeoutException)
    assert seen.ended_at == pytest.approx(10, abs=1e-5)
    assert max(seen.polled_at) < 10


def test_each_retry_is_one_warning(drive: Drive, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="rxstream"):
        seen = drive(["running", reset(), http_error(503), completed()], retry=EVERY_SECOND)
    assert seen.completed
    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("rxstream", "WARNING"),
        ("rxstream", "WARNING"),
    ]
    assert caplog.records[0].__dict__["task_id"] == TASK
    assert caplog.records[1].__dict__["polls"] == 3
    assert "503" in caplog.messages[1]


def test_a_broken_retry_schedule_is_the_users_error(drive: Drive) -> None:
    seen = drive(reset(), retry=lambda: iter([float("nan")]))
    assert isinstance(seen.error, ValueError)
    assert "retry" in str(seen.error)


@pytest.mark.parametrize("status_code", [429, 503])
def test_retry_after_wins_over_a_longer_schedule_too(drive: Drive, status_code: int) -> None:
    fault = http_error(status_code, retry_after=2)
    seen = drive([fault, completed()], retry=backoff.constant(9.0))
    assert seen.polled_at == [0, 2]


def test_no_last_poll_is_made_before_the_time_that_the_server_named(drive: Drive) -> None:
    seen = drive(http_error(503, retry_after=12), timeout=10.0, retry=EVERY_SECOND)
    assert isinstance(seen.error, TaskTimeoutException)
    assert seen.polled_at == [0]


def test_a_pause_that_the_server_named_counts_as_a_retry(drive: Drive) -> None:
    seen = drive(http_error(503, retry_after=3), retry=EVERY_SECOND.limited(2))
    assert isinstance(seen.error, StreamApiException)
    assert seen.polled_at == [0, 3, 6]


@pytest.mark.parametrize("fault", [http_error(429), http_error(429, retry_after=3)], ids=repr)
def test_a_429_is_everybodys_and_counts_as_nobodys_retry(drive: Drive, fault: Any) -> None:
    seen = drive([fault] * 5 + [reset(), completed()], retry=EVERY_SECOND.limited(1), timeout=None)
    assert seen.completed
    seen = drive([reset(), *[fault] * 5, reset()], retry=EVERY_SECOND.limited(1), timeout=None)
    assert isinstance(seen.error, StreamTransportException)
    assert seen.error.__notes__ == ["rxstream gave up after 2 failed polls in a row"]


def test_without_retry_a_429_ends_the_wait_as_any_error_does(drive: Drive) -> None:
    seen = drive(http_error(429), retry=None)
    assert isinstance(seen.error, StreamRateLimitException)
    assert len(seen.client.requests) == 1


def test_429s_that_name_no_time_are_waited_out_for_longer_and_longer(drive: Drive) -> None:
    script = [*[http_error(429)] * 7, "running", http_error(429), completed()]
    seen = drive(script, timeout=None)
    assert seen.polled_at == [0, 1, 3, 7, 15, 31, 61, 91, 92, 93]


def test_the_note_counts_from_the_last_good_answer(drive: Drive) -> None:
    seen = drive([reset(), "running", reset()], retry=EVERY_SECOND.limited(2))
    assert isinstance(seen.error, StreamTransportException)
    assert seen.error.__notes__ == ["rxstream gave up after 3 failed polls in a row"]


def test_the_error_that_ends_the_wait_is_no_warning(
    drive: Drive, caplog: pytest.LogCaptureFixture
) -> None:
    seen = drive(reset(), retry=EVERY_SECOND.limited(2))
    assert isinstance(seen.error, StreamTransportException)
    assert len(caplog.records) == 2
    caplog.clear()
    assert drive(http_error(404), retry=EVERY_SECOND).error is not None
    assert not caplog.records


def test_the_schedule_of_one_subscription_is_not_that_of_another() -> None:
    time = VirtualTime()
    client = FakeClient(reset(), scheduler=time)
    observable = task_observable(
        client, TASK, scheduler=time, retry=backoff.exponential(1.0).limited(2)
    )
    first, second = Recording(client), Recording(client)
    first.observe(observable, seconds_of(time))
    time.advance_by(1.5)
    second.observe(observable, seconds_of(time))
    time.start()
    assert first.ended_at == second.ended_at == 3


def test_reset_wins_over_a_longer_schedule_too(
    drive: Drive, caplog: pytest.LogCaptureFixture
) -> None:
    limited = rate_limited(http_error(429), 60, 0, 5)
    seen = drive([limited, completed()], retry=backoff.constant(20.0))
    assert 5 <= seen.polled_at[1] <= 6
    assert 5 <= caplog.records[0].__dict__["delay"] <= 6


@pytest.mark.parametrize("fault", [http_error(503), http_error(429, retry_after=60)])
def test_no_retry_is_announced_that_the_deadline_does_not_leave_time_for(
    drive: Drive, fault: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seen = drive(["running", fault], timeout=2.0, retry=backoff.constant(1.0).limited(9))
    assert isinstance(seen.error, TaskTimeoutException)
    assert len(caplog.records) == len(seen.client.requests) - 2
