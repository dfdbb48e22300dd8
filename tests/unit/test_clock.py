"""The timer thread and the worker threads of sync clients."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest

from rxstream._call.on_thread import Workers
from rxstream._time import timer_thread
from rxstream._time.clock import LoopClock
from rxstream._time.timer_thread import TimerThread
from rxstream.testing import VirtualLoop, assert_nothing_left, run_virtual

PATIENCE = 5.0


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", found.append)
    return found


def test_timers_fire_in_order_on_one_thread_that_goes_when_there_are_none_left() -> None:
    clock, log, done = TimerThread(), [], threading.Event()
    with assert_nothing_left():
        clock.call_later(0.02, lambda: (log.append("c"), done.set()))
        clock.call_later(0.01, lambda: log.append("b"))
        clock.call_later(0.0, lambda: log.append("a"))
        assert done.wait(PATIENCE)
    assert log == ["a", "b", "c"]


def test_what_is_cancelled_is_forgotten_at_once() -> None:
    clock = TimerThread()
    with assert_nothing_left():
        timers = [clock.call_later(3_600.0, pytest.fail) for _ in range(1_000)]
        assert len(clock.pending) == 1_000
        for timer in timers[:600]:
            clock.cancel(timer)
        assert len(clock.pending) == 400
        # The thread forgets them before it fires what comes next.
        fired = threading.Event()
        clock.call_later(0.0, fired.set)
        assert fired.wait(PATIENCE)
        assert len(clock._heap) < 600
        for timer in timers:
            clock.cancel(timer)
        assert not clock.pending


def test_an_exception_is_reported_and_later_timers_fire(reported: list[Any]) -> None:
    clock, done = TimerThread(), threading.Event()

    def broken() -> None:
        raise LookupError

    with assert_nothing_left():
        clock.call_later(0.0, broken)
        clock.call_later(0.01, done.set)
        assert done.wait(PATIENCE)
    assert [found.exc_type for found in reported] == [LookupError]


def test_a_timer_may_set_and_cancel_timers() -> None:
    clock, done = TimerThread(), threading.Event()

    def again() -> None:
        clock.cancel(never)
        clock.call_later(0.0, done.set)

    with assert_nothing_left():
        never = clock.call_later(3_600.0, pytest.fail)
        clock.call_later(0.0, again)
        assert done.wait(PATIENCE)


FORK = """
import os, threading
from rxstream import task_observable, wait_for_task
from rxstream.testing import FakeClient, completed

polled = threading.Event()
task_observable(FakeClient("running"), "x", poll_interval=0.01).subscribe(lambda _: polled.set())
polled.wait(5)
child = os.fork()
if child == 0:
    client = FakeClient(["running", completed(7)])
    os._exit(wait_for_task(client, "x", poll_interval=0.01, timeout=5))
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_has_threads_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], check=False, timeout=30)
    assert done.returncode == 7


def test_jobs_run_side_by_side_up_to_the_maximum_and_the_threads_go_when_idle() -> None:
    workers = Workers(maximum=3, linger=0.01)
    running, most, lock = 0, 0, threading.Lock()
    meet = threading.Barrier(3)
    done = threading.Semaphore(0)

    def job() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        meet.wait(PATIENCE)
        with lock:
            running -= 1
        done.release()

    with assert_nothing_left():
        for _ in range(9):
            workers.submit(job)
        for _ in range(9):
            assert done.acquire(timeout=PATIENCE)
    assert most == 3


def test_idle_threads_are_used_again() -> None:
    workers, names = Workers(maximum=8, linger=0.5), set()
    for _ in range(20):
        done = threading.Event()
        workers.submit(lambda done=done: (names.add(threading.get_ident()), done.set()))
        assert done.wait(PATIENCE)
    assert len(names) <= 2


def test_a_jobs_exception_is_reported_and_the_thread_goes_on(reported: list[Any]) -> None:
    workers, done = Workers(maximum=1, linger=0.01), threading.Event()

    def broken() -> None:
        raise LookupError

    with assert_nothing_left():
        workers.submit(broken)
        workers.submit(done.set)
        assert done.wait(PATIENCE)
    assert [found.exc_type for found in reported] == [LookupError]


def test_a_loops_timers_may_be_set_and_cancelled_from_another_thread() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.set_debug(True)  # refuses what is not thread-safe
        clock, timers, fired = LoopClock(loop), [], []

        def fire(name: str) -> Any:
            return lambda: fired.append((name, loop.time()))

        def elsewhere() -> None:
            timers.append(clock.call_later(1.0, fire("kept")))
            timers.append(clock.call_later(1.0, fire("cancelled later")))
            timers.append(clock.call_later(1.0, fire("cancelled at once")))

        def in_a_thread(call: Any) -> None:
            thread = threading.Thread(target=call)
            thread.start()
            thread.join()

        in_a_thread(elsewhere)
        clock.cancel(timers[2])  # before the loop could set it
        loop.jump(0.25)  # the loop was busy; it counts from when it was asked
        await asyncio.sleep(0.25)
        scheduled: Any = vars(loop)["_scheduled"]
        assert len(scheduled) == 2, "what was cancelled at once was never set"
        in_a_thread(lambda: clock.cancel(timers[1]))
        await asyncio.sleep(5)
        assert fired == [("kept", 1.0)]

    run_virtual(main())


def test_a_loop_that_was_closed_takes_no_calls_and_says_so() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    clock = LoopClock(loop)
    assert clock.run_engine(pytest.fail) is False
    assert clock.run_consumer(pytest.fail) is False


def test_timers_of_the_same_moment_fire_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer_thread, "monotonic", lambda: 100.0)
    clock, log, all_set, done = TimerThread(), [], threading.Event(), threading.Event()
    clock.call_later(0.0, lambda: all_set.wait(PATIENCE))
    for number in range(50):
        clock.call_later(0.0, lambda number=number: log.append(number))
    clock.call_later(0.0, done.set)
    all_set.set()
    assert done.wait(PATIENCE)
    assert log == list(range(50))


@pytest.mark.parametrize("delay", [3_600.0, 1e12])
def test_an_earlier_timer_wakes_the_thread_that_waits_for_a_later_one(delay: float) -> None:
    clock, done = TimerThread(), threading.Event()
    with assert_nothing_left():
        late = clock.call_later(delay, pytest.fail)
        threading.Event().wait(0.01)
        clock.call_later(0.0, done.set)
        assert done.wait(PATIENCE)
        clock.cancel(late)


def test_jobs_begin_in_order_of_submission() -> None:
    workers, log, done = Workers(maximum=1, linger=0.01), [], threading.Event()
    first = threading.Event()
    with assert_nothing_left():
        workers.submit(lambda: first.wait(PATIENCE))
        for number in range(20):
            workers.submit(lambda number=number: log.append(number))
        workers.submit(done.set)
        first.set()
        assert done.wait(PATIENCE)
    assert log == list(range(20))


def test_the_pool_is_a_little_wider_than_the_gate_and_no_more() -> None:
    workers, go, done = Workers(linger=0.01), threading.Event(), threading.Semaphore(0)
    before = threading.active_count()
    with assert_nothing_left():
        for _ in range(100):
            workers.submit(lambda: (go.wait(PATIENCE), done.release()))
        assert 32 < threading.active_count() - before < 40
        go.set()
        for _ in range(100):
            assert done.acquire(timeout=PATIENCE)


def test_a_job_never_waits_behind_another_while_there_may_be_more_threads() -> None:
    workers, meet = Workers(maximum=3, linger=0.2), threading.Barrier(3)
    with assert_nothing_left():
        workers.submit(lambda: None)
        threading.Event().wait(0.05)  # one thread is idle now
        workers.submit(lambda: meet.wait(PATIENCE))
        workers.submit(lambda: meet.wait(PATIENCE))
        meet.wait(PATIENCE)


@pytest.mark.parametrize("has_begun", [True, False])
def test_an_interrupt_while_the_thread_is_started_leaves_one_thread(
    monkeypatch: pytest.MonkeyPatch, *, has_begun: bool
) -> None:
    clock, fired = TimerThread(), threading.Event()
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", start)
        if has_begun:
            start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clock.call_later(0.0, fired.clear)
    clock.call_later(0.0, fired.set)
    assert fired.wait(5)
    for thread in threading.enumerate():
        if thread.name == "rxstream-timer":
            thread.join(5)
    assert clock._seat == [None]
