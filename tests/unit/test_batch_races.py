"""Many waits on many threads: nothing is lost, nothing comes twice, nothing is left."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from reactivex.subject import Subject

from rxstream import Gate, TaskOutcome, tasks_observable
from rxstream import operators as rxs
from rxstream.testing import FakeClient, assert_nothing_left, completed, delayed

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import Observable

PATIENCE = 20.0
THREADS = 8


def at_once(*calls: Callable[[], object]) -> None:
    """Call each in a thread of its own, all let go at the same moment."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        barrier.wait(PATIENCE)
        call()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)


class Consumer:
    """Counts, and objects to two calls at once and to anything after the end."""

    def __init__(self) -> None:
        self.seen: Counter[Any] = Counter()
        self.faults: list[str] = []
        self.done = threading.Event()
        self._busy = threading.Lock()

    def on_next(self, value: Any) -> None:
        if not self._busy.acquire(blocking=False):
            self.faults.append("two at once")
            return
        if self.done.is_set():
            self.faults.append("after the end")
        self.seen[value.task_id if isinstance(value, TaskOutcome) else value] += 1
        self._busy.release()

    def observe(self, observable: Observable[Any]) -> Any:
        return observable.subscribe(self.on_next, on_completed=self.done.set)


def test_ids_from_several_threads_at_once() -> None:
    client, consumer = FakeClient(["running", completed()]), Consumer()
    ids: Subject[str] = Subject()

    def feed(thread: int) -> None:
        for number in range(50):
            ids.on_next(f"t{thread}-{number}")

    with assert_nothing_left():
        gate = Gate(16)
        consumer.observe(
            tasks_observable(client, ids, max_concurrent=20, poll_interval=0.001, gate=gate)
        )
        at_once(*(lambda thread=thread: feed(thread) for thread in range(THREADS)))
        ids.on_completed()
        assert consumer.done.wait(PATIENCE)
    assert not consumer.faults
    assert consumer.seen == {f"t{t}-{n}": 1 for t in range(THREADS) for n in range(50)}
    assert "in_flight=0, queued=0" in repr(gate)


def test_items_and_values_of_fan_in_from_several_threads_at_once() -> None:
    consumer = Consumer()
    source: Subject[tuple[int, int]] = Subject()

    def feed(thread: int) -> None:
        for number in range(200):
            source.on_next((thread, number))

    consumer.observe(source.pipe(rxs.fan_in(reactivex.just, 3)))
    at_once(*(lambda thread=thread: feed(thread) for thread in range(THREADS)))
    source.on_completed()
    assert consumer.done.wait(PATIENCE)
    assert not consumer.faults
    assert consumer.seen == {(t, n): 1 for t in range(THREADS) for n in range(200)}


def test_inner_ones_that_emit_and_end_on_several_threads_at_once() -> None:
    consumer = Consumer()
    inner: list[Subject[tuple[int, int]]] = [Subject() for _ in range(THREADS)]

    def feed(thread: int) -> None:
        for number in range(500):
            inner[thread].on_next((thread, number))
        inner[thread].on_completed()

    consumer.observe(reactivex.from_iterable(inner).pipe(rxs.fan_in(lambda each: each)))
    at_once(*(lambda thread=thread: feed(thread) for thread in range(THREADS)))
    assert consumer.done.wait(PATIENCE)
    assert not consumer.faults
    assert consumer.seen == {(t, n): 1 for t in range(THREADS) for n in range(500)}


@pytest.mark.parametrize("polls", [0, 30, 90])
def test_disposal_from_another_thread_while_it_runs(polls: int) -> None:
    client, consumer = FakeClient(delayed("running", 0.001)), Consumer()
    reached = threading.Event()
    asked: list[str] = []

    class Counting:
        def get_task(self, task_id: str) -> Any:
            asked.append(task_id)
            if len(asked) >= polls:
                reached.set()
            return client.get_task(task_id)

    with assert_nothing_left():
        gate = Gate(8)
        ids = (f"t{number}" for number in range(100))
        wait = consumer.observe(
            tasks_observable(Counting(), ids, poll_interval=0.001, timeout=None, gate=gate)
        )
        assert reached.wait(PATIENCE)
        at_once(wait.dispose, wait.dispose)
        consumer.done.set()  # whatever comes from here on is too late
    assert not consumer.faults
    assert not consumer.seen
    assert client.in_flight == 0
    assert "in_flight=0, queued=0" in repr(gate)


def test_ids_that_come_again_while_their_wait_ends() -> None:
    client, consumer = FakeClient(completed()), Consumer()
    ids: Subject[str] = Subject()

    def feed() -> None:
        for number in range(100):
            ids.on_next(f"t{number % 5}")

    with assert_nothing_left():
        consumer.observe(tasks_observable(client, ids))
        at_once(*[feed] * THREADS)
        ids.on_completed()
        assert consumer.done.wait(PATIENCE)
    assert not consumer.faults
    assert consumer.seen == {f"t{number}": THREADS * 20 for number in range(5)}


def test_events_from_several_threads_while_waits_begin_and_end() -> None:
    client, consumer = FakeClient(["running", "running", completed()]), Consumer()
    wake: Subject[Any] = Subject()
    over = threading.Event()

    def flood() -> None:
        number = 0
        while not over.wait(0.0001):
            number += 1
            wake.on_next({"task_id": f"t{number % 60}"} if number % 2 else None)

    flooding = [threading.Thread(target=flood) for _ in range(2)]
    with assert_nothing_left():
        consumer.observe(
            tasks_observable(
                client,
                [f"t{number}" for number in range(60)],
                max_concurrent=10,
                poll_interval=30,
                timeout=None,
                wake=wake,
            )
        )
        for thread in flooding:
            thread.start()
        ended = consumer.done.wait(PATIENCE)
        over.set()
        for thread in flooding:
            thread.join()
    assert ended, "nobody polls by itself within this time: each event counts"
    assert not consumer.faults
    assert consumer.seen == {f"t{number}": 1 for number in range(60)}
    assert not wake.observers
