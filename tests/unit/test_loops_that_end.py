"""A gate that is shared by event loops, and loops that end while their waits stand at it."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest
from reactivex.scheduler import EventLoopScheduler

from rxstream import Gate, task_observable, tasks_observable, wait_for_task_async
from rxstream._gate.gate import admission_of
from rxstream._time.clock import LoopClock
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    assert_nothing_left,
    completed,
    delayed,
    hang,
)

PATIENCE = 5.0


class Waiter:
    """A wait, as far as a gate knows."""

    def __init__(self) -> None:
        self.is_admitted = threading.Event()

    def admitted(self) -> None:
        self.is_admitted.set()


def closed_clock() -> LoopClock:
    loop = asyncio.new_event_loop()
    loop.close()
    return LoopClock(loop)


def result_of(client: Any, gate: Gate) -> Any:
    """Wait on a loop of its own."""

    async def main() -> Any:
        last = await task_observable(client, "a", gate=gate, timeout=PATIENCE)
        return last.result

    return asyncio.run(main())


def close_in_the_middle(gate: Gate) -> None:
    """Close a loop that has a poll in flight."""
    loop = asyncio.new_event_loop()

    async def main() -> None:
        task_observable(FakeAsyncClient(hang()), "a", gate=gate).subscribe()
        await asyncio.sleep(0.01)

    loop.run_until_complete(main())
    assert gate.statistics().in_flight == 1
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined] -- the point is what it leaves
    loop.close()


def test_the_place_of_a_poll_on_a_closed_loop_comes_back() -> None:
    gate = Gate(1)
    close_in_the_middle(gate)
    assert result_of(FakeAsyncClient(completed(7)), gate) == 7
    assert gate.statistics().in_flight == 0


def test_the_place_comes_back_to_a_loop_that_waits_already() -> None:
    gate, waiting = Gate(1), threading.Event()
    answers: list[Any] = []

    async def main() -> None:
        observable = task_observable(
            FakeAsyncClient(completed(7)), "b", gate=gate, timeout=PATIENCE
        )
        asyncio.get_running_loop().call_soon(waiting.set)
        answers.append((await observable).result)

    loop = asyncio.new_event_loop()

    async def first() -> None:
        task_observable(FakeAsyncClient(hang()), "a", gate=gate).subscribe()
        await asyncio.sleep(0.01)

    loop.run_until_complete(first())
    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert waiting.wait(PATIENCE)
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined] -- as above
    loop.close()
    thread.join(PATIENCE)
    assert answers == [7]


def test_an_alarm_does_not_end_with_the_loop_of_the_one_it_was_set_for() -> None:
    gate, alive = Gate(2), Waiter()
    admission = admission_of(gate)
    loop = asyncio.new_event_loop()
    one, other = LoopClock(loop), LoopClock(asyncio.new_event_loop())
    refused = Waiter()
    admission.enter(refused, one)
    admission.leave(refused, one, None, 0.2)
    admission.enter(Waiter(), one)
    admission.enter(alive, other)
    loop.close()
    try:
        assert alive.is_admitted.wait(PATIENCE)
    finally:
        other.loop.close()


def test_the_dead_cost_nothing_of_the_pace() -> None:
    gate, alive = Gate(1), Waiter()
    admission = admission_of(gate)
    first, dead = Waiter(), closed_clock()
    clock = LoopClock(asyncio.new_event_loop())
    admission.enter(first, clock)
    for _ in range(100):
        admission.enter(Waiter(), dead)
    admission.enter(alive, clock)
    admission.leave(first, clock)
    clock.loop.close()
    assert alive.is_admitted.is_set()
    assert gate.statistics().queued == 0


def test_a_disposed_scheduler_in_the_queue_is_nobody_elses_business() -> None:
    gate, errors = Gate(1), []
    slow, quick = FakeClient(delayed(completed(1), 0.1)), FakeClient(completed(2))
    home = EventLoopScheduler()
    with assert_nothing_left():
        first = threading.Event()
        task_observable(slow, "a", gate=gate).subscribe(on_completed=first.set)
        task_observable(quick, "b", gate=gate, scheduler=home, timeout=None).subscribe(
            on_error=errors.append
        )
        home.dispose()
        ended = threading.Event()
        task_observable(quick, "c", gate=gate).subscribe(on_completed=ended.set)
        assert first.wait(PATIENCE)
        assert ended.wait(PATIENCE)
    assert len(errors) == 1
    assert gate.statistics().in_flight == 0


def test_a_loop_that_ends_with_waits_under_way_starts_none_of_those_that_queue(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate, client = Gate(4), FakeAsyncClient(hang())

    async def main() -> None:
        tasks_observable(client, map(str, range(200)), gate=gate).subscribe()
        await asyncio.sleep(0.01)

    with caplog.at_level(logging.DEBUG), assert_nothing_left():
        asyncio.run(main())
        polls = client.polls()
        assert polls == 4
        assert not [record for record in caplog.records if "destroyed" in record.getMessage()]
        assert result_of(FakeAsyncClient(completed(7)), gate) == 7
    assert gate.statistics().in_flight == 0


def test_one_client_in_two_runs_one_after_another() -> None:
    client = FakeAsyncClient(completed(7))
    for _ in range(2):
        assert asyncio.run(wait_for_task_async(client, "a", timeout=PATIENCE)) == 7


def test_a_client_that_raises_when_it_is_called_gives_its_place_back() -> None:
    class Client:
        async def get_task(self) -> None: ...

    gate = Gate(1)
    with assert_nothing_left():
        with pytest.raises(TypeError, match="get_task"):
            result_of(Client(), gate)
        assert gate.statistics().in_flight == 0
        assert result_of(FakeAsyncClient(completed(7)), gate) == 7
