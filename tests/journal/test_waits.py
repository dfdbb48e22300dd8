"""`tasks_observable(…, journal=…)`: nothing is emitted before it is recorded, or polled after."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reactivex import operators as ops
from reactivex.subject import Subject

from rxstream import (
    Gate,
    TaskHandle,
    TaskOutcome,
    backoff,
    tasks_observable,
    wait_for_tasks,
    wait_for_tasks_async,
)
from rxstream._records import from_record
from rxstream._store import WAIT, Entry, Known
from rxstream.errors import (
    DescribedException,
    JournalException,
    StreamApiException,
    StreamException,
    StreamTaskException,
    StreamTransportException,
    TaskCancelledException,
    TaskTimeoutException,
)
from rxstream.journal import Journal, MemoryJournal
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    delayed,
    failed,
    hang,
    http_error,
    reset,
    run_virtual,
)
from tests.journal.test_store import Me
from tests.unit.test_batch_laws import BATCHES, FAKES, alone, facts, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OWN = "the consumer's"
NO_THREAD = "can't start new thread"
HOW: dict[str, Any] = {
    "poll_interval": 1.0,
    "timeout": 8.0,
    "retry": backoff.constant(0.5).limited(2),
}


def play(
    store: Any, scripts: Any, ids: Any, *, fake: Any = FakeClient, **keywords: Any
) -> tuple[list[TaskOutcome], Any]:
    """Wait in virtual time; give the outcomes and the client."""
    time = VirtualTime()
    client = fake(scripts, scheduler=time)
    seen = time.record(tasks_observable(client, ids, journal=store, **HOW | keywords))
    assert seen[-1].kind == "completed", seen[-1]
    assert client.in_flight == 0
    return [emission.value for emission in seen[:-1]], client


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_the_same_again_polls_nothing_and_gives_the_whole_list(store: Any, fake: Any) -> None:
    ids = [f"t{number}" for number in range(20)]
    script = Script.turns("running", completed({"n": [1]}))
    first, client = play(store, script, ids, fake=fake)
    assert client.polls() == 40
    assert not any(outcome.replayed for outcome in first)
    second, client = play(store, script, ids, fake=fake)
    assert client.polls() == 0
    assert all(outcome.replayed for outcome in second)
    key = lambda outcome: outcome.task_id  # noqa: E731 -- a key of one line
    assert sorted(second, key=key) == sorted(first, key=key)


def test_what_is_recorded_comes_first_and_the_rest_is_waited_on(store: Any) -> None:
    script = Script.turns("running", completed())
    play(store, script, ["b", "d"])
    found, client = play(store, script, ["a", "b", "c", "d"])
    assert [(outcome.task_id, outcome.replayed) for outcome in found] == [
        ("b", True),
        ("d", True),
        ("a", False),
        ("c", False),
    ]
    assert {request.task_id for request in client.requests} == {"a", "c"}


@settings(max_examples=30, deadline=None)
@given(BATCHES, FAKES, st.sampled_from([None, 1, 2]))
def test_each_outcome_is_that_of_a_wait_without_a_journal(
    scripts: list[Script], fake: Any, limit: int | None
) -> None:
    by_id = named(scripts)
    store = MemoryJournal()
    expected = sorted(alone(fake, by_id).values(), key=repr)
    found, _ = play(store, by_id, list(by_id), fake=fake, max_concurrent=limit)
    assert sorted(map(facts, found), key=repr) == expected
    again, client = play(store, by_id, list(by_id), fake=fake, again=())
    assert sorted(map(facts, again), key=repr) == expected
    assert client.polls() == 0


ENDS: dict[str, Any] = {
    "completed": completed(1),
    "failed": failed("no"),
    "timed out": "running",
    "transport": reset(),
    "refused": http_error(403),
}


@pytest.mark.parametrize(
    ("again", "polled"),
    [
        (None, {"timed out", "transport"}),
        ((), set()),
        (StreamTaskException, {"failed"}),
        (TaskTimeoutException, {"timed out"}),
        ((StreamApiException, StreamTaskException), {"refused", "failed"}),
        (StreamException, {"failed", "timed out", "transport", "refused"}),
    ],
)
def test_which_ends_are_tried_once_more(store: Any, again: Any, polled: set[str]) -> None:
    play(store, ENDS, list(ENDS))
    keywords = {} if again is None else {"again": again}
    found, client = play(store, completed(2), list(ENDS), **keywords)
    assert {request.task_id for request in client.requests} == polled
    for outcome in found:
        assert outcome.replayed == (outcome.task_id not in polled)
        if outcome.task_id in polled:
            assert outcome.result == 2
    found, client = play(store, completed(3), list(ENDS), again=())
    assert client.polls() == 0
    assert {o.task_id for o in found if o.result == 2} == polled


def test_a_cancelled_wait_is_tried_once_more_and_a_foreign_error_is_not(store: Any) -> None:
    class Client:
        def get_task(self, task_id: str) -> Any:
            raise LookupError(task_id)

    def run(client: Any) -> list[TaskOutcome]:
        time = VirtualTime()
        seen = time.record(tasks_observable(client, ["a"], journal=store))
        return [emission.value for emission in seen[:-1]]

    (outcome,) = run(Client())
    assert isinstance(outcome.error, LookupError)
    (outcome,) = run(Client())
    assert isinstance(outcome.error, DescribedException)
    assert str(outcome.error) == "LookupError: a"


def test_an_id_that_comes_again_is_replayed(store: Any) -> None:
    time = VirtualTime()
    ids: Subject[str] = Subject()
    client = FakeClient(Script.turns("running", completed(1)), scheduler=time)
    for at in (0, 0.5, 5):
        time.schedule_relative(at, lambda *_: ids.on_next("a"))
    time.schedule_relative(7, lambda *_: ids.on_completed())
    seen = time.record(tasks_observable(client, ids, journal=store))
    assert [(e.at, e.value.replayed) for e in seen[:-1]] == [(1, False), (1, False), (5, True)]
    assert client.polls() == 2


def test_what_is_no_id_is_an_outcome_and_not_recorded(store: Any) -> None:
    for _ in range(2):
        found, client = play(store, completed(), ["", None, "a"])
        assert [outcome.ok for outcome in found] == [False, False, True]
    assert client.polls() == 0


def test_two_subscriptions_never_wait_on_one_task_at_once(store: Any) -> None:
    time = VirtualTime()
    client = FakeClient(Script.turns("running", "running", completed(1)), scheduler=time)
    found: list[TaskOutcome] = []
    ended: list[int] = []
    for number in range(3):
        tasks_observable(client, ["a"], journal=store).subscribe(
            found.append, on_completed=lambda number=number: ended.append(number), scheduler=time
        )
    time.start()
    if not isinstance(store, Journal):  # a file answers in real time
        assert sorted(outcome.replayed for outcome in found) == [False, True, True]
        assert sorted(ended) == [0, 1, 2]
    assert client.polls() == 3


def test_the_next_one_goes_on_where_a_subscription_is_disposed_of() -> None:
    store = MemoryJournal()
    time = VirtualTime()
    client = FakeClient(Script.timeline({0: "running", 10: completed(1)}), scheduler=time)
    found: list[TaskOutcome] = []
    first = tasks_observable(client, ["a", "b"], journal=store).subscribe(scheduler=time)
    tasks_observable(client, ["a"], journal=store).subscribe(found.append, scheduler=time)
    time.schedule_relative(4.5, lambda *_: first.dispose())
    time.start()
    assert [outcome.result for outcome in found] == [1]
    assert [request.at for request in client.requests if request.task_id == "a"] == [
        *(0, 1, 2, 3, 4),
        *(4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5),
    ]
    assert [request.at for request in client.requests if request.task_id == "b"][-1] == 4


class Held:
    """A store that keeps what it is asked until it is told to go on."""

    name = "held"
    lease: float | None = None

    def __init__(self) -> None:
        self.beneath = MemoryJournal()
        self.holds: set[str] = set()
        self.kept: list[tuple[str, Callable[[], None]]] = []
        self.lost: list[Entry] = []

    def go_on(self) -> None:
        kept, self.kept = self.kept, []
        for _, call in kept:
            call()

    def _do(self, verb: str, call: Callable[[], None]) -> None:
        if verb in self.holds:
            self.kept.append((verb, call))
        else:
            call()

    def add(self, holder: Any, entry: Entry, then: Any, *, over: str | None = None) -> None:
        self._do("add", lambda: self.beneath.add(holder, entry, then, over=over))

    def take(self, holder: Any, room: int, then: Any) -> None:
        self._do("take", lambda: self.beneath.take(holder, room, then))

    def put(self, holder: Any, entry: Entry, record: str, then: Any) -> None:
        self._do("put", lambda: self.beneath.put(holder, entry, record, then))

    def beat(self, holder: Any, then: Any, *, leaves: bool = False) -> None:
        if leaves:
            self.beneath.beat(holder, then, leaves=True)
        else:
            lost, self.lost = self.lost, []
            then(lost, None)


@pytest.mark.parametrize("verb", ["add", "put"])
def test_nothing_is_polled_before_add_and_nothing_emitted_before_put(verb: str) -> None:
    store, time = Held(), VirtualTime()
    store.holds.add(verb)
    client = FakeClient(completed(1), scheduler=time)
    found: list[Any] = []
    tasks_observable(client, ["a"], journal=store).subscribe(
        found.append, on_completed=lambda: found.append("end"), scheduler=time
    )
    time.start(until=5)
    assert client.polls() == (0 if verb == "add" else 1)
    assert not found
    store.go_on()
    time.start(until=10)
    assert client.polls() == 1
    assert [getattr(each, "result", each) for each in found] == [1, "end"]


def test_a_wait_takes_its_time_from_when_it_begins() -> None:
    store, time = Held(), VirtualTime()
    store.holds.add("add")
    client = FakeClient(Script.turns("running", completed(1)), scheduler=time)
    found: list[TaskOutcome] = []
    tasks_observable(client, ["a"], journal=store, timeout=2).subscribe(
        found.append, scheduler=time
    )
    time.start(until=5)
    store.go_on()
    time.start(until=10)
    assert [(outcome.ok, outcome.elapsed) for outcome in found] == [(True, 1.0)]


@pytest.mark.parametrize("verb", ["add", "put"])
def test_who_does_not_keep_up_is_asked_to_write_no_more(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rxstream._wait.inbox._MOST_AWAITED", 64)
    store, time = Held(), VirtualTime()
    store.holds.add(verb)
    asked = 0

    def ids() -> Iterator[str]:
        nonlocal asked
        while True:
            asked += 1
            yield f"t{asked}"

    client = FakeClient(completed(), scheduler=time)
    found: list[TaskOutcome] = []
    wait = tasks_observable(client, ids(), journal=store, gate=Gate(10**6)).subscribe(
        found.append, scheduler=time
    )
    time.start(until=100)
    assert 64 <= asked < 400
    before = asked
    store.go_on()
    time.start(until=200)
    # Waits that had begun count once they have something to write.
    assert before < asked < before + 800
    before = asked
    time.start(until=300)
    assert asked == before
    if verb == "put":
        assert len(found) >= 64
    wait.dispose()


def test_room_is_taken_until_an_outcome_is_recorded() -> None:
    store, time = Held(), VirtualTime()
    store.holds.add("put")
    client = FakeClient(completed(), scheduler=time)
    ids = [f"t{number}" for number in range(9)]
    wait = tasks_observable(client, ids, journal=store, max_concurrent=3).subscribe(scheduler=time)
    for rounds in (1, 2, 3):
        time.start(until=10 * rounds)
        assert client.polls() == 3 * rounds
        store.go_on()
    time.start(until=50)
    wait.dispose()


def test_a_lease_is_renewed_and_what_was_lost_is_waited_on_no_more() -> None:
    store, time = Held(), VirtualTime()
    store.lease = 3.0
    script = {"a": Script.timeline({0: "running", 9: completed(1)}), "b": "running"}
    client = FakeClient(script, scheduler=time)
    beats: list[float] = []
    beneath = store.beat

    def beat(holder: Any, then: Any, *, leaves: bool = False) -> None:
        beats.append(time.now.timestamp())
        if time.now.timestamp() == 4:
            store.lost.append(Entry(WAIT, "b"))
            store.lost.append(Entry(WAIT, "unknown"))
        beneath(holder, then, leaves=leaves)

    store.beat = beat
    seen = time.record(tasks_observable(client, ["a", "b"], journal=store, gate=Gate(9)))
    assert [(e.at, e.kind) for e in seen] == [(9, "next"), (9, "completed")]
    assert seen[0].value.task_id == "a"
    assert sorted(set(beats)) == list(range(10))
    assert max(r.at for r in client.requests if r.task_id == "b") == 4


def test_a_record_that_somebody_else_was_faster_to_write_is_not_emitted() -> None:
    store = Held()

    def put(holder: Any, entry: Entry, record: str, then: Any) -> None:
        then(entry.key != "b", None)

    store.put = put
    found, _ = play(store, completed(1), ["a", "b", "c"])
    assert [outcome.task_id for outcome in found] == ["a", "c"]


class Broken(MemoryJournal):
    """A store that fails at one of its verbs."""

    def __init__(self, verb: str) -> None:
        super().__init__()
        error = JournalException(path="x", reason="full", message="no room")

        def fail(*given: Any, **_: Any) -> None:
            given[2 if verb != "put" else 3](None, error)

        setattr(self, verb, fail)


@pytest.mark.parametrize("verb", ["add", "take", "put"])
@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_a_store_that_fails_ends_the_stream(verb: str, fake: Any) -> None:
    time = VirtualTime()
    client = fake(completed(), scheduler=time)
    ids = [f"t{number}" for number in range(600)]
    seen = time.record(tasks_observable(client, ids, journal=Broken(verb)))
    (end,) = seen
    assert isinstance(end.value, JournalException)
    assert end.value.reason == "full"
    assert client.in_flight == 0


def test_a_payload_that_is_no_json_ends_the_stream(store: Any) -> None:
    class Client:
        def get_task(self, task_id: str) -> Any:
            return {"task_id": task_id, "status": "completed", "result": {1, 2}}

    time = VirtualTime()
    (end,) = time.record(tasks_observable(Client(), ["a"], journal=store))
    assert isinstance(end.value, JournalException)
    assert end.value.reason == "not_json"
    assert "task a holds what is not JSON" in str(end.value)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_record_that_cannot_be_read_ends_the_stream(when: str) -> None:
    store, time, me = MemoryJournal(), VirtualTime(), Me()
    entry = Entry(WAIT, "a")

    def write(*_: Any) -> None:
        store.put(me, entry, "{", lambda *_: None)

    store.add(me, entry, lambda *_: None)
    if when == "before":
        write()
    else:
        time.schedule_relative(3, write)
    (end,) = time.record(
        tasks_observable(FakeClient("running", scheduler=time), ["a"], journal=store)
    )
    assert isinstance(end.value, JournalException)
    assert end.value.reason == "damaged"
    assert end.at == (0 if when == "before" else 3)


def test_what_cannot_begin_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    time = VirtualTime()

    def refuse(*_: Any) -> None:
        raise RuntimeError(NO_THREAD)

    monkeypatch.setattr("rxstream._wait.engine.Wait.start", refuse)
    client = FakeClient("running", scheduler=time)
    (end,) = time.record(tasks_observable(client, ["a"], journal=MemoryJournal()))
    assert str(end.value) == NO_THREAD


@pytest.mark.parametrize("value", ["run.db", 7, object(), Journal])
def test_what_is_no_journal_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="journal must be a journal of rxstream"):
        tasks_observable(FakeClient(completed()), [], journal=value)


@pytest.mark.parametrize(
    "value", [None, "timeout", [StreamException], (int,), StreamException("x")]
)
def test_what_cannot_be_caught_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="again must be exception classes"):
        tasks_observable(FakeClient(completed()), [], again=value)


def test_a_consumer_that_raises_ends_it_and_what_it_saw_is_recorded(store: Any) -> None:
    time = VirtualTime()
    client = FakeClient(Script.turns("running", completed()), scheduler=time)

    def fail(_: TaskOutcome) -> None:
        raise LookupError(OWN)

    tasks_observable(client, ["a", "b"], journal=store).subscribe(fail, scheduler=time)
    with pytest.raises(LookupError, match=OWN):
        time.start()
    time.start()
    found, _ = play(store, completed(), ["a", "b"])
    assert found[0].replayed


def test_an_event_wakes_what_has_begun(store: Any) -> None:
    time = VirtualTime()
    wake: Subject[Any] = Subject()
    client = FakeClient(Script.timeline({0: "running", 5: completed()}), scheduler=time)
    time.schedule_relative(6, lambda *_: wake.on_next(None))
    seen = time.record(tasks_observable(client, ["a"], journal=store, poll_interval=50, wake=wake))
    assert [emission.at for emission in seen] == [6, 6]


def test_an_event_does_not_wake_what_has_not_begun() -> None:
    store, time = Held(), VirtualTime()
    store.holds.add("add")
    wake: Subject[Any] = Subject()
    client = FakeClient(completed(), scheduler=time)
    tasks_observable(client, ["a"], journal=store, wake=wake).subscribe(scheduler=time).dispose()
    wait = tasks_observable(client, ["a"], journal=store, wake=wake).subscribe(scheduler=time)
    wake.on_next(None)
    wake.on_next({"task_id": "a"})
    time.start(until=2)
    assert client.polls() == 0
    wait.dispose()


async def outcomes_of(observable: Any) -> list[TaskOutcome]:
    return await observable.pipe(ops.to_list())


def test_on_a_loop(path: Path) -> None:
    ids = [f"t{number}" for number in range(300)]
    for polls in (600, 0):
        client = FakeAsyncClient(Script.turns("running", completed({"n": 1})))
        with Journal(path) as journal:
            found = asyncio.run(
                outcomes_of(
                    tasks_observable(
                        client, ids, journal=journal, poll_interval=0.001, gate=Gate(300)
                    )
                )
            )
        assert client.polls() == polls
        assert sorted(outcome.task_id for outcome in found) == sorted(ids)


def test_on_a_virtual_loop(store: Any) -> None:
    async def main() -> list[TaskOutcome]:
        client = FakeAsyncClient(Script.turns("running", hang()))
        return await outcomes_of(tasks_observable(client, ["a"], journal=store, timeout=1000))

    (outcome,) = run_virtual(main())
    assert isinstance(outcome.error, TaskTimeoutException)
    assert outcome.elapsed == pytest.approx(1000)


def test_on_threads_whose_consumer_waits_in_turn(path: Path) -> None:
    client = FakeClient(Script.turns("running", completed(1)))
    over, inner = threading.Event(), []

    with Journal(path) as journal:

        def consume(outcome: TaskOutcome) -> None:
            ids = [f"{outcome.task_id}-{number}" for number in range(3)]
            inner.append(
                tasks_observable(client, ids, journal=journal, poll_interval=0.001)
                .pipe(ops.to_list())
                .run()
            )

        ids = [f"t{number}" for number in range(10)]
        with tasks_observable(client, ids, journal=journal, poll_interval=0.001).subscribe(
            consume, on_completed=over.set
        ):
            assert over.wait(20)
    assert [len(found) for found in inner] == [3] * 10


def test_a_journal_that_is_closed_meanwhile_ends_the_stream(path: Path) -> None:
    async def main() -> Exception:
        journal = Journal(path)
        ended: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        client = FakeAsyncClient(Script.turns("running", delayed(completed(), 0.05)))
        with tasks_observable(client, ["a"], journal=journal, poll_interval=0.01).subscribe(
            on_error=ended.set_result
        ):
            await asyncio.sleep(0.03)
            journal.close()
            return await asyncio.wait_for(ended, 10)

    error = asyncio.run(main())
    assert isinstance(error, JournalException)
    assert error.reason == "closed"


def test_where_no_thread_can_be_started_answers_come_on_another(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError(NO_THREAD)

    over = threading.Event()
    with Journal(path) as journal:
        client = FakeClient(completed())
        waiting = tasks_observable(client, ["a"], journal=journal)
        monkeypatch.setattr("rxstream._call.on_thread.Workers.submit", refuse)
        found: list[Any] = []
        with waiting.subscribe(found.append, lambda error: over.set(), over.set):
            assert over.wait(10)
    assert isinstance(found[0].error, RuntimeError)


def test_what_was_recorded_can_be_read_as_it_stands() -> None:
    store, known = MemoryJournal(), []
    (outcome,), _ = play(store, completed({"a": 1}), ["a"])
    store.add(Me(), Entry(WAIT, "a"), lambda answer, _: known.append(answer))
    assert isinstance(known[0], Known)
    assert from_record("a", known[0].record) == outcome


def test_transport_and_cancelled_are_the_default() -> None:
    assert not issubclass(StreamTaskException, (StreamTransportException, TaskCancelledException))


def test_a_loop_that_ends_under_its_waits_holds_nothing(path: Path) -> None:
    with Journal(path) as journal:

        async def leave() -> None:
            client = FakeAsyncClient("running")
            tasks_observable(client, ["a"], journal=journal, timeout=None).subscribe()
            await asyncio.sleep(0.1)
            assert client.polls()

        asyncio.run(leave())
        client = FakeAsyncClient(completed(1))
        (outcome,) = asyncio.run(outcomes_of(tasks_observable(client, ["a"], journal=journal)))
    assert outcome.result == 1


def test_in_a_loop(path: Path) -> None:
    ids = [f"t{number}" for number in range(250)]

    async def all_of(client: Any, journal: Any) -> list[TaskOutcome]:
        outcomes = wait_for_tasks_async(client, ids, journal=journal, poll_interval=0.001)
        return [outcome async for outcome in outcomes]

    with Journal(path) as journal:
        client = FakeClient(Script.turns("running", completed(1)))
        first = []
        for outcome in wait_for_tasks(client, ids, journal=journal, poll_interval=0.001):
            first.append(outcome)
            if len(first) == 100:
                break
        other = FakeAsyncClient(Script.turns("running", completed(1)))
        found = asyncio.run(all_of(other, journal))
        assert sorted(outcome.task_id for outcome in found) == sorted(ids)
        assert sum(outcome.replayed for outcome in found) >= 100
        assert other.polls() == 2 * sum(not outcome.replayed for outcome in found)
        again = list(wait_for_tasks(client, ids, journal=journal))
        assert all(outcome.replayed for outcome in again)


def test_the_items_of_a_handle_are_recorded(store: Any) -> None:
    handles = [TaskHandle("a", "delete_users", ("u1", "u2")), "b"]
    (a, b), _ = play(store, completed(1), handles)
    assert (a.items, b.items) == (("u1", "u2"), ())
    (a, b), client = play(store, completed(1), ["a", "b"])
    assert client.polls() == 0
    assert (a.items, b.items) == (("u1", "u2"), ())
    (a, b), _ = play(store, completed(1), [TaskHandle("a", "x", ("u3",)), "b"])
    assert a.items == ("u3",)
    assert a.replayed
