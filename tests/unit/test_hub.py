"""`TaskHub`: one wait for all who watch the same task."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any
from unittest.mock import Mock

import pytest
from reactivex import operators as ops
from reactivex.subject import Subject

from rxstream import TaskSnapshot
from rxstream import operators as rxs
from rxstream.backoff import constant
from rxstream.errors import StreamApiException, StreamTaskException, TaskTimeoutException
from rxstream.hub import TaskHub
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    failed,
    hang,
    http_error,
    run_virtual,
)
from tests.support import TASK, Recording, seconds_of

RUN = Script.timeline({0: "pending", 1: "running", 5: completed({"n": 1})})


@pytest.fixture(params=[FakeClient, FakeAsyncClient])
def stage(request: pytest.FixtureRequest) -> Any:
    def make(script: Any = RUN, **keywords: Any) -> tuple[VirtualTime, Any, TaskHub]:
        time = VirtualTime()
        client = request.param(script, scheduler=time)
        return time, client, TaskHub(client, scheduler=time, **keywords)

    return make


def watch(hub: TaskHub, time: VirtualTime, task: str = TASK) -> tuple[Recording, Any]:
    seen = Recording(None)
    return seen, seen.observe(hub.observe(task), seconds_of(time))


def test_one_poll_for_all_who_watch(stage: Any) -> None:
    time, client, hub = stage()
    both = [watch(hub, time)[0] for _ in range(2)]
    time.start()
    for seen in both:
        assert seen.moments == [0, 1, 2, 3, 4, 5]
        assert seen.completed
    assert client.polls(TASK) == 6


def test_a_late_comer_sees_the_last_answer_at_once_and_then_what_the_others_see(stage: Any) -> None:
    time, client, hub = stage()
    early, _ = watch(hub, time)
    time.start(until=2.5)
    late, _ = watch(hub, time)
    assert late.statuses == ["running"]
    assert late.emitted[0][1] is early.emitted[-1][1]
    time.start()
    assert late.moments == [0, 0.5, 1.5, 2.5]
    assert client.polls(TASK) == 6


def test_the_last_to_leave_stops_the_polling(stage: Any) -> None:
    time, client, hub = stage("running")
    (_, one), (_, other) = watch(hub, time), watch(hub, time)
    time.start(until=1.5)
    one.dispose()
    time.start(until=3.5)
    assert client.polls(TASK) == 4
    other.dispose()
    other.dispose()
    time.start()
    assert time.now.timestamp() == 3.5, "a timer was left"
    assert client.polls(TASK) == 4
    again, subscription = watch(hub, time)
    assert again.moments == [0]
    assert client.polls(TASK) == 5
    subscription.dispose()


def test_leaving_ends_the_request_that_is_under_way(stage: Any) -> None:
    time, client, hub = stage(hang())
    _, one = watch(hub, time)
    assert client.in_flight == 1
    one.dispose()
    assert client.in_flight == 0
    time.start()


def test_each_task_has_a_wait_of_its_own(stage: Any) -> None:
    time, _, hub = stage({"a": RUN, "b": [completed(2)]})
    a, b = watch(hub, time, "a")[0], watch(hub, time, "b")[0]
    time.start()
    assert (a.ended_at, b.ended_at) == (5, 0)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (["running", failed("no")], StreamTaskException),
        (["running", http_error(404)], StreamApiException),
        ("running", TaskTimeoutException),
    ],
)
def test_an_error_reaches_everybody_and_the_next_tries_anew(
    stage: Any, script: Any, kind: type[Exception]
) -> None:
    time, client, hub = stage(script, timeout=5)
    both = [watch(hub, time)[0] for _ in range(2)]
    time.start()
    assert all(type(seen.error) is kind for seen in both)
    polls = client.polls(TASK)
    again, _ = watch(hub, time)
    time.start()
    assert type(again.error) is kind
    assert client.polls(TASK) > polls


def test_a_task_that_failed_can_be_tried_again_until_it_completes(stage: Any) -> None:
    time, _, hub = stage(["running", failed("worker died"), "running", completed(3)])
    again = rxs.retry_with(constant(2), on=StreamTaskException)
    *_, last, end = time.record(hub.observe(TASK).pipe(again))
    assert (last.value.result, end.kind) == (3, "completed")


def test_a_completed_task_is_remembered_for_a_while(stage: Any) -> None:
    time, client, hub = stage(keep=60)
    watch(hub, time)
    time.start()
    time.advance_by(59)
    late, _ = watch(hub, time)
    assert (late.statuses, late.completed) == (["completed"], True)
    assert late.emitted[0][1].result == {"n": 1}
    assert client.polls(TASK) == 6
    time.advance_by(2)
    watch(hub, time)
    assert client.polls(TASK) == 7


def test_nothing_is_remembered_where_none_is_to_be_kept(stage: Any) -> None:
    time, client, hub = stage([completed()], keep=0)
    for polls in (1, 2):
        watch(hub, time)
        assert client.polls(TASK) == polls


def test_only_so_many_are_remembered_and_the_oldest_goes_first(stage: Any) -> None:
    time, client, hub = stage({name: [completed(name)] for name in "abc"}, max_kept=2)
    for name in "abc":
        watch(hub, time, name)
    for name in "bc":
        watch(hub, time, name)
    assert client.polls() == 3
    watch(hub, time, "a")
    assert client.polls() == 4


def test_what_ended_in_one_virtual_time_is_not_known_in_another(stage: Any) -> None:
    client = FakeClient([completed(1)])
    hub = TaskHub(client)
    for polls in (1, 2):
        VirtualTime().record(hub.observe(TASK))
        assert client.polls(TASK) == polls


def test_what_is_over_is_forgotten_behind_what_cannot_be_compared() -> None:
    client = FakeClient([completed(1)])
    hub = TaskHub(client, keep=5)
    elsewhere, time = VirtualTime(), VirtualTime()
    elsewhere.record(hub.observe("a"))
    time.record(hub.observe(TASK))
    time.advance_by(6)
    time.record(hub.observe(TASK))
    assert client.polls(TASK) == 2


def test_one_that_raises_does_not_hurt_the_others(stage: Any) -> None:
    time, client, hub = stage()
    fault = LookupError()

    def consumer(snapshot: TaskSnapshot) -> None:
        if snapshot.status == "running":
            raise fault

    before, _ = watch(hub, time)
    hub.observe(TASK).subscribe(consumer)
    behind, _ = watch(hub, time)
    with pytest.raises(LookupError) as raised:
        time.start()
    assert raised.value is fault
    time.start()
    assert before.moments == behind.moments == [0, 1, 2, 3, 4, 5]
    assert client.polls(TASK) == 6


def test_one_that_raises_at_the_end_does_not_hurt_the_others(stage: Any) -> None:
    time, _, hub = stage([completed()])

    def raises() -> None:
        raise LookupError

    hub.observe(TASK).subscribe(on_completed=raises)
    behind, _ = watch(hub, time)
    with pytest.raises(LookupError):
        time.start()
    assert behind.completed


def test_an_interrupt_in_one_leaves_the_wait_to_the_others(stage: Any) -> None:
    time, _, hub = stage()

    def interrupt(_: TaskSnapshot) -> None:
        raise KeyboardInterrupt

    hub.observe(TASK).subscribe(interrupt)
    behind, _ = watch(hub, time)
    with pytest.raises(KeyboardInterrupt):
        time.start()
    time.start()
    assert behind.completed


def test_one_may_leave_within_its_own_on_next(stage: Any) -> None:
    time, client, hub = stage()
    place: list[Any] = []
    seen: list[str] = []

    def once(snapshot: TaskSnapshot) -> None:
        seen.append(snapshot.status)
        if len(seen) == 2:
            place[0].dispose()

    place.append(hub.observe(TASK).subscribe(once))
    time.start()
    assert seen == ["pending", "running"]
    assert time.now.timestamp() == 1
    assert client.polls(TASK) == 2


def test_one_may_put_another_out_who_then_hears_nothing_more(stage: Any) -> None:
    time, client, hub = stage()
    place: list[Any] = []

    def put_out(snapshot: TaskSnapshot) -> None:
        if snapshot.status == "running":
            place[0].dispose()

    hub.observe(TASK).subscribe(put_out)
    other, subscription = watch(hub, time)
    place.append(subscription)
    time.start()
    assert other.moments == [0]
    assert client.polls(TASK) == 6


def test_one_may_join_within_a_callback(stage: Any) -> None:
    time, client, hub = stage()
    joined: list[Recording] = []

    def join(snapshot: TaskSnapshot) -> None:
        if snapshot.status == "running" and not joined:
            joined.append(watch(hub, time)[0])

    hub.observe(TASK).subscribe(join)
    time.start()
    assert joined[0].moments == [0, 1, 2, 3, 4], "each answer once"
    assert client.polls(TASK) == 6


def test_one_may_join_at_the_end_and_get_what_is_remembered(stage: Any) -> None:
    time, client, hub = stage()
    joined: list[Recording] = []
    hub.observe(TASK).subscribe(on_completed=lambda: joined.append(watch(hub, time)[0]))
    time.start()
    assert joined[0].statuses == ["completed"]
    assert joined[0].completed
    assert client.polls(TASK) == 6


def test_one_may_leave_and_come_back_within_a_callback(stage: Any) -> None:
    time, client, hub = stage()
    place: list[Any] = []
    again: list[Recording] = []

    def come_back(snapshot: TaskSnapshot) -> None:
        if snapshot.status == "running" and not again:
            place[0].dispose()
            again.append(watch(hub, time)[0])

    place.append(hub.observe(TASK).subscribe(come_back))
    time.start()
    assert again[0].moments == [0, 1, 2, 3, 4]
    assert client.polls(TASK) == 2 + 5


def test_a_storm_of_those_who_come_and_go(stage: Any) -> None:
    time, client, hub = stage()
    stayed, _ = watch(hub, time)
    for at in range(1, 5):
        time.start(until=at - 0.5)
        for subscription in [watch(hub, time)[1] for _ in range(300)]:
            subscription.dispose()
    time.start()
    assert stayed.moments == [0, 1, 2, 3, 4, 5]
    assert client.polls(TASK) == 6
    assert not hub._state._by_home


def test_ten_thousand_who_watch_a_hundred_tasks_cost_a_hundred_waits(stage: Any) -> None:
    time, client, hub = stage(["running", completed(1)])
    ends: list[TaskSnapshot] = []
    for number in range(10_000):
        hub.observe(f"task-{number % 100}").subscribe(ends.append)
    time.start()
    assert len(ends) == 20_000
    assert client.polls() == 200


def test_an_event_wakes_the_shared_wait(stage: Any) -> None:
    events: Subject[Any] = Subject()
    script = Script.timeline({0: "running", 5: completed()})
    time, _, hub = stage(script, poll_interval=50, wake=events)
    seen, _ = watch(hub, time)
    time.schedule_relative(6, lambda *_: events.on_next({"task_id": TASK}))
    time.start()
    assert seen.moments == [0, 6]
    assert not events.observers


def test_nothing_is_held_once_all_is_over(stage: Any) -> None:
    time, _, hub = stage("running", timeout=3)
    watch(hub, time)
    time.start()
    assert not hub._state._by_home
    assert not hub._state._completed._by_id


# The plain one is called on worker threads, for which virtual time does not wait.
@pytest.mark.parametrize(
    ("fake", "run"), [(FakeClient, asyncio.run), (FakeAsyncClient, run_virtual)]
)
def test_await_gives_each_the_payload_or_the_error(fake: Any, run: Any) -> None:
    async def main() -> None:
        client = fake({"well": ["running", completed(7)], "badly": ["running", failed("no")]})
        hub = TaskHub(client, poll_interval=0.01)
        ids = ["well", "well", "badly", "badly"]
        ends = await asyncio.gather(*map(hub.wait, ids), return_exceptions=True)
        assert ends[:2] == [7, 7]
        assert ends[2] is ends[3]
        assert isinstance(ends[2], StreamTaskException)
        assert await hub.wait("well") == 7
        assert client.polls() == 4

    run(main())


def test_cancelling_one_who_awaits_leaves_the_others_alone() -> None:
    async def main() -> None:
        client = FakeAsyncClient(["running", completed(7)])
        hub = TaskHub(client)
        one, other = (asyncio.create_task(hub.wait(TASK)) for _ in range(2))
        await asyncio.sleep(0.5)
        one.cancel()
        assert await other == 7
        assert one.cancelled()

    run_virtual(main())


def test_a_shared_exception_does_not_gather_the_frames_of_all_who_raise_it() -> None:
    def depth(error: BaseException) -> int:
        traceback, number = error.__traceback__, 0
        while traceback is not None:
            traceback, number = traceback.tb_next, number + 1
        return number

    async def main() -> None:
        hub = TaskHub(FakeAsyncClient(["running", failed("no")]))
        ends = await asyncio.gather(*(hub.wait(TASK) for _ in range(50)), return_exceptions=True)
        assert isinstance(ends[0], StreamTaskException)
        assert depth(ends[0]) < 10

    run_virtual(main())


def test_the_context_of_each_is_its_own() -> None:
    who = contextvars.ContextVar("who", default="nobody")
    seen: list[str] = []

    async def one(name: str, hub: TaskHub) -> None:
        who.set(name)
        hub.observe(TASK).subscribe(on_completed=lambda: seen.append(who.get()))

    async def main() -> None:
        hub = TaskHub(FakeAsyncClient(["running", completed()]))
        for name in ("jane", "joe"):
            await asyncio.create_task(one(name, hub))
        await hub.wait(TASK)

    run_virtual(main())
    assert seen == ["jane", "joe"]


def test_a_fault_on_a_loop_goes_to_its_exception_handler() -> None:
    fault = LookupError()
    told: list[Any] = []

    def raises(_: TaskSnapshot) -> None:
        raise fault

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        hub = TaskHub(FakeAsyncClient(["running", completed(7)]))
        hub.observe(TASK).subscribe(raises)
        assert await hub.wait(TASK) == 7

    run_virtual(main())
    assert [context["exception"] for context in told] == [fault]


def test_threads_share_a_wait_and_block_for_its_payload() -> None:
    client = FakeClient(["running", "running", completed(7)])
    hub = TaskHub(client, poll_interval=0.02)
    payloads: list[Any] = []
    together = threading.Barrier(8)

    def watch_blocking() -> None:
        together.wait()
        payloads.append(hub.wait_blocking(TASK))

    threads = [threading.Thread(target=watch_blocking) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert payloads == [7] * 8
    assert client.polls(TASK) == 3


def test_a_callback_that_blocks_for_its_own_task_is_told_so() -> None:
    hub = TaskHub(FakeClient(["running", completed(7)]), poll_interval=0.01)
    told: list[str] = []

    def block(snapshot: TaskSnapshot) -> None:
        try:
            told.append(hub.wait_blocking(TASK))
        except RuntimeError as error:
            told.append(str(error))

    hub.observe(TASK).subscribe(block)
    assert hub.wait_blocking(TASK) == 7
    assert told[0].startswith("a callback cannot block for its own task")


def test_a_callback_may_block_for_another_task() -> None:
    hub = TaskHub(FakeClient(["running", completed(7)]), poll_interval=0.01)
    told: list[int] = []
    hub.observe(TASK).subscribe(lambda _: told.append(hub.wait_blocking("another")))
    assert hub.wait_blocking(TASK) == 7
    assert told[0] == 7


def test_one_item_is_enough_for_some(stage: Any) -> None:
    time, client, hub = stage("running")
    seen: list[TaskSnapshot] = []
    hub.observe(TASK).pipe(ops.take(1)).subscribe(seen.append)
    time.start()
    assert (len(seen), client.polls(TASK), client.in_flight) == (1, 1, 0)
    assert not hub._state._by_home


def test_threads_that_come_and_go_all_the_time() -> None:
    client = FakeClient(["running"] * 30 + [completed(7)])
    hub = TaskHub(client, poll_interval=0.001)
    stayed: list[TaskSnapshot] = []
    done = threading.Event()
    hub.observe(TASK).subscribe(stayed.append, None, done.set)
    over = threading.Event()
    wrong: list[Any] = []

    def come_and_go() -> None:
        while not over.is_set():
            with hub.observe(TASK).subscribe(on_error=wrong.append):
                pass

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert done.wait(30)
    over.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(stayed) == 31
    assert client.polls(TASK) == 31
    assert not hub._state._by_home


def test_a_fault_on_a_thread_goes_to_the_excepthook(monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()
    faults: list[Any] = []

    def hook(arguments: Any) -> None:
        faults.append(arguments.exc_value)
        told.set()

    monkeypatch.setattr(threading, "excepthook", hook)
    fault = LookupError()

    def raises(_: TaskSnapshot) -> None:
        raise fault

    hub = TaskHub(FakeClient(["running", completed(7)]), poll_interval=0.01)
    hub.observe(TASK).subscribe(raises)
    assert hub.wait_blocking(TASK) == 7
    assert told.wait(10)
    assert faults == [fault]


def test_loops_and_threads_at_once() -> None:
    client = FakeClient(["running", "running", completed(7)])
    hub = TaskHub(client, poll_interval=0.02)
    payloads: list[Any] = []
    together = threading.Barrier(6)

    def on_a_loop() -> None:
        together.wait()
        payloads.append(asyncio.run(hub.wait(TASK)))

    def on_a_thread() -> None:
        together.wait()
        payloads.append(hub.wait_blocking(TASK))

    threads = [threading.Thread(target=target) for target in (on_a_loop, on_a_thread) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert payloads == [7] * 6


def test_a_loop_that_ended_holds_nobody_up_and_what_ended_on_it_is_known() -> None:
    client = FakeAsyncClient({"a": "running", "b": [completed(2)], "c": [completed(3)]})
    hub = TaskHub(client)

    async def leave_it_behind() -> None:
        hub.observe("a").subscribe()
        assert await hub.wait("b") == 2

    async def come_later() -> None:
        assert await hub.wait("b") == 2
        assert await hub.wait("c") == 3
        assert client.polls("b") == 1

    for main in (leave_it_behind, come_later):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
    assert not hub._state._by_home


def test_a_slow_one_on_another_thread_does_not_stop_the_others() -> None:
    client = FakeClient(["running", completed(7)])
    hub = TaskHub(client, poll_interval=0.02)
    entered, go_on = threading.Event(), threading.Event()
    slow: list[str] = []
    done = threading.Event()

    def block(snapshot: TaskSnapshot) -> None:
        entered.set()
        slow.append(snapshot.status)
        go_on.wait(10)

    first_seen = threading.Event()
    hub.observe(TASK).subscribe(lambda _: first_seen.set())
    first_seen.wait(10)
    late = threading.Thread(target=lambda: hub.observe(TASK).subscribe(block, None, done.set))
    late.start()
    entered.wait(10)
    assert hub.wait_blocking(TASK) == 7
    go_on.set()
    late.join()
    assert done.wait(10)
    assert slow == ["running", "completed"]


def test_an_async_client_needs_a_loop_and_does_not_block() -> None:
    hub = TaskHub(FakeAsyncClient("running"))
    with pytest.raises(TypeError, match=r"await hub\.wait"):
        hub.wait_blocking(TASK)
    errors: list[Exception] = []
    hub.observe(TASK).subscribe(on_error=errors.append)
    assert "needs a running event loop" in str(errors[0])
    assert not hub._state._by_home


def test_blocking_in_virtual_time_is_refused() -> None:
    time = VirtualTime()
    hub = TaskHub(FakeClient("running", scheduler=time), scheduler=time)
    with pytest.raises(RuntimeError, match="virtual time does not pass"):
        hub.wait_blocking(TASK)
    assert not hub._state._by_home


def test_an_interrupt_before_the_wait_begins_leaves_nobody_waiting_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub = TaskHub(FakeClient(completed(7)), poll_interval=0.01)
    with monkeypatch.context() as patch:
        patch.setattr(hub, "_wait_for", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            hub.observe(TASK).subscribe(on_error=lambda _: None)
    assert hub.wait_blocking(TASK) == 7


def test_a_wait_that_cannot_be_started_is_everybodys_error() -> None:
    class Broken(Subject[Any]):
        def _subscribe_core(self, observer: Any, scheduler: Any = None) -> Any:
            raise KeyboardInterrupt

    hub = TaskHub(FakeClient("running"), wake=Broken())
    with pytest.raises(KeyboardInterrupt):
        hub.observe(TASK).subscribe(on_error=lambda _: None)
    assert not hub._state._by_home


@pytest.mark.parametrize(
    ("keywords", "kind", "name"),
    [
        ({"keep": -1}, ValueError, "keep"),
        ({"keep": "1"}, TypeError, "keep"),
        ({"max_kept": 0}, ValueError, "max_kept"),
        ({"max_kept": 1.5}, TypeError, "max_kept"),
        ({"poll_interval": -1}, ValueError, "poll_interval"),
        ({"timeout": "1"}, TypeError, "timeout"),
        ({"retry": 3}, TypeError, "retry"),
        ({"gate": 3}, TypeError, "gate"),
        ({"wake": 3}, TypeError, "wake"),
        ({"scheduler": 3}, TypeError, "scheduler"),
        ({"client": 3}, TypeError, "client"),
    ],
)
def test_arguments_are_checked_when_it_is_made(
    keywords: dict[str, Any], kind: type[Exception], name: str
) -> None:
    with pytest.raises(kind, match=f"^{name} must "):
        TaskHub(**{"client": FakeClient("running"), **keywords})


@pytest.mark.parametrize(("task", "kind"), [("", ValueError), (None, TypeError), (3, TypeError)])
def test_an_id_is_checked_when_it_is_observed(task: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^task_id must "):
        TaskHub(FakeClient("running")).observe(task)


def test_a_fork_starts_afresh() -> None:
    time = VirtualTime()
    hub = TaskHub(FakeClient("running", scheduler=time), scheduler=time)
    watch(hub, time)
    lock = hub._state.lock
    hub._state._start_afresh()  # what a forked child does
    assert hub._state.lock is not lock
    assert not hub._state._by_home


def test_a_signal_handler_may_leave_in_the_middle_of_anything() -> None:
    time = VirtualTime()
    client = FakeClient("running", scheduler=time)
    hub = TaskHub(client, scheduler=time)
    seen, subscription = watch(hub, time)
    with hub._state.lock:
        subscription.dispose()
        assert hub._state._by_home, "not in the middle of what the lock protects"
    time.start()
    assert seen.moments == [0]
    assert time.now.timestamp() == 0, "a timer was left"
