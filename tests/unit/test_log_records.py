"""Every record of the library has the same fields, and says whose it is."""

from __future__ import annotations

import io
import logging
import threading
from typing import Any

import pytest
import reactivex as rx
import structlog
from reactivex import operators as ops
from reactivex.disposable import CompositeDisposable

from rxstream import backoff, task_observable, tasks_observable
from rxstream import operators as rxs
from rxstream.hub import TaskHub
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    VirtualTime,
    completed,
    delayed,
    failed,
    http_error,
    reset,
)

FIELDS = {"task_id", "status", "polls", "elapsed", "delay", "error"}
EVERY_SECOND = backoff.constant(1.0)

each_fake = pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="rxstream")


def play(script: Any, *operators: Any, fake: Any = FakeClient, **keywords: Any) -> list[Any]:
    time = VirtualTime()
    client = fake(script, scheduler=time)
    keywords = {"retry": EVERY_SECOND, **keywords}
    return time.record(task_observable(client, "t1", **keywords).pipe(*operators), until=600)


def told(caplog: pytest.LogCaptureFixture, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(vars(record)[name] for name in names) for record in caplog.records]


@each_fake
def test_every_record_has_the_same_fields(fake: Any, caplog: pytest.LogCaptureFixture) -> None:
    play(
        ["pending", "pending", reset(), http_error(503), failed("no")],
        rxs.log_to(),
        fake=fake,
        wake=rx.throw(ValueError("lost")),
    )
    time = VirtualTime()
    events = rx.throw(ValueError("lost"))
    client = fake(delayed(completed(), 1.0), scheduler=time)
    time.record(tasks_observable(client, ["a"], wake=events))
    said = caplog.text
    for event in ("waiting", "still pending", "poll failed", "wake failed", "all tasks", "ended"):
        assert event in said
    plain = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
    for record in caplog.records:
        assert set(vars(record)) - plain == FIELDS


def test_a_format_with_any_of_them_holds_for_every_record() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    line = " ".join(f"%({name})s" for name in sorted(FIELDS))
    handler.setFormatter(logging.Formatter(f"{line} %(message)s"))
    logger = logging.getLogger("rxstream")
    logger.addHandler(handler)
    try:
        play([reset(), completed()], rxs.log_to(), wake=rx.throw(ValueError("lost")))
    finally:
        logger.removeHandler(handler)
    assert len(stream.getvalue().splitlines()) == 5


@each_fake
def test_the_message_has_id_polls_and_elapsed(fake: Any, caplog: pytest.LogCaptureFixture) -> None:
    play(["running", reset(), completed()], rxs.log_to(), fake=fake)
    assert [message.split(": ", 1)[0] for message in caplog.messages] == [
        "task t1 (polls=0, elapsed=0.000 s)",
        "task t1 (polls=1, elapsed=0.000 s)",
        "task t1 (polls=2, elapsed=1.000 s)",
        "task t1 (polls=3, elapsed=2.000 s)",
        "task t1 (polls=3, elapsed=2.000 s)",
    ]
    assert [message.split(": ")[1] for message in caplog.messages] == [
        "waiting",
        "running",
        "poll failed, next one in 1 s",
        "completed",
        "ended",
    ]


def test_a_retry_tells_all(caplog: pytest.LogCaptureFixture) -> None:
    play(["running", delayed(http_error(503), 0.5), completed()], timeout=None)
    assert told(caplog, *sorted(FIELDS)) == [
        (1.0, 1.5, "StreamApiException", 2, "running", "t1"),
    ]


def test_a_wake_that_fails_tells_all(caplog: pytest.LogCaptureFixture) -> None:
    lost = rx.timer(1.5).pipe(ops.flat_map(lambda _: rx.throw(ValueError("lost"))))
    play(["running", "running", completed()], wake=lost)
    assert told(caplog, *sorted(FIELDS)) == [(None, 1.5, "ValueError", 2, "running", "t1")]
    assert caplog.messages == [
        "task t1 (polls=2, elapsed=1.500 s): wake failed, polling goes on: lost"
    ]


@each_fake
def test_the_id_is_known_before_any_answer_and_after_a_refused_one(
    fake: Any, caplog: pytest.LogCaptureFixture
) -> None:
    play(http_error(404), rxs.log_to(), fake=fake)
    assert told(caplog, "task_id", "polls", "status", "error") == [
        ("t1", 0, None, None),
        ("t1", 1, None, "StreamApiException"),
    ]


@each_fake
def test_each_outcome_is_a_line(fake: Any, caplog: pytest.LogCaptureFixture) -> None:
    time = VirtualTime()
    scripts = {"a": ["running", completed()], "b": completed(), "c": failed("no"), "d": "running"}
    client = fake(scripts, scheduler=time)
    time.record(tasks_observable(client, [*scripts, ""], timeout=3).pipe(rxs.log_to()))
    assert told(caplog, "levelname", "task_id", "status", "polls", "elapsed", "error") == [
        ("INFO", None, None, 0, 0, None),
        ("INFO", "b", "completed", 1, 0, None),
        ("WARNING", "c", "failed", 1, 0, "StreamTaskException"),
        ("WARNING", None, None, 0, 0, "ValueError"),
        ("INFO", "a", "completed", 2, 1, None),
        ("WARNING", "d", "running", 4, 3, "TaskTimeoutException"),
        ("INFO", None, None, 5, 3, None),
    ]
    assert caplog.messages[4] == "task a (polls=2, elapsed=1.000 s): completed"
    assert caplog.messages[2].endswith(
        ": ended with StreamTaskException: Task c failed (internal_error): no"
    )


def test_the_id_is_known_through_other_operators(caplog: pytest.LogCaptureFixture) -> None:
    play(
        [http_error(503), completed()],
        rxs.distinct_status(),
        rxs.retry_with(EVERY_SECOND, on=Exception),
        ops.map(lambda snapshot: snapshot.status),
        rxs.log_to(),
        rxs.deadline(100),
        retry=None,
    )
    assert told(caplog, "task_id", "polls") == [("t1", 0), ("t1", 1), ("t1", 1)]


def test_one_log_behind_another_knows_it_too(caplog: pytest.LogCaptureFixture) -> None:
    play(http_error(404), rxs.log_to(), rxs.log_to())
    assert told(caplog, "task_id") == [("t1",)] * 4


@each_fake
def test_all_who_watch_through_a_hub_know_it(fake: Any, caplog: pytest.LogCaptureFixture) -> None:
    time = VirtualTime()
    hub = TaskHub(fake([delayed(completed(), 3)], scheduler=time))
    each = [hub.observe("t1").pipe(rxs.log_to()) for _ in range(3)]
    time.record(rx.merge(*each))
    time.record(hub.observe("t1").pipe(rxs.log_to()))  # remembered
    begun = [record.getMessage() for record in caplog.records if "waiting" in record.getMessage()]
    assert begun == ["task t1 (polls=0, elapsed=0.000 s): waiting"] * 4
    assert set(told(caplog, "task_id")) == {("t1",)}


def test_of_several_waits_answers_tell_whose_it_is(caplog: pytest.LogCaptureFixture) -> None:
    time = VirtualTime()
    client = FakeClient(delayed(http_error(404), 1.0), scheduler=time)
    waits = [task_observable(client, task_id) for task_id in "abc"]

    def subscribe(observer: Any, scheduler: Any = None) -> Any:
        return CompositeDisposable(*(w.subscribe(observer, scheduler=scheduler) for w in waits))

    time.record(rx.Observable[Any](subscribe).pipe(rxs.log_to()))
    assert told(caplog, "task_id", "error") == [("a", None), (None, "StreamApiException")]
    assert caplog.messages[-1].startswith("task (polls=0, elapsed=1.000 s): ended with")


def test_a_wait_that_a_consumer_begins_is_another_ones(caplog: pytest.LogCaptureFixture) -> None:
    time = VirtualTime()
    client = FakeClient(completed(), scheduler=time)
    other = task_observable(client, "t2")
    then = task_observable(client, "t1").pipe(rxs.log_to(), ops.flat_map(lambda _: other))
    time.record(then)
    assert {task_id for (task_id,) in told(caplog, "task_id")} == {"t1"}


def test_what_is_no_wait_of_ours_is_logged_without_an_id(caplog: pytest.LogCaptureFixture) -> None:
    VirtualTime().record(rx.of(1, 2).pipe(rxs.log_to()))
    assert told(caplog, "task_id", "polls", "status") == [
        (None, 0, None),
        (None, 1, "int"),
        (None, 2, "int"),
        (None, 2, "int"),
    ]
    assert caplog.messages[0] == "task (polls=0, elapsed=0.000 s): waiting"


def test_what_never_emits_is_said_to_wait(caplog: pytest.LogCaptureFixture) -> None:
    rx.never().pipe(rxs.log_to()).subscribe().dispose()
    assert [message.split(": ")[1] for message in caplog.messages] == ["waiting", "disposed"]


def test_a_subscription_that_fails_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: Any) -> Any:
        raise LookupError

    with pytest.raises(LookupError):
        rx.Observable[Any](fail).pipe(rxs.log_to()).subscribe()
    caplog.clear()
    play(completed())
    assert not caplog.records


def test_another_thread_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    def subscribe(observer: Any, scheduler: Any = None) -> Any:
        thread = threading.Thread(target=play, args=[completed()])
        thread.start()
        thread.join()
        return rx.empty().subscribe(observer, scheduler=scheduler)

    rx.Observable[Any](subscribe).pipe(rxs.log_to()).subscribe()
    assert told(caplog, "task_id") == [(None,), (None,)]


def test_a_structlog_logger_gets_the_same_fields() -> None:
    with structlog.testing.capture_logs() as lines:
        play([completed()], rxs.log_to(structlog.get_logger()))
    for line in lines:
        assert set(line) == FIELDS | {"event", "log_level"}
    assert [line["event"] for line in lines] == ["waiting", "completed", "ended"]
