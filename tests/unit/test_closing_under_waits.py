"""A client that is closed ends its waits: one error for each subscription, and no outcomes."""

from __future__ import annotations

import asyncio
import gc
import pickle
import threading
import weakref
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import httpx
import pytest
import reactivex

from rxstream import (
    AsyncStreamClient,
    Gate,
    StreamClient,
    TaskSnapshot,
    backoff,
    task_observable,
    tasks_observable,
    wait_for_task,
    wait_for_task_async,
    wait_for_tasks,
    wait_for_tasks_async,
)
from rxstream import operators as rxs
from rxstream._time.timer_thread import TIMER_THREAD
from rxstream.errors import StreamTransportException
from tests.wire import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import Observable

PATIENCE = 10.0
IDS = [f"t{number}" for number in range(30)]
HOW: dict[str, Any] = {"poll_interval": 600, "timeout": None}


def running(request: httpx.Request) -> httpx.Response:
    task_id = request.url.path.rsplit("/", 1)[-1]
    return httpx.Response(200, json={"task_id": task_id, "status": "running"})


def fanned(client: Any) -> Observable[Any]:
    def settled(task_id: str) -> Observable[Any]:
        return task_observable(client, task_id, **HOW).pipe(rxs.settle(task_id))

    return rxs.fan_in(settled)(reactivex.from_iterable(IDS))


SUBSCRIPTIONS: dict[str, Callable[[Any], Observable[Any]]] = {
    "one": lambda client: task_observable(client, "t", **HOW),
    "many": lambda client: tasks_observable(client, IDS, **HOW),
    "fan_in and settle": fanned,
    "retry_with": lambda client: task_observable(client, "t", **HOW).pipe(
        rxs.retry_with(backoff.constant(0.001), on=StreamTransportException)
    ),
}
each_subscription = pytest.mark.parametrize("make", SUBSCRIPTIONS.values(), ids=SUBSCRIPTIONS)


class Seen:
    """What one consumer was told."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.errors: list[Exception] = []
        self.ended = threading.Event()

    def on_error(self, error: Exception) -> None:
        self.errors.append(error)
        self.ended.set()

    def check(self) -> None:
        (error,) = self.errors
        assert isinstance(error, RuntimeError)
        assert isinstance(error, StreamTransportException)
        assert str(error) == "this client is closed"
        assert all(isinstance(item, TaskSnapshot) for item in self.items), "a false outcome"


@pytest.fixture
def answered() -> threading.Semaphore:
    return threading.Semaphore(0)


def sync_client(answered: threading.Semaphore | None = None) -> tuple[StreamClient, httpx.Client]:
    def handler(request: httpx.Request) -> httpx.Response:
        if answered is not None:
            answered.release()
        return running(request)

    http = httpx.Client(transport=httpx.MockTransport(handler))
    return StreamClient("key", SECRET, http_client=http), http


@each_subscription
def test_a_sync_client(make: Any, answered: threading.Semaphore) -> None:
    client, http = sync_client(answered)
    seen = Seen()
    with http:
        make(client).subscribe(seen.items.append, seen.on_error)
        assert answered.acquire(timeout=PATIENCE)
        client.close()
        assert seen.ended.wait(PATIENCE)
        client.close()
    seen.check()
    assert not client._open_waits


class AsyncWorld:
    """An async client, and when so many polls have been made."""

    def __init__(self, polls: int = 1) -> None:
        self.polled = asyncio.Event()
        self._left = polls
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        self.client = AsyncStreamClient("key", SECRET, http_client=self.http)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self._left -= 1
        if self._left <= 0:
            self.polled.set()
        return running(request)


@each_subscription
def test_an_async_client(make: Any) -> None:
    async def main() -> None:
        world = AsyncWorld()
        client = world.client
        async with world.http:
            seen = Seen()
            make(client).subscribe(seen.items.append, seen.on_error)
            await world.polled.wait()
            await client.aclose()
            for _ in range(5):
                await asyncio.sleep(0)
            seen.check()
            assert not client._open_waits

    asyncio.run(main())


@each_subscription
def test_a_client_that_is_closed_already(make: Any) -> None:
    client, http = sync_client()
    seen = Seen()
    with http:
        client.close()
        make(client).subscribe(seen.items.append, seen.on_error)
        assert seen.ended.wait(PATIENCE)
    seen.check()


def test_whoever_blocks_on_a_wait_has_the_error(answered: threading.Semaphore) -> None:
    client, http = sync_client(answered)
    told: list[Exception] = []

    def consume(wait: Callable[[], object]) -> None:
        try:
            wait()
        except RuntimeError as error:
            told.append(error)

    waits: list[Callable[[], object]] = [
        lambda: wait_for_task(client, "t", **HOW),
        lambda: list(wait_for_tasks(client, IDS, **HOW)),
    ]
    with http:
        threads = [threading.Thread(target=consume, args=(wait,)) for wait in waits]
        for thread in threads:
            thread.start()
        for _ in range(len(IDS) + 1):
            assert answered.acquire(timeout=PATIENCE)
        client.close()
        for thread in threads:
            thread.join(PATIENCE)
    assert [str(error) for error in told] == ["this client is closed"] * 2


def test_whoever_awaits_a_wait_has_the_error() -> None:
    async def main() -> None:
        world = AsyncWorld(len(IDS) + 1)
        client = world.client
        async with world.http:

            async def many() -> list[Any]:
                return [outcome async for outcome in wait_for_tasks_async(client, IDS, **HOW)]

            waits = [
                asyncio.create_task(wait_for_task_async(client, "t", **HOW)),
                asyncio.create_task(many()),
            ]
            await world.polled.wait()
            await client.aclose()
            for error in await asyncio.gather(*waits, return_exceptions=True):
                assert isinstance(error, RuntimeError)
                assert str(error) == "this client is closed"

    asyncio.run(main())


def test_a_stand_in_that_claims_to_be_a_client_of_ours_can_be_waited_on() -> None:
    client = Mock(spec=StreamClient)
    client.get_task.return_value = TaskSnapshot(task_id="t", status="completed", result=1)
    client.new_call.return_value = client
    assert wait_for_task(client, "t") == 1


def test_the_error_can_be_pickled() -> None:
    client, http = sync_client()
    client.close()
    with http, pytest.raises(RuntimeError) as caught:
        client.get_task("t")
    assert str(pickle.loads(pickle.dumps(caught.value))) == "this client is closed"


def test_a_consumer_that_is_being_called_is_followed() -> None:
    client, http = sync_client()
    seen = Seen()
    told: list[str] = []

    def on_next(_: TaskSnapshot) -> None:
        client.close()
        # What the timer thread does is done in order: the wait has heard of it by then.
        heard = threading.Event()
        TIMER_THREAD.post(heard.set)
        assert heard.wait(PATIENCE)
        told.append("item")

    def on_error(error: Exception) -> None:
        told.append("error")
        seen.on_error(error)

    with http:
        task_observable(client, "t", **HOW).subscribe(on_next, on_error)
        assert seen.ended.wait(PATIENCE)
    assert told == ["item", "error"]
    seen.check()


def test_nothing_is_known_of_waits_that_are_over(answered: threading.Semaphore) -> None:
    client, http = sync_client(answered)
    with http, client:
        waits = [task_observable(client, task, **HOW).subscribe() for task in IDS]
        assert len(client._open_waits) == len(IDS)
        for wait in waits:
            wait.dispose()
        assert len(client._open_waits) == 0


def test_waits_of_loops_that_are_closed_are_forgotten() -> None:
    async def leave(client: AsyncStreamClient, loop: int) -> None:
        for number in range(10):
            task_observable(client, f"t{loop}-{number}", gate=Gate(100), **HOW).subscribe(
                on_error=lambda _: None
            )
        await asyncio.sleep(0.01)

    def use() -> weakref.ref[AsyncStreamClient]:
        http = httpx.AsyncClient(transport=httpx.MockTransport(running))
        client = AsyncStreamClient("key", SECRET, http_client=http)
        for loop in range(30):
            asyncio.run(leave(client, loop))
        assert len(client._open_waits) <= 2 * 64
        return weakref.ref(client)

    dropped = use()
    gc.collect()
    assert dropped() is None


def test_a_child_does_not_end_the_waits_of_its_parent(answered: threading.Semaphore) -> None:
    client, http = sync_client(answered)
    with http, client:
        wait = task_observable(client, "t", **HOW).subscribe()
        client._open_waits._forget()  # as in a forked child
        assert len(client._open_waits) == 0
        wait.dispose()
