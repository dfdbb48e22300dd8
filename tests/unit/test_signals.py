"""Signals of `cancel_on`: one registration for many waits, fired from anywhere."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import signal
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from reactivex import Observable
from reactivex.disposable import Disposable

from rxstream import operators as rxs
from rxstream.errors import TaskCancelledException
from rxstream.operators._signals import listen
from rxstream.testing import VirtualTime, assert_nothing_left, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 10.0
KINDS: dict[str, Callable[[], Any]] = {
    "event": asyncio.Event,
    "future": lambda: asyncio.get_running_loop().create_future(),
    "thread event": threading.Event,
    "thread future": concurrent.futures.Future,
}

each_kind = pytest.mark.parametrize("kind", KINDS)


def known_to(each: Any) -> list[Any]:
    """Whom a signal would tell."""
    if isinstance(each, asyncio.Future):
        return list(getattr(each, "_callbacks", None) or ())
    if isinstance(each, concurrent.futures.Future):
        return list(each._done_callbacks)
    return list(getattr(each, "_cond", each)._waiters)


def fire(each: Any) -> None:
    if isinstance(each, asyncio.Event | threading.Event):
        each.set()
    else:
        each.set_result(None)


@each_kind
def test_many_waits_are_one_to_a_signal_and_leave_nothing(kind: str) -> None:
    async def main() -> None:
        each = KINDS[kind]()
        async with assert_nothing_left():
            waits = [reactivex.never().pipe(rxs.cancel_on(each)).subscribe() for _ in range(100)]
            assert len(asyncio.all_tasks()) == 1
            (known,) = known_to(each)
            for wait in waits:
                wait.dispose()
            assert len(known_to(each)) == 1
            known = known[0] if isinstance(known, tuple) else known
            listeners: Any = getattr(known, "__self__", known)
            assert not listeners._by_number

    run_virtual(main())


@each_kind
def test_a_signal_takes_its_listeners_along(kind: str) -> None:
    class Mark:
        pass

    async def main() -> None:
        each = KINDS[kind]()
        each.mark = Mark()
        reactivex.never().pipe(rxs.cancel_on(each)).subscribe().dispose()
        await asyncio.sleep(0)
        del each
        gc.collect()
        # By its type: some objects raise where they are asked for their class.
        assert not [thing for thing in gc.get_objects() if type(thing) is Mark]

    if kind == "future":
        pytest.skip("it takes no attributes")
    run_virtual(main())


@each_kind
def test_it_ends_all_that_listen_and_none_that_have_left(kind: str) -> None:
    async def main() -> None:
        each = KINDS[kind]()
        ended: list[int] = []
        waits = [
            reactivex.never()
            .pipe(rxs.cancel_on(each))
            .subscribe(on_error=lambda _, number=number: ended.append(number))
            for number in range(4)
        ]
        waits[1].dispose()
        fire(each)
        assert not ended, "never in place"
        await asyncio.sleep(1)
        assert ended == [0, 2, 3]

    run_virtual(main())


@pytest.mark.parametrize("kind", ["event", "thread event"])
def test_an_event_that_is_cleared_can_be_set_again(kind: str) -> None:
    async def main() -> None:
        each = KINDS[kind]()
        ended: list[int] = []
        for number in range(3):
            for _ in range(2):
                reactivex.never().pipe(rxs.cancel_on(each)).subscribe(
                    on_error=lambda _, number=number: ended.append(number)
                )
            each.set()
            await asyncio.sleep(1)
            each.clear()
        assert ended == [0, 0, 1, 1, 2, 2]
        assert len(known_to(each)) <= 1

    run_virtual(main())


@each_kind
def test_a_consumer_is_told_in_the_context_of_its_subscription(kind: str) -> None:
    whose: contextvars.ContextVar[str] = contextvars.ContextVar("whose", default="nobody's")

    async def main() -> list[str]:
        each = KINDS[kind]()
        told: list[str] = []
        for name in ("first", "second"):
            whose.set(name)
            reactivex.never().pipe(rxs.cancel_on(each)).subscribe(
                on_error=lambda _: told.append(whose.get())
            )
        whose.set("setter")
        fire(each)
        await asyncio.sleep(1)
        return told

    assert run_virtual(main()) == ["first", "second"]


class _SetMeanwhile(deque[Any]):
    """Waiters of an event that is set whenever one joins, as by a signal handler there."""

    def __init__(self, event: threading.Event) -> None:
        super().__init__()
        self._event = event

    def append(self, waiter: Any) -> None:
        super().append(waiter)
        self._event.set()


def test_an_event_set_while_it_is_subscribed_to_runs_no_consumer_under_its_lock() -> None:
    event = threading.Event()
    condition: Any = event._cond
    condition._waiters = _SetMeanwhile(event)
    free: list[bool] = []

    def on_error(_: Exception) -> None:
        free.append(condition._lock.acquire(blocking=False))
        condition._lock.release()

    def run() -> None:
        reactivex.never().pipe(rxs.cancel_on(event)).subscribe(
            on_error=on_error, scheduler=VirtualTime()
        )

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert free == [True]


def test_a_signal_that_fires_while_it_is_subscribed_to_runs_no_consumer_there() -> None:
    log: list[str] = []

    def subscribe(observer: Any, _: Any = None) -> Any:
        observer.on_next(1)
        log.append("subscribed")
        return Disposable(lambda: log.append("disposed"))

    source = reactivex.defer(lambda _: log.append("source") or reactivex.never())
    source.pipe(rxs.cancel_on(Observable(subscribe))).subscribe(
        on_error=lambda error: log.append(type(error).__name__), scheduler=VirtualTime()
    )
    assert log == ["subscribed", "disposed", "TaskCancelledException"]


def test_whoever_sets_an_event_does_not_run_the_consumer() -> None:
    event, ended = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def on_error(_: Exception) -> None:
        threads.append(threading.current_thread())
        ended.set()

    with assert_nothing_left():
        reactivex.never().pipe(rxs.cancel_on(event)).subscribe(on_error=on_error)
        event.set()
        assert ended.wait(PATIENCE)
    assert threading.current_thread() not in threads


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals")
def test_a_signal_handler_wakes_a_loop_that_has_nothing_to_do() -> None:
    async def main() -> None:
        event, slept = threading.Event(), asyncio.Event()
        before = signal.signal(signal.SIGALRM, lambda *_: event.set())
        asyncio.get_running_loop().call_later(PATIENCE / 2, slept.set)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            with pytest.raises(TaskCancelledException):
                await reactivex.never().pipe(rxs.cancel_on(event))
        finally:
            signal.signal(signal.SIGALRM, before)
        assert not slept.is_set(), "only the next timer woke it"

    asyncio.run(main())


def test_a_listener_that_raises_does_not_keep_others_from_hearing() -> None:
    future: Any = concurrent.futures.Future()
    heard: list[str] = []

    def broken() -> None:
        heard.append("broken")
        raise LookupError

    def no_error(error: Exception) -> None:
        raise error

    listen(future, broken, no_error, None)
    listen(future, lambda: heard.append("sound"), no_error, None)
    future.set_result(None)
    assert heard == ["broken", "sound"]


def test_from_many_threads_at_once() -> None:
    event = threading.Event()
    ended: list[int] = []
    all_ended = threading.Event()

    def on_error(_: Exception) -> None:
        ended.append(1)
        if len(ended) == 400:
            all_ended.set()

    def join_and_leave() -> None:
        for number in range(100):
            wait = reactivex.never().pipe(rxs.cancel_on(event)).subscribe(on_error=on_error)
            if number % 2:
                wait.dispose()

    with assert_nothing_left():
        threads = [threading.Thread(target=join_and_leave) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        event.set()
        assert all_ended.wait(PATIENCE)
