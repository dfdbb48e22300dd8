from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any, Never

import pytest
import reactivex as rx
from reactivex import operators as ops

from rxstream.testing import Emission, VirtualLoop, VirtualTime, run_virtual


def test_busy_instants_take_no_time() -> None:
    time, seen = VirtualTime(), []
    for _ in range(1000):
        time.schedule(lambda *_: seen.append(time.clock))
    time.schedule_relative(2.5, lambda *_: seen.append(time.clock))
    time.start()
    assert seen == [0.0] * 1000 + [2.5]
    assert time.clock == 2.5


def test_actions_run_in_order_and_an_instant_first_come_first_served() -> None:
    time, seen = VirtualTime(), []
    for name, due in (("c", 2), ("a", 1), ("d", 2), ("b", 1)):
        time.schedule_relative(due, lambda _, state: seen.append(state), name)
    time.start()
    assert seen == ["a", "b", "c", "d"]


def test_cancelled_actions_do_not_move_the_clock() -> None:
    time = VirtualTime()
    time.schedule_relative(60, lambda *_: None).dispose()
    time.schedule_relative(1, lambda *_: None)
    time.start()
    assert time.clock == 1


def test_start_until_and_on() -> None:
    time, seen = VirtualTime(), []
    subscription = rx.interval(1.0).subscribe(seen.append, scheduler=time)
    time.start(until=3)
    assert (seen, time.clock) == ([0, 1, 2], 3)
    time.start(until=3)
    assert seen == [0, 1, 2]
    time.start(until=4.5)
    assert (seen, time.clock) == ([0, 1, 2, 3], 4.5)
    subscription.dispose()
    time.start()
    assert time.clock == 4.5
    with pytest.raises(ValueError, match="until"):
        time.start(until=1)


def test_advance_by_and_to() -> None:
    time, seen = VirtualTime(), []
    time.schedule_relative(1, lambda *_: seen.append(time.clock))
    time.advance_by(0.5)
    assert (seen, time.clock) == ([], 0.5)
    time.advance_to(1.0)
    assert (seen, time.clock) == ([1], 1)
    time.advance_by(timedelta(seconds=2))
    assert time.clock == 3
    with pytest.raises(ValueError, match="range"):
        time.advance_to(1.0)


def test_an_endless_run_is_told() -> None:
    time = VirtualTime(max_actions=50)
    rx.interval(1.0).subscribe(scheduler=time)
    with pytest.raises(RuntimeError, match="50 actions"):
        time.start()
    with pytest.raises(ValueError, match="max_actions"):
        VirtualTime(max_actions=0)


def test_an_action_that_raises_leaves_the_scheduler_usable() -> None:
    time, seen = VirtualTime(), []
    time.schedule_relative(1, lambda *_: 1 / 0)
    time.schedule_relative(2, lambda *_: seen.append(2))
    with pytest.raises(ZeroDivisionError):
        time.start()
    time.start()
    assert seen == [2]


def test_an_action_may_stop_the_run_and_not_start_another() -> None:
    time, seen = VirtualTime(), []

    def first(*_: Any) -> None:
        time.start()
        seen.append(1)
        time.stop()

    time.schedule_relative(1, first)
    time.schedule_relative(2, lambda *_: seen.append(2))
    time.start(until=5)
    assert (seen, time.clock) == ([1], 1)
    time.start()
    assert seen == [1, 2]


def test_record_tells_what_was_emitted_when() -> None:
    time = VirtualTime()
    assert time.record(rx.interval(1.5).pipe(ops.take(2))) == [
        Emission(1.5, "next", 0),
        Emission(3.0, "next", 1),
        Emission(3.0, "completed"),
    ]
    error = ValueError("x")
    assert time.record(rx.throw(error)) == [Emission(3.0, "error", error)]
    assert len(time.record(rx.interval(1.0), until=10)) == 7
    assert time.clock == 10


def test_a_virtual_loop_jumps() -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        assert loop.time() == 0
        await asyncio.sleep(1_000_000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await loop.create_future()
        return loop.time()

    assert run_virtual(main()) == 1_000_005


def test_a_virtual_loop_keeps_the_order_of_timers() -> None:
    seen = []

    async def at(moment: Any) -> None:
        await asyncio.sleep(moment)
        seen.append((moment, asyncio.get_running_loop().time()))

    async def main() -> None:
        await asyncio.gather(*(at(moment) for moment in (3, 0.1, 2, 0.1)))

    run_virtual(main())
    assert seen == [(0.1, 0.1), (0.1, 0.1), (2, 2), (3, 3)]


def test_a_virtual_loop_waits_for_threads_in_real_time() -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        threading.Timer(0.01, lambda: loop.call_soon_threadsafe(future.set_result, 1)).start()
        assert await future == 1
        waiting = asyncio.create_task(asyncio.sleep(5))
        assert await loop.run_in_executor(None, threading.Event().wait, 0.01) is False
        assert loop.time() == 0
        await waiting
        return loop.time()

    assert run_virtual(main()) == 5


def test_a_virtual_loop_does_not_hang_for_ever(monkeypatch: Any) -> None:
    monkeypatch.setattr("rxstream.testing._loop._PATIENCE", 0.01)

    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="nothing left to wait for"):
        run_virtual(main())


def test_run_virtual_cleans_up() -> None:
    ended = []

    async def numbers() -> Any:
        try:
            yield 1
            yield 2
        finally:
            ended.append("generator")

    async def leftover() -> None:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            ended.append("task")
            raise

    async def main() -> Any:
        generator = numbers()
        await anext(generator)
        task = asyncio.create_task(leftover())
        await asyncio.sleep(0)
        return generator, task

    run_virtual(main())
    assert sorted(ended) == ["generator", "task"]


def test_run_virtual_passes_errors_on() -> None:
    async def main() -> Never:
        await asyncio.sleep(1)
        raise KeyError(1)

    with pytest.raises(KeyError):
        run_virtual(main())
