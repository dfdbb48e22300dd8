"""Forks, finalisers, signal handlers, and threads that cannot start."""

from __future__ import annotations

import gc
import heapq
import os
import signal
import subprocess
import sys
import threading
import warnings
from typing import Any

import pytest
from reactivex.subject import Subject

from rxstream import Gate, TaskSnapshot, task_observable, wait_for_task
from rxstream._call.on_thread import Workers
from rxstream._gate.gate import admission_of
from rxstream._gate.pace import Pace
from rxstream._time.timer_thread import TIMER_THREAD, TimerThread
from rxstream.testing import FakeClient, VirtualTime, assert_nothing_left, completed, delayed, hang

PATIENCE = 5.0


def in_time(action: Any) -> None:
    """Run in a thread of its own, so that a deadlock is a failure and not the end of the tests."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "deadlock"


def ignore(_: object) -> None:
    pass


def no_thread(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let the next threads fail to start."""
    start, left = threading.Thread.start, [None] * times

    def refuse(thread: threading.Thread) -> None:
        if left:
            left.pop()
            msg = "can't start new thread"
            raise RuntimeError(msg)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_a_finaliser_may_cancel_a_timer_while_timers_are_being_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, fired = TimerThread(), threading.Event()
    push, pending = heapq.heappush, [clock.call_later(3_600.0, pytest.fail) for _ in range(4)]

    class Owner:
        def __del__(self) -> None:
            clock.cancel(pending.pop())
            clock.call_later(0.0, fired.set)

    owners = [Owner(), Owner(), Owner()]

    def push_and_collect(heap: Any, timer: Any) -> None:
        push(heap, timer)
        if owners:
            owners.pop()
            gc.collect()

    monkeypatch.setattr(heapq, "heappush", push_and_collect)
    with assert_nothing_left():

        def main() -> None:
            for _ in range(10):
                clock.cancel(clock.call_later(0.01, lambda: None))
            clock.cancel(pending.pop())

        in_time(main)
        assert fired.wait(PATIENCE)


def test_disposing_while_the_gate_is_at_work_is_done_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a signal handler or a finaliser does, which interrupts the gate."""
    gate, client = Gate(1), FakeClient(hang())
    queued: list[Any] = []
    sent = Pace.sent

    def interrupted(pace: Pace, now: float) -> None:
        sent(pace, now)
        if len(queued) == 2:
            queued.pop(0).dispose()

    with assert_nothing_left(), client:
        first = task_observable(client, "a", gate=gate, timeout=None).subscribe(on_error=ignore)
        queued += [
            task_observable(client, name, gate=gate, timeout=None).subscribe(on_error=ignore)
            for name in "bc"
        ]
        monkeypatch.setattr(Pace, "sent", interrupted)
        in_time(first.dispose)
        client.close()
        for left in queued:
            in_time(left.dispose)
    assert gate.statistics().queued == 0


@pytest.mark.parametrize("what", ["dispose", "wake"])
def test_a_wait_may_be_ended_or_woken_while_its_state_is_changed(what: str) -> None:
    interrupts: list[Any] = []

    class Time(VirtualTime):
        @property
        def now(self) -> Any:
            if interrupts and len(seen) == 1:
                interrupts.pop()()
            return super().now

    time, seen = Time(), []
    wake: Subject[None] = Subject()
    client = FakeClient(["running", completed()], scheduler=time)
    wait = task_observable(client, "a", scheduler=time, wake=wake).subscribe(seen.append)
    interrupts.append(wait.dispose if what == "dispose" else lambda: wake.on_next(None))
    in_time(lambda: time.start(until=10.0))
    assert not interrupts
    assert len(seen) == (1 if what == "dispose" else 2)


def test_a_thread_that_cannot_start_costs_one_timer_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, fired = TimerThread(), threading.Event()
    no_thread(monkeypatch, 1)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        clock.call_later(0.0, pytest.fail)
    with assert_nothing_left():
        clock.call_later(0.0, fired.set)
        assert fired.wait(PATIENCE)


def test_workers_that_cannot_start_leave_room_for_those_that_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers, done = Workers(maximum=3, linger=0.01), threading.Event()
    no_thread(monkeypatch, 10)
    for _ in range(10):
        with pytest.raises(RuntimeError, match="can't start new thread"):
            workers.submit(pytest.fail)
    with assert_nothing_left():
        workers.submit(done.set)
        assert done.wait(PATIENCE)


def test_an_interrupt_while_a_worker_starts_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    workers, go_on, done = Workers(maximum=3, linger=0.01), threading.Event(), threading.Event()
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        raise KeyboardInterrupt

    with assert_nothing_left():
        workers.submit(lambda: go_on.wait(PATIENCE))
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", interrupted)
            with pytest.raises(KeyboardInterrupt):
                workers.submit(bool)
        workers.submit(done.set)
        assert done.wait(PATIENCE)
        go_on.set()


def test_a_wait_whose_thread_cannot_start_ends_with_that_error_and_gives_its_place_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, gate, errors = FakeClient(completed(7)), Gate(1), []
    with assert_nothing_left():
        no_thread(monkeypatch, 1)
        task_observable(client, "a", gate=gate, timeout=None).subscribe(on_error=errors.append)
        assert [str(error) for error in errors] == ["can't start new thread"]
        assert gate.statistics().in_flight == 0
        assert wait_for_task(client, "a", timeout=PATIENCE) == 7


def test_a_hook_for_exceptions_that_raises_itself_ends_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(threading, "excepthook", broken)
    clock, workers, fired = TimerThread(), Workers(maximum=1, linger=0.01), threading.Semaphore(0)
    with assert_nothing_left():
        clock.call_later(0.0, broken)
        clock.call_later(0.01, fired.release)
        workers.submit(broken)
        workers.submit(fired.release)
        assert fired.acquire(timeout=PATIENCE)
        assert fired.acquire(timeout=PATIENCE)


def test_clients_that_hang_do_not_hold_up_another_client() -> None:
    stuck, well = [FakeClient(hang()) for _ in range(2)], FakeClient(completed(7))
    with assert_nothing_left():
        waits = [
            task_observable(client, str(number), timeout=None, gate=Gate(40)).subscribe()
            for client in stuck
            for number in range(40)
        ]
        assert wait_for_task(well, "a", timeout=PATIENCE) == 7
        for wait in waits:
            wait.dispose()
        for client in stuck:
            client.close()


def test_consumers_that_all_wait_in_turn_get_their_answers() -> None:
    """More of them than there are threads."""
    client, other = FakeClient(completed(1)), FakeClient(completed(2))
    answers: list[Any] = []
    done = threading.Semaphore(0)

    def wait_in_turn(_: TaskSnapshot) -> None:
        together.wait(PATIENCE)
        answers.append(wait_for_task(client, "inner", timeout=PATIENCE))
        answers.append(wait_for_task(other, "inner", timeout=PATIENCE))
        done.release()

    count = 37
    together = threading.Barrier(count)
    with assert_nothing_left():
        for number in range(count):
            task_observable(client, str(number), timeout=60.0).subscribe(wait_in_turn)
        for _ in range(count):
            assert done.acquire(timeout=4 * PATIENCE)
    assert sorted(answers) == [1] * count + [2] * count


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")


def in_a_child(action: Any) -> int:
    """Fork; give the exit status of the child, 99 where it does not end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads run, that is the point
        child = os.fork()
    if not child:
        status = 1
        try:
            signal.alarm(10)
            status = action()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@needs_fork
def test_a_forked_child_has_a_gate_timers_and_workers_of_its_own() -> None:
    client, gate = FakeClient({"slow": hang(), "quick": delayed(completed(7), 0.05)}), Gate(1)
    held, go_on = threading.Event(), threading.Event()

    def hold_every_lock() -> None:
        with admission_of(gate)._lock, admission_of(Gate.of(client))._lock:
            held.set()
            go_on.wait(PATIENCE)

    def child() -> int:
        result = wait_for_task(client, "quick", timeout=5.0)
        seen = task_observable(client, "quick", gate=gate, timeout=5.0)
        ended = threading.Event()
        seen.subscribe(on_completed=ended.set)
        return 0 if result == 7 and ended.wait(5.0) and not gate.statistics().in_flight else 2

    with assert_nothing_left():
        slow = task_observable(client, "slow", gate=gate, timeout=30.0).subscribe()
        holder = threading.Thread(target=hold_every_lock)
        holder.start()
        assert held.wait(PATIENCE)
        status = in_a_child(child)
        go_on.set()
        holder.join()
        assert gate.statistics().in_flight == 1, "the parent's own goes on"
        slow.dispose()
        client.close()
    assert status == 0
    assert not TIMER_THREAD.pending


SIGNALS = """
import signal, sys, threading, time
from rxstream import Gate, task_observable, operators as rxs
from rxstream.testing import FakeClient, completed, delayed

client, gate = FakeClient(delayed(completed(), 0.001)), Gate(2)
waits, events, handled = [], [], 0

def handler(*_):
    global handled
    handled += 1
    if events:
        events.pop().set()
    if waits:
        waits.pop().dispose()

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
end = time.monotonic() + 1.5
made = 0
while time.monotonic() < end:
    event = threading.Event()
    polls = task_observable(client, "a", gate=gate, poll_interval=0.001)
    wait = polls.pipe(rxs.cancel_on(event)).subscribe(on_error=lambda _: None)
    waits.append(wait)
    events.append(event)
    made += 1
    if made % 3 == 0:
        wait.dispose()
signal.setitimer(signal.ITIMER_REAL, 0)
for wait in waits:
    wait.dispose()
for _ in range(500):
    statistics = gate.statistics()
    if not (statistics.in_flight or statistics.queued):
        break
    time.sleep(0.01)
assert (statistics.in_flight, statistics.queued) == (0, 0), statistics
assert handled > 50, handled
print("made", made, "handled", handled)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers here")
def test_signal_handlers_may_dispose_and_set_events_between_any_two_lines() -> None:
    run = subprocess.run(
        [sys.executable, "-c", SIGNALS], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "made" in run.stdout
