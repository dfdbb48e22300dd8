"""A wait through a handle is the wait through its id, and no wait where there is no id."""

from __future__ import annotations

import asyncio
import threading
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from reactivex import operators as ops
from reactivex.subject import Subject

from rxstream import (
    AsyncTaskHandle,
    TaskHandle,
    TaskHub,
    errors,
    task_observable,
    tasks_observable,
    wait_for_task,
    wait_for_task_async,
)
from rxstream import operators as rxs
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    VirtualTime,
    completed,
    failed,
    run_virtual,
)
from tests.support import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rxstream import BaseTaskHandle

REFUSED = errors.StreamApiException(status_code=400, message="no such user")
FAULT = KeyError("the consumer's")
SCRIPT = ["pending", "running", completed({"url": "u"})]


class Stage:
    """A client and its handles, in one kind of time."""

    def __init__(self, kind: str, script: Any = None) -> None:
        self.kind = kind
        self.time = None if kind == "asyncio" else VirtualTime()
        fake = FakeClient if kind == "sync" else FakeAsyncClient
        self.client: Any = fake(SCRIPT if script is None else script, scheduler=self.time)

    def handle(
        self,
        task_id: str | None = "t1",
        items: tuple[Any, ...] = ("u1", "u2"),
        error: Exception | None = None,
    ) -> BaseTaskHandle[Any]:
        kind = TaskHandle if self.kind == "sync" else AsyncTaskHandle
        return kind(task_id, "delete_users", items, error, client=self.client)

    def play(self, make: Callable[[], Any]) -> list[Any]:
        """Everything that an observable emits, and its error; `|` for a completion."""
        seen: list[Any] = []

        def subscribe() -> Any:
            return make().subscribe(
                seen.append, seen.append, lambda: seen.append("|"), scheduler=self.time
            )

        if self.time is not None:
            subscribe()
            self.time.start(until=1_000)
            return seen

        async def main() -> None:
            subscribe()
            await asyncio.sleep(1_000)

        run_virtual(main())
        return seen


@pytest.fixture(params=KINDS)
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage(request.param)


def facts(seen: list[Any]) -> list[Any]:
    return [(type(one), getattr(one, "status", str(one))) for one in seen]


@pytest.mark.parametrize("script", [SCRIPT, ["running", failed("no")], "running"], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_wait_is_the_same_through_a_handle_and_through_its_id(kind: str, script: Any) -> None:
    by_id, by_handle, observed = Stage(kind, script), Stage(kind, script), Stage(kind, script)
    expected = by_id.play(lambda: task_observable(by_id.client, "t1"))
    found = by_handle.play(lambda: task_observable(by_handle.client, by_handle.handle()))
    method = observed.play(lambda: observed.handle().observe())
    assert facts(found) == facts(method) == facts(expected)
    assert by_handle.client.requests == observed.client.requests == by_id.client.requests


def test_nothing_to_wait_for_completes_at_once_without_a_poll(stage: Stage) -> None:
    nothing = stage.handle(None)
    seen = stage.play(lambda: task_observable(stage.client, nothing, wake=Subject()))
    snapshot, end = seen
    assert (snapshot.is_completed, snapshot.task_id, snapshot.result, end) == (True, "", None, "|")
    assert stage.client.requests == []


@pytest.mark.parametrize("task_id", [None, "t1"])
def test_what_could_not_be_started_ends_with_its_error(stage: Stage, task_id: str | None) -> None:
    handle = stage.handle(task_id, error=REFUSED)
    for _ in range(2):  # each subscription anew
        assert stage.play(lambda: task_observable(stage.client, handle)) == [REFUSED]
    assert stage.client.requests == []


def test_an_end_at_once_is_cold(stage: Stage) -> None:
    observable = task_observable(stage.client, stage.handle(None))
    for _ in range(2):
        assert len(stage.play(lambda: observable)) == 2


def test_an_end_at_once_stops_with_dispose(stage: Stage) -> None:
    first = stage.play(lambda: task_observable(stage.client, stage.handle(None)).pipe(ops.take(1)))
    assert [getattr(one, "status", one) for one in first] == ["completed", "|"]


def test_a_disposed_subscription_hears_nothing() -> None:
    seen: list[Any] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        observable = task_observable(FakeAsyncClient("running"), AsyncTaskHandle(None))
        scheduler = reactivex.scheduler.eventloop.AsyncIOThreadSafeScheduler(loop)

        def elsewhere() -> None:
            observable.subscribe(seen.append, scheduler=scheduler).dispose()
            later = observable.subscribe(
                lambda _: later.dispose(),
                on_completed=lambda: seen.append("|"),
                scheduler=scheduler,
            )

        # Joined by the loop itself, which has no turn before the subscription is disposed.
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        await asyncio.sleep(0)

    asyncio.run(main())
    assert seen == []


def test_what_the_consumer_raises_at_once_is_raised_or_given_to_it(stage: Stage) -> None:
    told: list[Any] = []

    def raises(_: object) -> None:
        raise FAULT

    def subscribe() -> None:
        observable = task_observable(stage.client, stage.handle(None))
        try:
            observable.subscribe(
                raises, told.append, lambda: told.append("|"), scheduler=stage.time
            )
        except KeyError as error:
            told.append(error)

    async def main() -> None:
        subscribe()

    if stage.time is None:
        asyncio.run(main())
    else:
        subscribe()
    assert told == [FAULT]


@pytest.mark.parametrize("task_id", [None, "t1"])
def test_the_helpers_take_handles(task_id: str | None) -> None:
    expected = None if task_id is None else {"url": "u"}
    how: Any = {"poll_interval": 0.001}
    client = FakeClient(SCRIPT)
    handle = TaskHandle[Any](task_id, client=client)
    assert wait_for_task(client, handle, **how) == expected
    assert handle.wait(**how) == expected

    async def main() -> None:
        client = FakeAsyncClient(SCRIPT)
        handle = AsyncTaskHandle[Any](task_id, client=client)
        assert await wait_for_task_async(client, handle, **how) == expected
        assert await handle.wait(**how) == expected
        for waited in (wait_for_task_async(client, one), one.wait()):
            with pytest.raises(errors.StreamApiException, match="no such user"):
                await waited

    one = AsyncTaskHandle[Any](None, error=REFUSED, client=FakeAsyncClient("running"))
    asyncio.run(main())
    with pytest.raises(errors.StreamApiException, match="no such user"):
        TaskHandle[Any](None, error=REFUSED, client=client).wait()


def test_outcomes_have_the_items_of_their_handles(stage: Stage) -> None:
    tasks = [
        stage.handle("a", ("u1",)),
        "b",
        None,
        stage.handle(None, ("u3",)),
        stage.handle(None, ("u4",), REFUSED),
        stage.handle("", ("u5",)),
        stage.handle("c", ("u6",), REFUSED),
    ]
    *outcomes, end = stage.play(lambda: tasks_observable(stage.client, tasks))
    assert end == "|"
    found = {(o.task_id, o.items): (type(o.error), o.polls) for o in outcomes}
    assert found == {
        ("a", ("u1",)): (type(None), 3),
        ("b", ()): (type(None), 3),
        ("", ()): (TypeError, 0),
        ("", ("u3",)): (type(None), 0),
        ("", ("u4",)): (errors.StreamApiException, 0),
        ("", ("u5",)): (ValueError, 0),
        ("c", ("u6",)): (errors.StreamApiException, 0),
    }
    (nothing,) = [o for o in outcomes if o.items == ("u3",)]
    assert (nothing.ok, nothing.result, nothing.snapshot.status) == (True, None, "completed")
    assert {request.task_id for request in stage.client.requests} == {"a", "b"}


def test_ids_and_handles_of_one_task_are_one_wait(stage: Stage) -> None:
    tasks = [stage.handle("a", ("u1",)), "a", stage.handle("a", ("u2",)), stage.handle("a", ())]
    *outcomes, _ = stage.play(lambda: tasks_observable(stage.client, tasks))
    assert [o.items for o in outcomes] == [("u1",), (), ("u2",), ()]
    assert {(o.task_id, o.result["url"], o.polls) for o in outcomes} == {("a", "u", 3)}
    assert len(stage.client.requests) == 3


def test_an_observable_of_handles_will_do(stage: Stage) -> None:
    tasks = reactivex.of(stage.handle("a"), stage.handle(None))
    *outcomes, end = stage.play(lambda: tasks_observable(stage.client, tasks))
    assert [o.task_id for o in outcomes] == ["", "a"]
    assert end == "|"


def test_handles_are_pulled_only_as_there_is_room(stage: Stage) -> None:
    pulled: list[int] = []

    def tasks() -> Any:
        for number in count():
            pulled.append(number)
            yield stage.handle(f"t{number}")

    observable = tasks_observable(stage.client, tasks(), max_concurrent=2)
    outcomes = stage.play(lambda: observable.pipe(ops.take(2)))
    assert [getattr(o, "task_id", o) for o in outcomes] == ["t0", "t1", "|"]
    assert len(pulled) <= 4


def test_endless_ends_at_once_leave_room_for_others(stage: Stage) -> None:
    nothing = stage.handle(None)
    observable = tasks_observable(stage.client, (nothing for _ in range(2_000)))
    assert len(stage.play(lambda: observable)) == 2_001


def test_an_event_wakes_the_wait_of_a_handle() -> None:
    stage = Stage("async")
    events: Subject[Any] = Subject()
    assert stage.time is not None
    seen: list[Any] = []
    for tasks in (
        task_observable(stage.client, stage.handle(), poll_interval=50, wake=events),
        tasks_observable(stage.client, [stage.handle()], poll_interval=50, wake=events),
    ):
        tasks.subscribe(seen.append, scheduler=stage.time)
    stage.time.schedule_relative(5, lambda *_: events.on_next({"task_id": "t1"}))
    stage.time.start(until=10)
    assert [request.at for request in stage.client.requests] == [0, 0, 5, 5]
    stage.time.start(until=200)
    assert len(seen) == 3


def test_a_hub_takes_handles() -> None:
    async def main() -> None:
        client = FakeAsyncClient(SCRIPT)
        hub = TaskHub(client)
        task = AsyncTaskHandle[Any]("t1")
        assert await asyncio.gather(hub.wait(task), hub.wait("t1")) == [{"url": "u"}] * 2
        assert client.polls() == 3
        assert await hub.wait(AsyncTaskHandle[Any](None)) is None
        with pytest.raises(errors.StreamApiException, match="no such user"):
            await hub.wait(AsyncTaskHandle[Any](None, error=REFUSED))

    run_virtual(main())
    assert TaskHub(FakeClient("running")).wait_blocking(TaskHandle[Any](None)) is None


def test_settle_takes_a_handle(stage: Stage) -> None:
    for handle, polls in ((stage.handle(), 3), (stage.handle(None), 0)):
        wait = task_observable(stage.client, handle)
        outcome, end = stage.play(lambda: wait.pipe(rxs.settle(handle)))  # noqa: B023 -- at once
        assert (outcome.task_id, outcome.items, outcome.polls) == (str(handle), handle.items, polls)
        assert (outcome.ok, end) == (True, "|")
    refused = stage.handle(None, error=REFUSED)
    wait = task_observable(stage.client, refused)
    outcome, _ = stage.play(lambda: wait.pipe(rxs.settle(refused)))
    assert (outcome.error, outcome.items) == (REFUSED, refused.items)


@pytest.mark.parametrize("task", [7, ["t1"], None, object()], ids=str)
def test_what_is_neither_is_refused(task: Any) -> None:
    for call in (
        lambda: task_observable(FakeClient("running"), task),
        lambda: wait_for_task(FakeClient("running"), task),
        lambda: rxs.settle(task),
    ):
        with pytest.raises(TypeError, match=r"^task_id must be a string"):
            call()
