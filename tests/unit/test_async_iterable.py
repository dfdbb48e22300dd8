"""`async for` over an Observable: what is read, every way to leave, and the bounded buffer."""

from __future__ import annotations

import asyncio
import gc
import threading
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
import reactivex as rx
from hypothesis import given
from hypothesis import strategies as st
from reactivex import Observable, abc
from reactivex import operators as ops
from reactivex.disposable import Disposable
from reactivex.scheduler import NewThreadScheduler
from reactivex.scheduler.eventloop import AsyncIOScheduler
from reactivex.subject import Subject

from rxstream import task_observable, to_async_iterable
from rxstream.errors import StreamTaskException
from rxstream.testing import FakeAsyncClient, FakeClient, completed, failed, run_virtual
from tests.support import TASK

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rxstream import TaskSnapshot

TICKS = rx.interval(1.0)


class Source:
    """An observable that is pushed by hand and counts its subscriptions."""

    def __init__(self) -> None:
        self.observers: list[abc.ObserverBase[int]] = []
        self.disposed = 0
        self.scheduler: abc.SchedulerBase | None = None
        self.observable: Observable[int] = Observable(self._subscribe)

    def _subscribe(
        self, observer: abc.ObserverBase[int], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        self.observers.append(observer)
        self.scheduler = scheduler
        return Disposable(self._dispose)

    def _dispose(self) -> None:
        self.disposed += 1

    def push(self, *items: int) -> None:
        for item in items:
            self.observers[-1].on_next(item)


async def read_all(items: Any) -> list[Any]:
    return [item async for item in items]


async def read_into(seen: list[Any], items: Any, *, pause: float = 0.0) -> None:
    async for item in items:
        seen.append(item)
        await asyncio.sleep(pause)


async def begun(items: Any) -> asyncio.Task[Any]:
    """A task that waits for the next item."""
    task = asyncio.ensure_future(anext(items))
    await asyncio.sleep(0)
    return task


# -- what is read ----------------------------------------------------------------------------------


def test_items_come_in_order_and_then_the_end() -> None:
    assert run_virtual(read_all(to_async_iterable(rx.of(1, 2, 3)))) == [1, 2, 3]
    assert run_virtual(read_all(to_async_iterable(rx.empty()))) == []


def test_time_is_that_of_the_running_loop() -> None:
    async def main() -> list[tuple[float, int]]:
        now = asyncio.get_running_loop().time
        return [(now(), tick) async for tick in to_async_iterable(TICKS.pipe(ops.take(3)))]

    seen = run_virtual(main())
    assert [tick for _, tick in seen] == [0, 1, 2]
    assert [at for at, _ in seen] == pytest.approx([1, 2, 3], abs=0.01)


def test_an_error_is_raised_after_the_items_before_it() -> None:
    async def main() -> None:
        seen: list[int] = []
        source = rx.concat(rx.of(1, 2), rx.throw(KeyError("x")))
        with pytest.raises(KeyError, match="x"):
            await read_into(seen, to_async_iterable(source), pause=1)
        assert seen == [1, 2]

    run_virtual(main())


@pytest.mark.parametrize("end", [rx.empty(), rx.throw(KeyError("x"))])
def test_after_the_end_there_is_nothing_more(end: Observable[int]) -> None:
    async def main() -> None:
        items = aiter(to_async_iterable(end))
        with pytest.raises((StopAsyncIteration, KeyError)):
            await anext(items)
        for _ in range(3):
            with pytest.raises(StopAsyncIteration):
                await anext(items)

    run_virtual(main())


def test_a_subscription_that_fails_raises() -> None:
    def subscribe(*_: object) -> abc.DisposableBase:
        raise LookupError

    with pytest.raises(LookupError):
        run_virtual(read_all(to_async_iterable(Observable(subscribe))))


def test_each_loop_subscribes_for_itself_when_it_asks_for_its_first_item() -> None:
    async def main() -> None:
        source = Source()
        items = to_async_iterable(source.observable)
        first, second = aiter(items), aiter(items)
        assert aiter(first) is first
        assert not source.observers
        waiting = await begun(first), await begun(second)
        assert len(source.observers) == 2
        assert isinstance(source.scheduler, AsyncIOScheduler)
        for number, observer in enumerate(source.observers):
            observer.on_next(number)
        assert await asyncio.gather(*waiting) == [0, 1]

    run_virtual(main())


def test_a_wait_for_a_task_is_read_status_by_status() -> None:
    async def main() -> None:
        client = FakeAsyncClient(["pending", "running", completed(42)])
        wait = to_async_iterable(task_observable(client, TASK))
        assert [s.status async for s in wait] == ["pending", "running", "completed"]
        client = FakeAsyncClient(["running", failed("no")])
        seen: list[TaskSnapshot] = []
        with pytest.raises(StreamTaskException, match="no"):
            await read_into(seen, to_async_iterable(task_observable(client, TASK)))
        assert [s.status for s in seen] == ["running", "failed"]

    run_virtual(main())


def test_two_readers_at_once_are_refused_and_the_first_goes_on() -> None:
    async def main() -> None:
        source = Source()
        items = aiter(to_async_iterable(source.observable))
        first = await begun(items)
        with pytest.raises(RuntimeError, match="already running"):
            await anext(items)
        source.push(1)
        assert await first == 1
        assert not source.disposed

    run_virtual(main())


# -- every way to leave ----------------------------------------------------------------------------


async def by_break(source: Source) -> None:
    async for _ in to_async_iterable(source.observable):
        break


async def by_return(source: Source) -> None:
    async for _ in to_async_iterable(source.observable):
        return


async def by_an_exception_in_the_body(source: Source) -> None:
    async def read() -> None:
        async for _ in to_async_iterable(source.observable):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read()


async def by_aclosing(source: Source) -> None:
    async with aclosing(aiter(to_async_iterable(source.observable))) as items:
        await anext(items)
        assert not source.disposed


async def by_async_with(source: Source) -> None:
    async with aiter(to_async_iterable(source.observable)) as items:
        await anext(items)
        assert not source.disposed


async def by_aclose(source: Source) -> None:
    items = aiter(to_async_iterable(source.observable))
    await anext(items)
    await items.aclose()
    await items.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(items)


async def by_a_cycle_that_is_collected(source: Source) -> None:
    items: Any = aiter(to_async_iterable(source.observable))
    await anext(items)
    cycle = [items]
    cycle.append(cycle)
    del items, cycle
    assert not source.disposed
    gc.collect()


@pytest.mark.parametrize(
    "leave",
    [
        by_break,
        by_return,
        by_an_exception_in_the_body,
        by_aclosing,
        by_async_with,
        by_aclose,
        by_a_cycle_that_is_collected,
    ],
)
def test_leaving_disposes_in_the_loops_next_turn(
    leave: Callable[[Source], Awaitable[None]],
) -> None:
    async def main() -> None:
        source = Source()
        asyncio.get_running_loop().call_later(1, source.push, 1, 2)
        await leave(source)
        await asyncio.sleep(0)
        assert source.disposed == 1
        assert len(source.observers) == 1
        source.push(3)

    run_virtual(main())


@pytest.mark.parametrize("in_the_body", [True, False])
def test_cancelling_disposes_at_once(*, in_the_body: bool) -> None:
    async def main() -> None:
        source = Source()

        async def read() -> None:
            async for _ in to_async_iterable(source.observable):
                await asyncio.Event().wait()

        task = asyncio.ensure_future(read())
        await asyncio.sleep(1)
        if in_the_body:
            source.push(1)
            await asyncio.sleep(1)
        assert not source.disposed
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert source.disposed == 1

    run_virtual(main())


def test_cancelling_one_anext_ends_the_iterator() -> None:
    async def main() -> None:
        source = Source()
        items = aiter(to_async_iterable(source.observable))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(items), 1)
        assert source.disposed == 1
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    run_virtual(main())


def test_closing_ends_a_reader_that_waits() -> None:
    async def main() -> None:
        source = Source()
        items = aiter(to_async_iterable(source.observable))
        waiting = await begun(items)
        await items.aclose()
        with pytest.raises(StopAsyncIteration):
            await waiting
        assert source.disposed == 1

    run_virtual(main())


def test_closing_forgets_what_was_not_read() -> None:
    async def main() -> None:
        items = aiter(to_async_iterable(rx.of(1, 2, 3)))
        assert await anext(items) == 1
        await items.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    run_virtual(main())


def test_closing_before_the_first_item_never_subscribes() -> None:
    async def main() -> None:
        source = Source()
        items = aiter(to_async_iterable(source.observable))
        await items.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(items)
        assert not source.observers

    run_virtual(main())


def test_leaving_a_wait_for_a_task_ends_its_request() -> None:
    async def main() -> None:
        client = FakeAsyncClient(["running", "running"])
        async for _ in to_async_iterable(task_observable(client, TASK, timeout=None)):
            break
        await asyncio.sleep(100)
        assert client.polls() == 1

    run_virtual(main())


# -- the buffer ------------------------------------------------------------------------------------


def test_a_full_buffer_ends_with_an_error_after_its_items() -> None:
    async def main() -> None:
        source = Source()
        items = aiter(to_async_iterable(source.observable, buffer=2))
        waiting = await begun(items)
        source.push(1, 2)
        assert not source.disposed
        source.push(3)
        assert source.disposed == 1
        source.push(4)
        assert [await waiting, await anext(items)] == [1, 2]
        with pytest.raises(BufferError, match=r"2 items .* buffer=.*drop_oldest"):
            await anext(items)
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    run_virtual(main())


def test_a_burst_inside_subscribe_is_bounded_too() -> None:
    disposed: list[int] = []

    def subscribe(
        observer: abc.ObserverBase[int], _: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        for number in range(10):
            observer.on_next(number)
        return Disposable(lambda: disposed.append(1))

    async def main() -> None:
        seen: list[int] = []
        with pytest.raises(BufferError):
            await read_into(seen, to_async_iterable(Observable(subscribe), buffer=3))
        assert seen == [0, 1, 2]
        assert disposed == [1]

    run_virtual(main())


def test_an_endless_source_is_stopped_by_a_full_buffer() -> None:
    def endless() -> Any:
        number = 0
        while True:
            yield (number := number + 1)

    async def main() -> None:
        with pytest.raises(BufferError):
            await read_all(to_async_iterable(rx.from_iterable(endless()), buffer=5))

    run_virtual(main())


def test_the_oldest_is_dropped_where_that_is_asked_for() -> None:
    async def main() -> None:
        source = Source()
        items = aiter(to_async_iterable(source.observable, buffer=2, overflow="drop_oldest"))
        waiting = await begun(items)
        source.push(1, 2, 3, 4)
        assert [await waiting, await anext(items)] == [3, 4]
        source.push(5)
        source.observers[0].on_completed()
        assert await read_all(items) == [5]

    run_virtual(main())


@pytest.mark.parametrize("overflow", ["error", "drop_oldest"])
def test_a_full_buffer_and_the_end_leave_every_item_readable(overflow: Any) -> None:
    items = to_async_iterable(rx.of(1, 2, 3), buffer=3, overflow=overflow)
    assert run_virtual(read_all(items)) == [1, 2, 3]


BURSTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.booleans()), max_size=12)


@given(bursts=BURSTS, size=st.integers(1, 8), drops=st.booleans())
def test_random_bursts_are_read_in_order_and_nothing_is_lost_unsaid(
    bursts: list[tuple[int, int, bool]], size: int, *, drops: bool
) -> None:
    async def main() -> None:
        source: Subject[int] = Subject()
        sent = 0

        async def emit() -> None:
            nonlocal sent
            for pause, length, _ in bursts:
                await asyncio.sleep(pause)
                for _ in range(length):
                    source.on_next(sent)
                    sent += 1
            source.on_completed()

        seen: list[int] = []
        overflow: Any = "drop_oldest" if drops else "error"
        items = aiter(to_async_iterable(source, buffer=size, overflow=overflow))
        slow = [reads_slowly for *_, reads_slowly in bursts]
        full = False
        waiting = await begun(items)
        emitting = asyncio.ensure_future(emit())
        try:
            seen.append(await waiting)
            async for item in items:
                seen.append(item)
                if slow and slow.pop():
                    await asyncio.sleep(1)
        except StopAsyncIteration:
            pass
        except BufferError:
            full = True
        await emitting
        assert not source.observers
        if drops:
            assert not full
            assert seen == sorted(set(seen))
            assert seen[len(seen) - min(sent, size) :] == list(range(sent))[-size:]
        else:
            assert seen == list(range(len(seen)))
            assert full == (len(seen) < sent)
            assert not full or len(seen) >= size

    run_virtual(main())


# -- other threads ---------------------------------------------------------------------------------


def from_a_thread(count: int, *, after: threading.Event | None = None) -> Observable[int]:
    """Emit on a thread of its own, as fast as it can."""

    def subscribe(
        observer: abc.ObserverBase[int], _: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        def emit() -> None:
            if after is not None:
                after.wait()
            for number in range(count):
                observer.on_next(number)
            observer.on_completed()

        threading.Thread(target=emit).start()
        return Disposable()

    return Observable(subscribe)


def test_a_source_on_another_thread_is_read_in_order() -> None:
    items = to_async_iterable(from_a_thread(20_000), buffer=20_000)
    assert asyncio.run(read_all(items)) == list(range(20_000))


def test_a_source_on_another_thread_cannot_overfill_the_buffer() -> None:
    async def main() -> None:
        seen: list[int] = []
        go = threading.Event()
        items = aiter(to_async_iterable(from_a_thread(10_000, after=go), buffer=10))
        waiting = await begun(items)
        go.set()
        threading.Event().wait(0.05)  # the loop is blocked meanwhile
        seen.append(await waiting)
        with pytest.raises(BufferError):
            await read_into(seen, items)
        assert seen == list(range(10))

    asyncio.run(main())


def test_the_newest_of_another_thread_are_kept() -> None:
    async def main() -> None:
        items = to_async_iterable(from_a_thread(10_000), buffer=10, overflow="drop_oldest")
        seen = await read_all(items)
        assert seen == sorted(set(seen))
        assert seen[-10:] == list(range(9_990, 10_000))

    asyncio.run(main())


def test_a_sync_client_can_be_read_too() -> None:
    async def main() -> list[str]:
        client = FakeClient(["pending", "running", completed(1)])
        wait = task_observable(client, TASK, poll_interval=0.001)
        return [snapshot.status async for snapshot in to_async_iterable(wait)]

    assert asyncio.run(main()) == ["pending", "running", "completed"]


def test_a_scheduler_of_the_sources_own_is_left_to_it() -> None:
    source = rx.of(1, 2, 3).pipe(ops.subscribe_on(NewThreadScheduler()))
    assert asyncio.run(read_all(to_async_iterable(source))) == [1, 2, 3]


def test_what_comes_after_the_loop_is_closed_is_dropped() -> None:
    source = Source()
    held = [aiter(to_async_iterable(source.observable))]

    async def main() -> None:
        waiting = await begun(held[0])
        source.push(1)
        assert await waiting == 1

    run_virtual(main())
    source.push(2, 3)
    assert not source.disposed
    held.clear()
    assert source.disposed == 1


def test_dropping_the_last_reference_on_another_thread_disposes_in_the_loop() -> None:
    async def main() -> None:
        source = Source()
        where: list[threading.Thread] = []
        gone = asyncio.Event()

        def note() -> None:
            where.append(threading.current_thread())
            gone.set()

        held = [aiter(to_async_iterable(source.observable.pipe(ops.finally_action(note))))]
        waiting = await begun(held[0])
        source.push(1)
        assert await waiting == 1
        del waiting
        thread = threading.Thread(target=held.clear)
        thread.start()
        await gone.wait()
        thread.join()
        assert where == [threading.current_thread()]

    asyncio.run(main())


# -- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"observable": [1]}, TypeError, "observable must be an Observable, not list"),
        ({"buffer": 0}, ValueError, "buffer must be 1 or more"),
        ({"buffer": 1.5}, TypeError, "buffer must be a whole number"),
        ({"overflow": "block"}, ValueError, "overflow must be 'error' or 'drop_oldest'"),
        ({"overflow": ["error"]}, ValueError, "overflow must be 'error' or 'drop_oldest'"),
    ],
)
def test_a_wrong_argument_is_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        to_async_iterable(**{"observable": rx.never(), **arguments})
