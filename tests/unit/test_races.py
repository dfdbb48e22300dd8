"""A wait that ends at the worst moment: between two threads, or within a call of the user's."""

from __future__ import annotations

import asyncio
import math
import threading
from datetime import timedelta
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pytest
from reactivex.disposable import SerialDisposable
from reactivex.scheduler.eventloop import AsyncIOScheduler

from rxstream import Gate, task_observable
from rxstream.errors import StreamRateLimitException
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    VirtualTime,
    assert_nothing_left,
    completed,
    hang,
    reset,
    run_virtual,
)
from tests.support import TASK, Recording, seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

PATIENCE = 5.0
EMPTY = "in_flight=0, queued=0"


class Blocking:
    """A sync client whose answers wait until they are released."""

    def __init__(self, status: str = "completed") -> None:
        self.status = status
        self.calls: list[str] = []
        self.release = threading.Event()

    def get_task(self, task_id: str) -> dict[str, Any]:
        self.calls.append(task_id)
        assert self.release.wait(PATIENCE)
        return {"task_id": task_id, "status": self.status}


def soon(condition: Callable[[], bool]) -> bool:
    """Wait in real time, for what another thread is about to do."""
    for _ in range(int(PATIENCE / 0.001)):
        if condition():
            return True
        threading.Event().wait(0.001)
    return False


def in_a_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_a_timer_that_is_due_when_another_thread_disposes_does_not_poll() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        client = FakeAsyncClient("running")
        # A hair earlier than the next poll, so that the loop takes both in the same turn.
        loop.call_at(1 - 1e-10, lambda: in_a_thread(wait.dispose))
        async with assert_nothing_left():
            wait = task_observable(client, TASK).subscribe()
            await asyncio.sleep(5)
        assert client.polls(TASK) == 1

    run_virtual(main())


def test_an_answer_that_is_there_when_another_thread_disposes_is_dropped() -> None:
    async def main() -> None:
        client, gate = Blocking("running"), Gate(1)
        seen = Recording(client)
        loop = asyncio.get_running_loop()
        async with assert_nothing_left():
            observable = task_observable(
                client, TASK, poll_interval=0, gate=gate, scheduler=AsyncIOScheduler(loop)
            )
            wait = seen.observe(observable, loop.time)
            client.release.set()
            assert soon(lambda: EMPTY in repr(gate)), "answered, but the loop has not heard of it"
            wait.dispose()
            await asyncio.sleep(0.01)
        assert not seen.emitted
        assert client.calls == [TASK], "it does not come back to life"

    asyncio.run(main())


def test_a_wait_disposed_before_the_loop_could_begin_it_never_polls() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        client = FakeAsyncClient("running")

        def elsewhere() -> None:
            observable = task_observable(client, TASK, scheduler=AsyncIOScheduler(loop))
            observable.subscribe().dispose()

        async with assert_nothing_left():
            in_a_thread(elsewhere)
            await asyncio.sleep(5)
        assert client.polls() == 0

    run_virtual(main())


def test_a_wait_disposed_between_the_gate_and_its_loop_gives_its_place_back() -> None:
    async def main() -> None:
        client, gate = Blocking(), Gate(1)
        home = AsyncIOScheduler(asyncio.get_running_loop())
        async with assert_nothing_left():
            first, second = (
                task_observable(client, task_id, gate=gate, scheduler=home).subscribe()
                for task_id in ("first", "second")
            )
            client.release.set()
            assert soon(lambda: "in_flight=1, queued=0" in repr(gate)), "admitted from a worker"
            second.dispose()
            first.dispose()
            await asyncio.sleep(0.01)
            assert EMPTY in repr(gate)
        assert client.calls == ["first"]

    asyncio.run(main())


def test_a_wait_whose_loop_was_closed_gives_its_place_back() -> None:
    client, gate = Blocking(), Gate(1)
    done = threading.Event()

    with assert_nothing_left():
        task_observable(client, "first", gate=gate).subscribe()
        with asyncio.Runner() as runner:
            scheduler = AsyncIOScheduler(runner.get_loop())
            task_observable(client, "lost", gate=gate, scheduler=scheduler).subscribe()
            runner.run(asyncio.sleep(0))
        task_observable(client, "last", gate=gate).subscribe(on_completed=done.set)
        client.release.set()
        assert done.wait(PATIENCE)
        assert soon(lambda: EMPTY in repr(gate))
    assert client.calls == ["first", "last"]


def test_a_client_that_disposes_its_own_wait_has_its_request_cancelled() -> None:
    time = VirtualTime()
    wait = SerialDisposable()
    closed: list[bool] = []

    class Hanging:
        def __await__(self) -> Generator[float, None, None]:
            try:
                yield math.inf
            finally:
                closed.append(True)

    class Client:
        polls = 0

        def get_task(self, task_id: str) -> Any:
            self.polls += 1
            if self.polls == 1:
                return {"task_id": task_id, "status": "running"}
            wait.dispose()
            return Hanging()

    gate = Gate(1)
    wait.disposable = task_observable(Client(), TASK, gate=gate, scheduler=time).subscribe()
    time.start()
    assert closed == [True]
    assert EMPTY in repr(gate)
    assert time.now.timestamp() == 1


@pytest.mark.parametrize("which", ["poll_interval", "retry"])
def test_a_schedule_that_disposes_its_own_wait_is_obeyed(which: str) -> None:
    time = VirtualTime()
    client = FakeClient("running" if which == "poll_interval" else reset(), scheduler=time)
    wait = SerialDisposable()

    def ending() -> Iterator[float]:
        yield 1.0
        wait.dispose()
        yield from repeat(1.0)

    keywords: dict[str, Any] = {which: ending}
    wait.disposable = task_observable(client, TASK, scheduler=time, **keywords).subscribe()
    time.start()
    assert client.polls(TASK) == 2
    assert time.now.timestamp() == 1, "no timer is left"


def test_a_disposed_wait_asks_its_schedule_for_nothing_more() -> None:
    time = VirtualTime()
    client = FakeClient("running", scheduler=time)
    wait = SerialDisposable()
    asked: list[int] = []

    def schedule() -> Iterator[float]:
        for number in range(10):
            asked.append(number)
            yield 1.0

    def consumer(_: object) -> None:
        if client.polls(TASK) == 3:
            wait.dispose()

    wait.disposable = task_observable(
        client, TASK, scheduler=time, poll_interval=schedule
    ).subscribe(consumer)
    time.start()
    assert asked == [0, 1]


def test_a_deadline_that_passes_while_the_consumer_is_called_comes_right_after() -> None:
    log: list[str] = []
    ended = threading.Event()

    def busy(_: object) -> None:
        log.append("in")
        threading.Event().wait(0.1)
        log.append("out")

    def on_error(error: Exception) -> None:
        log.append(type(error).__name__)
        ended.set()

    with assert_nothing_left():
        task_observable(FakeClient("running"), TASK, timeout=0.02, poll_interval=0.5).subscribe(
            busy, on_error
        )
        assert ended.wait(PATIENCE)
    assert log == ["in", "out", "TaskTimeoutException"]


def test_a_consumers_exception_does_not_keep_the_place_at_the_gate() -> None:
    time = VirtualTime()
    gate = Gate(1)
    client = FakeClient({"a": "running", "b": completed()}, scheduler=time)

    def broken(_: object) -> None:
        time.schedule_relative(0, lambda *_: other.observe(b, seconds_of(time)))
        raise LookupError

    other = Recording(client)
    b = task_observable(client, "b", gate=gate, scheduler=time)
    with pytest.raises(LookupError):
        task_observable(client, "a", gate=gate, scheduler=time).subscribe(broken)
    assert EMPTY in repr(gate)
    time.start()
    assert other.completed


def test_the_place_is_given_back_before_the_consumer_is_called() -> None:
    time = VirtualTime()
    gate = Gate(1)
    client = FakeClient({"a": completed(), "b": hang()}, scheduler=time)
    full: list[str] = []
    task_observable(client, "a", gate=gate, scheduler=time).subscribe(
        lambda _: full.append(repr(gate))
    )
    assert EMPTY in full[0]


def test_a_request_disposed_from_another_thread_is_cancelled_on_its_loop() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)  # refuses what is not thread-safe
        client = FakeAsyncClient(hang())
        async with assert_nothing_left():
            wait = task_observable(client, TASK).subscribe()
            await asyncio.sleep(1)
            failures: list[BaseException] = []

            def elsewhere() -> None:
                try:
                    wait.dispose()
                except RuntimeError as error:
                    failures.append(error)

            in_a_thread(elsewhere)
            assert not failures
            assert client.in_flight == 1
            await asyncio.sleep(0.01)
            assert client.in_flight == 0

    run_virtual(main())


def test_a_gate_that_a_finished_loop_has_waited_at_opens_for_the_others() -> None:
    class Limited:
        calls = 0

        def get_task(self, task_id: str) -> dict[str, Any]:
            self.calls += 1
            if self.calls == 1:
                raise StreamRateLimitException(
                    status_code=429, retry_after=timedelta(milliseconds=200)
                )
            return {"task_id": task_id, "status": "completed"}

    gate, client = Gate(5), Limited()
    ended = [threading.Event(), threading.Event()]

    async def passing_by(*, dispose: bool) -> None:
        wait = task_observable(FakeAsyncClient("running"), "other", gate=gate).subscribe()
        await asyncio.sleep(0.01)
        if dispose:
            wait.dispose()

    with assert_nothing_left():
        task_observable(client, "first", gate=gate).subscribe(on_completed=ended[0].set)
        assert soon(lambda: client.calls == 1 and EMPTY in repr(gate))
        task_observable(client, "second", gate=gate).subscribe(on_completed=ended[1].set)
        asyncio.run(passing_by(dispose=True))
        asyncio.run(passing_by(dispose=False))
        assert ended[0].wait(PATIENCE)
        assert ended[1].wait(PATIENCE)
        assert soon(lambda: EMPTY in repr(gate))
