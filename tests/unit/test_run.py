"""`run` blocks until an Observable has ended; and what a wait says to those who iterate it."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from reactivex import Observable
from reactivex import operators as ops
from reactivex.internal.exceptions import SequenceContainsNoElementsError
from reactivex.scheduler.eventloop import AsyncIOScheduler

from rxstream import operators as rxs
from rxstream import run, task_observable, tasks_observable, wait_for_tasks
from rxstream.errors import StreamTaskException
from rxstream.testing import FakeAsyncClient, FakeClient, completed, failed
from tests.support import TASK

if TYPE_CHECKING:
    from collections.abc import Callable

HOW: dict[str, Any] = {"poll_interval": 0.001}


def test_it_returns_the_last_item() -> None:
    assert run(task_observable(FakeClient(["running", completed(1)]), TASK, **HOW)).result == 1
    assert run(reactivex.of(1, 2, 3)) == 3
    assert run(reactivex.of(None)) is None


def test_it_raises_the_error() -> None:
    with pytest.raises(StreamTaskException):
        run(task_observable(FakeClient(failed("no")), TASK, **HOW))


def test_nothing_is_an_error_or_the_default() -> None:
    nothing = tasks_observable(FakeClient(completed()), [])
    with pytest.raises(SequenceContainsNoElementsError):
        run(nothing)
    assert run(nothing, default=None) is None
    assert run(nothing, default=5) == 5
    assert run(reactivex.of(1), default=5) == 1


def test_it_refuses_what_is_no_observable() -> None:
    bad: Any = [1]
    with pytest.raises(TypeError, match="observable must be an Observable, not list"):
        run(bad)


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_it_refuses_to_block_a_loop(fake: Any) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="use `await observable` instead"):
            run(task_observable(fake(completed()), TASK))

    asyncio.run(main())


def test_an_async_wait_without_a_loop_says_what_it_needs() -> None:
    with pytest.raises(RuntimeError, match="needs a running event loop"):
        run(task_observable(FakeAsyncClient(completed()), TASK))


@pytest.mark.parametrize("wait", ["run", "wait_for_tasks"])
def test_ctrl_c_ends_everything(wait: str) -> None:
    client = FakeClient("running")
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        while client.polls() < 2:
            threading.Event().wait(0.001)
        signal.pthread_kill(main, signal.SIGINT)

    def block() -> None:
        if wait == "run":
            run(tasks_observable(client, ["a", "b"], **HOW))
        else:
            list(wait_for_tasks(client, ["a", "b"], **HOW))

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        block()
    thread.join()
    # The fixture sees that no thread and no timer is left.


def test_a_source_that_never_leaves_subscribe_runs_beside_it() -> None:
    where: list[str] = []

    def note(_: int) -> None:
        where.append(threading.current_thread().name)

    run(reactivex.of(1, 2).pipe(ops.do_action(note)))
    assert threading.current_thread().name not in where


# -- an Observable is not iterable ------------------------------------------------------------

WAITS: dict[str, Callable[[Any], Observable[Any]]] = {
    "one": lambda client: task_observable(client, TASK, **HOW),
    "many": lambda client: tasks_observable(client, [TASK], **HOW),
}
each_wait = pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
both = pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])


@each_wait
@both
def test_a_for_loop_over_it_names_the_way_out(wait: Any, fake: Any) -> None:
    client = fake(completed())
    for use in (iter, list, tuple, sum):
        with pytest.raises(TypeError, match=r"wait_for_tasks.*to_async_iterable"):
            use(wait(client))
    assert client.polls() == 0


@each_wait
def test_it_is_an_observable_all_the_same(wait: Any) -> None:
    client = FakeClient(completed(1))
    assert isinstance(wait(client), Observable)
    assert run(wait(client)[-1:]).result == 1
    assert run(reactivex.merge(wait(client), reactivex.empty())) is not None
    assert run(reactivex.just(0).pipe(ops.flat_map(lambda _: wait(client)))) is not None


# -- reactivex's own `.run()` ------------------------------------------------------------------


@each_wait
@pytest.mark.parametrize("pipe", [ops.map(lambda item: item), rxs.log_to(), ops.to_list()])
def test_run_in_the_loop_of_an_async_wait_says_to_await(wait: Any, pipe: Any) -> None:
    async def main() -> None:
        client = FakeAsyncClient(completed())
        for observable in (wait(client), wait(client).pipe(pipe)):
            with pytest.raises(RuntimeError, match="use `await observable` instead"):
                observable.run()
        assert client.polls() == 0

    asyncio.run(main())


@each_wait
def test_run_works_for_a_plain_client_and_from_another_thread(wait: Any) -> None:
    assert wait(FakeClient(completed(1))).run() is not None

    async def main() -> None:
        client = FakeAsyncClient(completed(1))
        on_loop = AsyncIOScheduler(asyncio.get_running_loop())
        observable = task_observable(client, TASK, scheduler=on_loop, **HOW)
        assert (await asyncio.to_thread(observable.run)).result == 1

    asyncio.run(main())


def test_a_subscription_that_is_interrupted_ends_the_waits_that_had_begun() -> None:
    client = FakeClient("running")
    held: list[Any] = []

    def ids() -> Any:
        yield "a"
        yield "b"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tasks_observable(client, ids(), timeout=None, **HOW).subscribe(held.append)
