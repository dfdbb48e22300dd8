"""Disposal ends a wait at once and leaves nothing; a consumer's exception is the consumer's."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from reactivex import operators as ops

from rxstream import Gate, TaskSnapshot, task_observable, wait_for_task_async
from rxstream._call import on_loop
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    VirtualTime,
    assert_nothing_left,
    completed,
    delayed,
    hang,
    reset,
    run_virtual,
)
from tests.support import TASK, Drive, Recording, seconds_of

FAKES = [FakeClient, FakeAsyncClient]


def test_disposing_during_a_pause_ends_the_polling(drive: Drive) -> None:
    seen = drive("running", dispose_at=2.5)
    assert seen.polled_at == [0, 1, 2]
    assert seen.ended_at is None


def test_disposing_during_a_request_cancels_it_and_emits_nothing(drive: Drive) -> None:
    seen = drive(["running", delayed(completed(), 5.0)], dispose_at=3.0)
    assert seen.statuses == ["running"]
    assert seen.ended_at is None
    assert seen.client.in_flight == 0


def test_disposing_during_a_back_off_ends_it(drive: Drive) -> None:
    seen = drive(reset(), retry=lambda: iter([5.0]), dispose_at=2.0)
    assert seen.polled_at == [0]
    assert seen.ended_at is None


def test_disposing_from_within_on_next_ends_the_polling(drive: Drive) -> None:
    seen = drive("running", until=5.5)
    assert len(seen.emitted) == 6, "without a disposal it goes on"
    time = VirtualTime()
    client = FakeClient("running", scheduler=time)
    got: list[TaskSnapshot] = []
    task_observable(client, TASK, scheduler=time).pipe(ops.take(2)).subscribe(got.append)
    time.start(until=100)
    assert len(got) == client.polls(TASK) == 2


def test_disposing_again_or_after_the_end_does_nothing(drive: Drive) -> None:
    seen = drive(completed(), dispose_at=5.0)
    assert seen.completed


@pytest.mark.parametrize("fake", FAKES)
def test_no_timer_is_left_on_the_scheduler_when_a_wait_has_ended(fake: Any) -> None:
    time = VirtualTime()
    task_observable(fake(completed(), scheduler=time), TASK, scheduler=time).subscribe()
    time.start()
    assert time.now.timestamp() == 0


@pytest.mark.parametrize("fake", FAKES)
def test_disposing_while_queued_gives_up_the_place_in_the_queue(fake: Any) -> None:
    time = VirtualTime()
    client = fake({"slow": hang(), "a": completed(), "b": completed()}, scheduler=time)
    gate = Gate(1)

    def start(task_id: str) -> tuple[Recording, Any]:
        seen = Recording(client)
        wait = task_observable(client, task_id, gate=gate, scheduler=time)
        return seen, seen.observe(wait, seconds_of(time))

    _, slow = start("slow")
    a, a_wait = start("a")
    b, _ = start("b")
    a_wait.dispose()
    slow.dispose()
    time.start(until=1)
    assert not a.emitted
    assert b.completed
    assert "in_flight=0, queued=0" in repr(gate)


@pytest.mark.parametrize("cancel_safe", [True, False])
def test_a_request_that_cannot_be_cancelled_safely_is_left_to_finish(*, cancel_safe: bool) -> None:
    async def main() -> None:
        client = FakeAsyncClient(delayed(completed(), 5.0))
        client.cancel_safe = cancel_safe
        gate = Gate(1)
        seen = Recording(client)
        loop = asyncio.get_running_loop()
        async with assert_nothing_left():
            wait = seen.observe(task_observable(client, TASK, gate=gate), loop.time)
            await asyncio.sleep(1)
            wait.dispose()
            await asyncio.sleep(0.01)
            still = 0 if cancel_safe else 1
            assert client.in_flight == still
            assert f"in_flight={still}" in repr(gate), "the place at the gate is held till the end"
            await asyncio.sleep(5)
            assert client.in_flight == 0
            assert "in_flight=0" in repr(gate)
        assert not seen.emitted
        assert seen.ended_at is None

    run_virtual(main())


def test_cancelling_the_awaiting_coroutine_ends_the_wait() -> None:
    async def main() -> None:
        client = FakeAsyncClient(["running", hang()])
        async with assert_nothing_left():
            waiting = asyncio.create_task(wait_for_task_async(client, TASK))
            await asyncio.sleep(3)
            assert client.in_flight == 1
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await asyncio.sleep(0.01)
            assert client.in_flight == 0

    run_virtual(main())


@pytest.mark.parametrize("fake", FAKES)
def test_a_consumers_exception_surfaces_and_ends_the_wait_without_a_retry(fake: Any) -> None:
    time = VirtualTime()
    client = fake("running", scheduler=time)
    errors: list[Exception] = []

    def consumer(snapshot: TaskSnapshot) -> None:
        if client.polls(TASK) == 2:
            raise LookupError(snapshot.status)

    task_observable(client, TASK, scheduler=time).subscribe(consumer, errors.append)
    with pytest.raises(LookupError, match="running"):
        time.start()
    time.start(until=100)
    assert client.polls(TASK) == 2
    assert not errors


def test_a_consumers_exception_reaches_the_loops_exception_handler() -> None:
    async def main() -> None:
        client = FakeAsyncClient("running")
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

        def consumer(_: TaskSnapshot) -> None:
            raise LookupError

        async with assert_nothing_left():
            task_observable(client, TASK).subscribe(consumer)
            await asyncio.sleep(10)
        assert [type(context["exception"]) for context in told] == [LookupError]
        assert client.polls(TASK) == 1
        assert client.in_flight == 0

    run_virtual(main())


def test_a_request_cancelled_by_somebody_else_ends_the_wait() -> None:
    async def main() -> None:
        client = FakeAsyncClient(hang())
        seen = Recording(client)
        loop = asyncio.get_running_loop()
        seen.observe(task_observable(client, TASK), loop.time)
        await asyncio.sleep(1)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(1)
        assert "cancelled" in str(seen.error)
        assert client.polls(TASK) == 1

    run_virtual(main())


def test_what_is_raised_to_end_the_program_ends_the_wait_too() -> None:
    class Stop(BaseException):
        pass

    time = VirtualTime()
    client = FakeClient("running", scheduler=time)

    def consumer(_: TaskSnapshot) -> None:
        raise Stop

    with pytest.raises(Stop):
        task_observable(client, TASK, scheduler=time).subscribe(consumer)
    time.start()
    assert client.polls(TASK) == 1
    assert time.now.timestamp() == 0, "no timer is left"


def test_a_client_that_does_not_say_is_left_to_finish_and_closing_it_ends_the_request() -> None:
    class Stock:
        def __init__(self) -> None:
            self.closed: Any = None
            self.log: list[str] = []

        async def get_task(self, _: str) -> Any:
            self.log.append("sent")
            closed = asyncio.get_running_loop().create_future()
            self.closed = weakref.ref(closed)
            try:
                await closed
            except asyncio.CancelledError:
                self.log.append("cancelled")
                raise
            self.log.append("closed")
            raise ConnectionResetError

    async def main() -> None:
        client, gate = Stock(), Gate(1)
        seen = Recording(client)
        async with assert_nothing_left():
            observable = task_observable(client, TASK, gate=gate, timeout=3.0)
            seen.observe(observable, asyncio.get_running_loop().time)
            await asyncio.sleep(4)
            assert seen.ended_at == 3, "the subscriber sees no difference"
            gc.collect()
            await asyncio.sleep(4)
            assert client.log == ["sent"]
            assert "in_flight=1" in repr(gate)
            client.closed().set_result(None)
            await asyncio.sleep(0.01)
            assert "in_flight=0" in repr(gate)
        assert client.log == ["sent", "closed"]
        assert not on_loop._unawaited

    run_virtual(main())


@pytest.mark.parametrize("fake", FAKES)
def test_no_timer_is_left_of_a_request_that_was_cancelled_in_virtual_time(fake: Any) -> None:
    time = VirtualTime()
    gate = Gate(1)
    client = fake(delayed(completed(), 5.0), scheduler=time)
    wait = task_observable(client, TASK, gate=gate, scheduler=time).subscribe()
    time.advance_by(3.0)
    wait.dispose()
    time.start()
    assert time.now.timestamp() == 3
    assert "in_flight=0" in repr(gate)
