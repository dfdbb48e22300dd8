"""What each operator promises."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import logging
import threading
from datetime import timedelta
from typing import Any

import pytest
import reactivex
import reactivex.disposable
import structlog
from reactivex import Observable
from reactivex import operators as ops
from reactivex.internal import SequenceContainsNoElementsError
from reactivex.subject import BehaviorSubject, Subject

from rxstream import TaskOutcome, TaskSnapshot, backoff, task_observable
from rxstream import operators as rxs
from rxstream.errors import (
    InvalidResponseException,
    StreamApiException,
    StreamTaskException,
    StreamTransportException,
    TaskCancelledException,
    TaskTimeoutException,
)
from rxstream.testing import (
    Emission,
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    delayed,
    failed,
    hang,
    http_error,
    reset,
    run_virtual,
)
from tests.support import TASK


def record(
    script: Any, *operators: Any, until: float | None = None, **keywords: Any
) -> tuple[list[Emission], FakeClient]:
    time = VirtualTime()
    client = FakeClient(script, scheduler=time)
    observable: Observable[Any] = task_observable(client, TASK, **keywords).pipe(*operators)
    return time.record(observable, until=until), client


def kinds(seen: list[Emission]) -> list[tuple[float, Any]]:
    return [
        (round(e.at, 6), e.value.status if isinstance(e.value, TaskSnapshot) else e.kind)
        for e in seen
    ]


class TestRetryWith:
    def test_failed_may_flip_to_completed(self) -> None:
        seen, _ = record(
            [failed("lost a worker"), "running", completed(1)],
            rxs.retry_with(backoff.constant(5), on=StreamTaskException),
        )
        assert kinds(seen) == [
            (0, "failed"),
            (5, "running"),
            (6, "completed"),
            (6, "completed"),
        ]

    def test_a_fresh_id_may_answer_404(self) -> None:
        def is_unknown(error: Exception) -> bool:
            return isinstance(error, StreamApiException) and error.status_code == 404

        seen, client = record(
            [http_error(404), http_error(404), completed(1)],
            rxs.retry_with(backoff.constant(1).limited(5), on=is_unknown),
        )
        assert kinds(seen) == [(2, "completed"), (2, "completed")]
        assert client.polls(TASK) == 3

    def test_the_whole_wait_gets_another_try(self) -> None:
        seen, _ = record(
            Script.timeline({0: "running", 25: completed()}),
            rxs.retry_with(
                backoff.constant(1), on=(TaskTimeoutException, StreamTransportException)
            ),
            timeout=10,
            poll_interval=5,
        )
        assert seen[-1].kind == "completed"

    def test_other_errors_pass(self) -> None:
        seen, client = record(
            failed("no"), rxs.retry_with(backoff.constant(1), on=TaskTimeoutException)
        )
        assert isinstance(seen[-1].value, StreamTaskException)
        assert client.polls(TASK) == 1

    def test_when_the_budget_is_used_up_the_last_error_passes_with_a_note(self) -> None:
        seen, client = record(
            failed("no"), rxs.retry_with(backoff.constant(1).limited(3), on=StreamTaskException)
        )
        assert isinstance(seen[-1].value, StreamTaskException)
        assert "4 tries" in seen[-1].value.__notes__[0]
        assert client.polls(TASK) == 4

    def test_each_subscription_has_a_budget_of_its_own(self) -> None:
        time = VirtualTime()
        client = FakeClient(failed("no"), scheduler=time)
        observable = task_observable(client, TASK).pipe(
            rxs.retry_with(backoff.constant(1).limited(2), on=StreamTaskException)
        )
        time.record(observable)
        time.record(observable)
        assert client.polls(TASK) == 6

    def test_retry_after_wins_over_the_schedule(self) -> None:
        seen, _ = record(
            [http_error(429, retry_after=9), completed()],
            rxs.retry_with(backoff.constant(1), on=StreamApiException),
            retry=None,
        )
        assert kinds(seen)[0] == (9, "completed")

    def test_retry_after_wins_on_a_503_too(self) -> None:
        seen, _ = record(
            [http_error(503, retry_after=9), completed()],
            rxs.retry_with(backoff.constant(1), on=StreamApiException),
            retry=None,
        )
        assert kinds(seen)[0] == (9, "completed")

    def test_what_the_consumer_raises_is_not_retried(self) -> None:
        time = VirtualTime()
        client = FakeClient("running", scheduler=time)
        errors: list[Exception] = []

        def consumer(_: object) -> None:
            raise LookupError

        task_observable(client, TASK).pipe(
            rxs.retry_with(backoff.constant(1), on=Exception)
        ).subscribe(consumer, errors.append, scheduler=time)
        time.start()
        assert client.polls(TASK) == 1
        assert [type(error) for error in errors] == [LookupError]

    def test_a_pause_that_cannot_be_cancelled_any_more_starts_nothing(self) -> None:
        class Late(VirtualTime):
            def schedule_relative(self, duetime: Any, action: Any, state: Any = None) -> Any:
                super().schedule_relative(duetime, action, state)
                return reactivex.disposable.Disposable()

        time = Late()
        client = FakeClient(failed("no"), scheduler=time)
        wait = task_observable(client, TASK, timeout=None).pipe(
            rxs.retry_with(backoff.constant(1), on=StreamTaskException)
        )
        wait.subscribe(scheduler=time).dispose()
        time.start()
        assert client.polls(TASK) == 1

    def test_what_a_predicate_raises_ends_the_stream(self) -> None:
        def broken(_: Exception) -> bool:
            raise LookupError

        seen, _ = record(failed("no"), rxs.retry_with(backoff.constant(1), on=broken))
        assert isinstance(seen[-1].value, LookupError)

    @pytest.mark.parametrize("on", [3, "x", (), (3,), int, (ValueError, int), None])
    def test_on_is_an_allow_list(self, on: Any) -> None:
        with pytest.raises(TypeError, match="on must be"):
            rxs.retry_with(backoff.constant(1), on=on)

    def test_the_schedule_is_checked(self) -> None:
        with pytest.raises(TypeError, match="backoff"):
            rxs.retry_with(3, on=ValueError)


def fired_event(event: Any) -> Any:
    event.set()
    return event


def resolved(future: Any) -> Any:
    future.set_result(None)
    return future


def fail_at_once(observer: Any, _: Any = None) -> Any:
    observer.on_error(LookupError())
    return reactivex.disposable.Disposable()


BROKEN: Observable[Any] = Observable(fail_at_once)
FUTURE: Any = concurrent.futures.Future


class Consumer:
    """Counts itself."""

    alive = 0

    def __init__(self, seen: list[Any]) -> None:
        Consumer.alive += 1
        self.seen = seen

    def __del__(self) -> None:
        Consumer.alive -= 1

    def on_next(self, item: Any) -> None:
        self.seen.append(item)


class TestCancelOn:
    def test_an_observable_ends_the_wait(self) -> None:
        time = VirtualTime()
        client = FakeClient(["running", hang()], scheduler=time)
        signal: Subject[int] = Subject()
        time.schedule_relative(2.5, lambda *_: signal.on_next(1))
        seen = time.record(task_observable(client, TASK).pipe(rxs.cancel_on(signal)))
        assert kinds(seen) == [(0, "running"), (2.5, "error")]
        error = seen[-1].value
        assert isinstance(error, TaskCancelledException)
        assert (error.task_id, error.last) == (TASK, seen[0].value)
        assert client.in_flight == 0
        assert not signal.observers

    def test_an_observable_that_only_completes_has_not_fired(self) -> None:
        seen, _ = record(["running", completed()], rxs.cancel_on(reactivex.empty()))
        assert seen[-1].kind == "completed"

    def test_an_observable_that_errors_ends_the_wait_with_its_error(self) -> None:
        seen, client = record("running", rxs.cancel_on(BROKEN), until=5)
        assert [type(emission.value) for emission in seen] == [LookupError]
        assert client.polls(TASK) == 0

    def test_the_source_is_disposed_before_the_error_is_sent(self) -> None:
        time = VirtualTime()
        client = FakeClient(hang(), scheduler=time)
        in_flight: list[int] = []
        for operator in (rxs.cancel_on(reactivex.timer(1)), rxs.deadline(1)):
            task_observable(client, TASK).pipe(operator).subscribe(
                on_error=lambda _: in_flight.append(client.in_flight), scheduler=time
            )
            time.start()
        assert in_flight == [0, 0]

    def test_a_waiting_task_that_somebody_else_cancels_is_no_signal(self) -> None:
        async def main() -> None:
            before = asyncio.all_tasks()
            client = FakeAsyncClient(["running"] * 5 + [completed(7)])
            wait = task_observable(client, TASK).pipe(rxs.cancel_on(asyncio.Event()))
            waiting = asyncio.ensure_future(wait)
            await asyncio.sleep(1.5)
            for task in asyncio.all_tasks() - before - {waiting}:
                task.cancel()
            assert (await waiting).result == 7

        run_virtual(main())

    @pytest.mark.parametrize("kind", ["future", "thread future"])
    def test_a_future_that_outlives_the_wait_holds_nothing_of_it(self, kind: str) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            future: Any = loop.create_future() if kind == "future" else FUTURE()
            seen: list[Any] = []
            wait = task_observable(FakeAsyncClient("running"), TASK).pipe(rxs.cancel_on(future))
            subscription = wait.subscribe(Consumer(seen).on_next)
            await asyncio.sleep(0.5)
            assert Consumer.alive == 1
            subscription.dispose()
            del subscription, wait
            await asyncio.sleep(0.5)
            gc.collect()
            assert Consumer.alive == 0

        run_virtual(main())

    @pytest.mark.parametrize(
        "signal",
        [
            fired_event(threading.Event()),
            resolved(concurrent.futures.Future()),
            BehaviorSubject(1),
        ],
    )
    def test_a_signal_that_fired_before_ends_it_before_any_request(self, signal: Any) -> None:
        seen, client = record(
            delayed(completed(), 1.0), rxs.cancel_on(signal), ops.default_if_empty(None)
        )
        assert [emission.kind for emission in seen] == ["error"]
        assert isinstance(seen[-1].value, TaskCancelledException)
        assert client.polls(TASK) == 0

    @pytest.mark.parametrize("kind", ["event", "future", "task", "thread event", "thread future"])
    def test_events_and_futures_end_the_wait_without_being_polled(self, kind: str) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            signals: dict[str, Any] = {
                "event": asyncio.Event(),
                "future": loop.create_future(),
                "task": asyncio.ensure_future(asyncio.sleep(2.5)),
                "thread event": threading.Event(),
                "thread future": concurrent.futures.Future(),
            }
            signal = signals[kind]
            if kind != "task":
                signals["task"].cancel()
                fire = signal.set if "event" in kind else lambda: signal.set_result(None)
                loop.call_later(2.5, fire)
            client = FakeAsyncClient("running")
            with pytest.raises(TaskCancelledException) as caught:
                await task_observable(client, TASK).pipe(rxs.cancel_on(signal))
            assert loop.time() == pytest.approx(2.5)
            assert caught.value.last is not None
            await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == 1
            assert client.in_flight == 0

        run_virtual(main())

    @pytest.mark.parametrize("signal", [asyncio.Event, threading.Event, concurrent.futures.Future])
    def test_a_signal_that_never_fires_leaves_nothing(self, signal: Any) -> None:
        async def main() -> None:
            event = signal()
            client = FakeAsyncClient(["running", completed(7)])
            last = await task_observable(client, TASK).pipe(rxs.cancel_on(event))
            assert last.result == 7
            await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == 1
            if isinstance(event, threading.Event):
                assert len(event._cond._waiters) == 1
                event.set()
                assert event.wait(0)

        run_virtual(main())

    def test_a_threads_event_wakes_its_other_waiters_too(self) -> None:
        event, woken = threading.Event(), threading.Event()
        errors: list[Exception] = []
        done = threading.Event()

        def on_error(error: Exception) -> None:
            errors.append(error)
            done.set()

        task_observable(FakeClient("running"), TASK, poll_interval=0.01).pipe(
            rxs.cancel_on(event)
        ).subscribe(on_error=on_error)
        waiter = threading.Thread(target=lambda: (event.wait(5), woken.set()))
        waiter.start()
        event.set()
        assert done.wait(5)
        assert woken.wait(5)
        waiter.join()
        assert isinstance(errors[0], TaskCancelledException)

    @pytest.mark.parametrize("signal", [None, 3, "x", asyncio.Event, asyncio.sleep])
    def test_the_signal_is_checked(self, signal: Any) -> None:
        with pytest.raises(TypeError, match="signal must be"):
            rxs.cancel_on(signal)

    def test_an_asyncio_event_without_a_loop_says_so(self) -> None:
        seen, client = record("running", rxs.cancel_on(asyncio.Event()), until=3)
        assert "coroutine" in str(seen[-1].value)
        assert client.polls(TASK) == 0


class TestDeadline:
    @pytest.mark.parametrize("seconds", [10, timedelta(seconds=10)])
    def test_it_is_for_the_whole_stream_and_not_for_each_item(self, seconds: Any) -> None:
        seen, client = record("running", rxs.deadline(seconds), timeout=None)
        assert seen[-1].at == 10
        error = seen[-1].value
        assert isinstance(error, TaskTimeoutException)
        assert (error.task_id, error.timeout, error.last) == (TASK, 10, seen[-2].value)
        assert isinstance(error, TimeoutError)
        assert client.in_flight == 0

    def test_it_serves_any_observable(self) -> None:
        seen = VirtualTime().record(reactivex.never().pipe(rxs.deadline(3)))
        assert (seen[0].at, type(seen[0].value)) == (3, TaskTimeoutException)

    def test_a_stream_that_ends_in_time_leaves_no_timer(self) -> None:
        time = VirtualTime()
        seen = time.record(reactivex.of(1, 2).pipe(rxs.deadline(3)))
        assert [emission.kind for emission in seen] == ["next", "next", "completed"]
        assert time.now.timestamp() == 0

    @pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "1", None])
    def test_it_is_checked(self, seconds: Any) -> None:
        with pytest.raises((ValueError, TypeError), match="seconds"):
            rxs.deadline(seconds)


class TestDistinctStatus:
    def test_only_changes(self) -> None:
        seen, _ = record(
            ["pending", "pending", "running", "running", "pending", completed()],
            rxs.distinct_status(),
        )
        assert [status for _, status in kinds(seen)] == [
            "pending",
            "running",
            "pending",
            "completed",
            "completed",
        ]

    def test_the_last_always(self) -> None:
        seen, _ = record("running", rxs.distinct_status(), timeout=3.5)
        assert [emission.kind for emission in seen] == ["next", "next", "error"]
        assert seen[1].value is seen[-1].value.last


class TestResult:
    def test_the_payload_only(self) -> None:
        seen, _ = record(["running", completed({"url": "…"})], rxs.result())
        assert [(e.kind, e.value) for e in seen] == [("next", {"url": "…"}), ("completed", None)]

    def test_of_a_type(self) -> None:
        seen, _ = record(completed({"a": 1}), rxs.result(dict))
        assert seen[0].value == {"a": 1}
        seen, _ = record(completed([1]), rxs.result(dict))
        assert isinstance(seen[0].value, InvalidResponseException)
        assert "dict" in str(seen[0].value)

    def test_silence_is_no_success(self) -> None:
        seen, _ = record("running", ops.take(2), rxs.result())
        assert isinstance(seen[0].value, SequenceContainsNoElementsError)

    def test_errors_pass(self) -> None:
        seen, _ = record(failed("no"), rxs.result())
        assert isinstance(seen[0].value, StreamTaskException)

    def test_it_is_checked(self) -> None:
        with pytest.raises(TypeError, match="type"):
            rxs.result("dict")


class TestSettle:
    def outcome(self, script: Any, *operators: Any, **keywords: Any) -> TaskOutcome:
        seen, _ = record(script, *operators, rxs.settle(TASK), **keywords)
        assert [emission.kind for emission in seen] == ["next", "completed"]
        outcome = seen[0].value
        assert isinstance(outcome, TaskOutcome)
        assert outcome.elapsed == pytest.approx(seen[0].at)
        assert outcome.task_id == TASK
        return outcome

    def test_completed(self) -> None:
        outcome = self.outcome(["running", completed(7)])
        assert (outcome.ok, outcome.result, outcome.unwrap(), outcome.polls) == (True, 7, 7, 2)

    def test_failed(self) -> None:
        outcome = self.outcome(["running", failed("no")])
        assert not outcome.ok
        assert outcome.snapshot is not None
        assert outcome.snapshot.is_failed
        with pytest.raises(StreamTaskException, match="no"):
            outcome.unwrap()

    def test_timed_out(self) -> None:
        outcome = self.outcome(["running", hang()], timeout=5)
        assert isinstance(outcome.error, TaskTimeoutException)
        assert (outcome.polls, outcome.elapsed) == (2, pytest.approx(5))

    def test_refused(self) -> None:
        outcome = self.outcome(http_error(404))
        assert isinstance(outcome.error, StreamApiException)
        assert (outcome.snapshot, outcome.result, outcome.polls) == (None, None, 0)

    def test_ended_from_outside(self) -> None:
        outcome = self.outcome("running", ops.take(2))
        assert isinstance(outcome.error, TaskCancelledException)
        assert outcome.snapshot is not None

    def test_what_the_consumer_raises_is_no_outcome(self) -> None:
        time = VirtualTime()
        client = FakeClient(failed("no"), scheduler=time)
        outcomes: list[Any] = []
        errors: list[Exception] = []

        def consumer(outcome: Any) -> None:
            outcomes.append(outcome)
            raise LookupError

        wait = task_observable(client, TASK).pipe(rxs.settle(TASK))
        wait.subscribe(consumer, errors.append, scheduler=time)
        time.start()
        assert len(outcomes) == 1
        assert [type(error) for error in errors] == [LookupError]

    @pytest.mark.parametrize("task_id", ["", None, 3])
    def test_it_is_checked(self, task_id: Any) -> None:
        with pytest.raises((TypeError, ValueError), match="task_id"):
            rxs.settle(task_id)


class TestLogTo:
    def test_one_line_for_each_change_with_fields(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG, logger="rxstream"):
            record(["pending", "running", "running", completed({"url": "secret"})], rxs.log_to())
        said = [(r.levelname, r.getMessage().split(": ", 1)[1]) for r in caplog.records]
        assert said == [
            ("INFO", "waiting"),
            ("INFO", "pending"),
            ("INFO", "running"),
            ("DEBUG", "still running"),
            ("INFO", "completed"),
            ("INFO", "ended"),
        ]
        last = caplog.records[-1].__dict__
        assert (last["task_id"], last["status"], last["polls"]) == (TASK, "completed", 4)
        assert last["elapsed"] == pytest.approx(3)
        assert "secret" not in caplog.text

    def test_an_error_is_a_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG, logger="mine"):
            record(failed("no"), rxs.log_to(logging.getLogger("mine"), logging.DEBUG))
        assert (caplog.records[-1].levelname, caplog.records[-1].name) == ("WARNING", "mine")
        assert "StreamTaskException" in caplog.text

    def test_a_disposal_is_told(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO, logger="rxstream"):
            record("running", rxs.log_to(), until=5.5)
        assert caplog.messages[-1].endswith("disposed")
        assert caplog.records[-1].__dict__["polls"] == 6

    def test_a_structlog_logger_gets_keywords(self) -> None:
        with structlog.testing.capture_logs() as lines:
            record(["running", reset(), completed()], rxs.log_to(structlog.get_logger()))
        assert [line["event"] for line in lines] == ["waiting", "running", "completed", "ended"]
        assert lines[1]["task_id"] == TASK
        assert lines[1]["log_level"] == "info"

    def test_a_logger_adapter_serves(self, caplog: pytest.LogCaptureFixture) -> None:
        adapter = logging.LoggerAdapter(logging.getLogger("mine"), {"tenant": "x"})
        with caplog.at_level(logging.INFO, logger="mine"):
            record(completed(), rxs.log_to(adapter))
        assert caplog.messages

    @pytest.mark.parametrize("keywords", [{"logger": 3}, {"level": "INFO"}, {"level": True}])
    def test_it_is_checked(self, keywords: Any) -> None:
        with pytest.raises(TypeError):
            rxs.log_to(**keywords)
