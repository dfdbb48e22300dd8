"""One start at the moments that the others do not meet."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from reactivex.scheduler import EventLoopScheduler
from typing_extensions import override

from rxstream import Gate, start_tasks
from rxstream._gate.gate import admission_of
from rxstream._shared.guard import interruption_of
from rxstream._start.operation import operation_of
from rxstream._start.start import Start, StartContext
from rxstream._time.schedulers import VirtualClock
from rxstream._wait.closing import ClientClosedError, OpenWaits
from rxstream.backoff import DEFAULT_RETRY
from rxstream.errors import StreamTransportException
from rxstream.testing import VirtualTime, assert_nothing_left
from tests.starting import AsyncStarter, Starter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class NoTimers(VirtualClock):
    @override
    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        msg = "no thread can be started"
        raise RuntimeError(msg)


class Scene:
    """One start whose calls the test answers."""

    def __init__(self, clock: Callable[[VirtualTime], VirtualClock] = VirtualClock) -> None:
        self.time = VirtualTime()
        self.gate = Gate(1)
        self.lock = threading.RLock()
        self.calls: list[Any] = []
        self.cancelled = 0
        self.given: list[Any] = []
        self.failed: list[Exception] = []
        self.open = OpenWaits()
        context = StartContext(
            retry=DEFAULT_RETRY,
            clock=clock(self.time),
            caller=self,
            gate=admission_of(self.gate),
            lock=self.lock,
            is_interrupted=interruption_of(self.lock),
            open_waits=self.open,
            operation=operation_of(Starter(lambda *_: None).delete_things),
        )
        self.one = Start((1, 2), 7, self, context)

    def start(self, argument: Any, done: Any) -> Scene:
        assert argument == (1, 2)
        self.calls.append(done)
        return self

    def started(self, handle: Any, number: int) -> None:
        self.given.append((handle, number))

    def fail(self, error: Exception) -> None:
        self.failed.append(error)

    def cancel(self) -> None:
        self.cancelled += 1


def not_sent() -> StreamTransportException:
    error = StreamTransportException("dns_failure")
    error.nothing_sent = True
    return error


def test_disposed_before_it_begins_it_sends_nothing() -> None:
    scene = Scene()
    scene.one.dispose()
    scene.one.start()
    assert not scene.calls
    assert scene.gate.statistics().in_flight == 0


def test_an_answer_after_it_was_disposed_is_nobodys() -> None:
    scene = Scene()
    scene.one.start()
    scene.one.dispose()
    scene.one.dispose()
    assert scene.cancelled == 1
    scene.calls[0](None, not_sent())
    scene.time.start()
    assert not scene.given
    assert len(scene.calls) == 1
    assert scene.gate.statistics().in_flight == 0


def test_a_signal_handler_may_dispose_it_in_the_middle_of_anything() -> None:
    scene = Scene()
    scene.one.start()
    with scene.lock:
        scene.one.dispose()
        assert not scene.cancelled
    scene.time.start()
    assert scene.cancelled == 1


def test_where_no_timer_can_be_set_it_ends() -> None:
    scene = Scene(NoTimers)
    scene.one.start()
    scene.calls[0](None, not_sent())
    ((handle, number),) = scene.given
    assert (handle.items, number) == ((1, 2), 7)
    assert isinstance(handle.error, RuntimeError)


def test_an_interrupt_in_an_operation_leaves_it_in_doubt() -> None:
    scene = Scene()
    scene.one.start()
    scene.calls[0](None, KeyboardInterrupt())
    ((handle, _),) = scene.given
    assert isinstance(handle.error.__cause__, KeyboardInterrupt)


def test_a_client_that_is_closed_ends_all_of_them_without_a_handle() -> None:
    scene = Scene()
    scene.one.start()
    scene.open.end()
    assert not scene.failed
    scene.time.start()
    (error,) = scene.failed
    assert isinstance(error, ClientClosedError)
    assert (len(scene.open), scene.cancelled, scene.given) == (0, 1, [])
    again = Scene()
    again.one.start()
    again.calls[0](None, ClientClosedError())
    assert isinstance(again.failed[0], ClientClosedError)
    assert (len(again.open), again.given) == (0, [])


@pytest.mark.parametrize("size", [1, 3])
def test_on_threads_nothing_comes_after_it_was_disposed(size: int) -> None:
    def start(sent: list[Any], items: list[int]) -> str:
        sent.append(items)
        return "an-id"

    with assert_nothing_left():
        for number in range(40):
            sent: list[Any] = []
            seen: list[Any] = []
            enough, gate = threading.Event(), Gate(4)

            def note(
                handle: Any, seen: Any = seen, number: Any = number, enough: Any = enough
            ) -> None:
                seen.append(handle)
                if len(seen) >= number:
                    enough.set()

            operation = partial(start, sent)
            wait = start_tasks(operation, range(60), batch_size=size, gate=gate).subscribe(note)
            assert number >= 60 // size or enough.wait(5)
            wait.dispose()
            told = len(seen)
            assert len({tuple(items) for items in sent}) == len(sent)
            threading.Event().wait(0.001)
            assert len(seen) <= told + 1  # one may be on its way to the consumer


def test_a_loop_that_ends_under_starts_of_another_scheduler_ends_each_of_them() -> None:
    scheduler, done, seen = EventLoopScheduler(), threading.Event(), list[Any]()
    client = AsyncStarter(lambda *_: "an-id", on_loop=True)

    async def main() -> None:
        gone.set_result(asyncio.get_running_loop())
        started.subscribe(seen.append, lambda _: done.set(), done.set)
        while not client.sent:  # noqa: ASYNC110 -- the start comes from another thread
            await asyncio.sleep(0.001)

    def items() -> Iterator[int]:
        yield 1
        while not gone.result().is_closed():
            done.wait(0.001)
        yield from (2, 3)

    gone: Future[asyncio.AbstractEventLoop] = Future()
    started = start_tasks(
        client.delete_things,
        reactivex.from_iterable(items(), scheduler),
        batch_size=1,
        max_concurrent=1,
        scheduler=scheduler,
    )
    asyncio.run(main())
    assert done.wait(5)
    scheduler.dispose()
    assert [handle.items for handle in seen] == [(1,), (2,), (3,)]
    assert seen[-1].error.nothing_sent
    assert client.sent == [(1,)]
