"""`progress`: what is counted, and when it is said."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from reactivex import operators as ops
from reactivex.subject import Subject

from rxstream import Gate, Progress, TaskOutcome, tasks_observable
from rxstream import operators as rxs
from rxstream.errors import TaskTimeoutException
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
    run_virtual,
)

if TYPE_CHECKING:
    from rxstream.testing import Emission

SCRIPTS: dict[str, Any] = {
    "a": Script.timeline({0: "running", 2: completed()}),
    "b": Script.timeline({0: "running", 4: failed("no")}),
    "c": hang(),
    "d": http_error(404),
}
FAKES = [FakeClient, FakeAsyncClient]


def counts(seen: list[Emission]) -> list[tuple[int, int, int, int, int | None]]:
    return [
        (p.done, p.completed, p.failed, p.timed_out, p.total)
        for p in (emission.value for emission in seen if emission.kind == "next")
    ]


@pytest.mark.parametrize("fake", FAKES)
def test_it_counts_how_each_wait_ended(fake: Any) -> None:
    time = VirtualTime()
    client = fake(SCRIPTS, scheduler=time)
    ids = ["a", "b", "c", "d", None]
    seen = time.record(tasks_observable(client, ids, timeout=10).pipe(rxs.progress(len(ids))))
    assert counts(seen) == [
        (0, 0, 0, 0, 5),
        (1, 0, 1, 0, 5),  # no id: refused, without a poll
        (2, 0, 2, 0, 5),  # 404
        (3, 1, 2, 0, 5),
        (4, 1, 3, 0, 5),
        (5, 1, 3, 1, 5),  # the deadline
    ]
    assert [round(emission.at, 6) for emission in seen] == [0, 0, 0, 2, 4, 10, 10]
    assert [p.value.elapsed for p in seen[:-1]] == pytest.approx([0, 0, 0, 2, 4, 10], abs=1e-6)
    assert seen[-1].kind == "completed"


def test_on_a_loop_it_takes_its_time_from_the_loop() -> None:
    async def main() -> list[Progress]:
        client = FakeAsyncClient({key: SCRIPTS[key] for key in "ab"})
        waits = tasks_observable(client, ["a", "b"])
        seen: list[Progress] = await waits.pipe(rxs.progress(2), ops.to_list())
        assert asyncio.get_running_loop().time() == pytest.approx(4)
        return seen

    assert [p.elapsed for p in run_virtual(main())] == pytest.approx([0, 2, 4], abs=1e-6)


def test_a_batch_of_nothing_is_done_at_once() -> None:
    time = VirtualTime()
    client = FakeClient("running", scheduler=time)
    seen = time.record(tasks_observable(client, []).pipe(rxs.progress(0)))
    assert [emission.kind for emission in seen] == ["next", "completed"]
    assert seen[0].value == Progress(0, 0, 0, 0, 0, 0.0, 0.0)


def test_without_a_total_there_is_no_estimate() -> None:
    time = VirtualTime()
    source = reactivex.timer(1.0, 1.0).pipe(ops.take(3), ops.map(lambda n: outcome(str(n))))
    seen = time.record(source.pipe(rxs.progress()))
    assert counts(seen) == [(n, n, 0, 0, None) for n in range(4)]
    assert all(emission.value.eta is None for emission in seen[:-1])


def test_a_total_that_is_exceeded_grows() -> None:
    time = VirtualTime()
    source = reactivex.timer(1.0, 1.0).pipe(ops.take(4), ops.map(lambda n: outcome(str(n))))
    seen = time.record(source.pipe(rxs.progress(2)))
    assert [p[4] for p in counts(seen)] == [2, 2, 2, 3, 4]
    assert [emission.value.eta for emission in seen[1:-1]] == pytest.approx([1, 0, 0, 0])


def outcome(task_id: str, error: Exception | None = None, *, polls: int = 1) -> TaskOutcome:
    return TaskOutcome(task_id, error=error, polls=polls)


def test_the_estimate_goes_by_the_pace_so_far() -> None:
    time = VirtualTime()
    source = reactivex.timer(3.0, 3.0).pipe(ops.take(4), ops.map(lambda n: outcome(str(n))))
    seen = time.record(source.pipe(rxs.progress(4)))
    assert seen[0].value.eta is None
    assert [emission.value.eta for emission in seen[1:-1]] == pytest.approx([9, 6, 3, 0])


def test_ids_that_were_refused_say_nothing_about_the_pace() -> None:
    time = VirtualTime()
    source: Subject[TaskOutcome] = Subject()
    for number in range(50):
        refused = outcome(str(number), ValueError("task_id must not be empty"), polls=0)
        time.schedule_relative(0.001, lambda *_, refused=refused: source.on_next(refused))
    time.schedule_relative(10, lambda *_: source.on_next(outcome("good")))
    seen = time.record(source.pipe(rxs.progress(100)), until=11)
    assert {emission.value.eta for emission in seen[:51]} == {None}
    assert seen[51].value.eta == pytest.approx(490)


def test_nobody_can_say_while_no_time_has_passed() -> None:
    source = reactivex.of(outcome("a"), outcome("b"))
    seen = VirtualTime().record(source.pipe(rxs.progress(3)))
    assert [emission.value.eta for emission in seen[:-1]] == [None, None, None]


def test_an_error_passes_through() -> None:
    fault = OSError("the ids could not be read")
    source = reactivex.concat(reactivex.of(outcome("a")), reactivex.throw(fault))
    seen = VirtualTime().record(source.pipe(rxs.progress(3)))
    assert [emission.kind for emission in seen] == ["next", "next", "error"]
    assert seen[-1].value is fault


def test_what_is_no_outcome_is_an_error_that_says_where_it_belongs() -> None:
    source: Subject[Any] = Subject()
    ends: list[Exception] = []
    source.pipe(rxs.progress(3)).subscribe(on_error=ends.append)
    source.on_next({"url": "…"})
    source.on_next(outcome("a"))
    (error,) = ends
    assert isinstance(error, TypeError)
    assert "not dict" in str(error)
    assert "directly after tasks_observable" in str(error)
    assert not source.observers


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_consumers_exception_is_not_the_sources_error(number: int) -> None:
    errors: list[Exception] = []
    seen: list[Progress] = []

    def consumer(item: Progress) -> None:
        seen.append(item)
        if len(seen) == number:
            raise LookupError

    source: Subject[TaskOutcome] = Subject()
    pipeline = source.pipe(rxs.progress(3))
    try:
        pipeline.subscribe(consumer, errors.append)
        for task_id in "abc":
            source.on_next(outcome(task_id))
    except LookupError:
        source.on_next(outcome("d"))
        source.on_completed()
    assert len(seen) == number
    # reactivex hands an exception back that was raised while it subscribed; nothing else comes.
    assert [type(error) for error in errors] in ([], [LookupError])


def test_a_consumers_exception_while_it_subscribes_is_not_lost() -> None:
    def consumer(now: Progress) -> None:
        if now.done:
            raise LookupError

    source = reactivex.of(outcome("a"), outcome("b"))
    errors: list[Exception] = []
    try:
        source.pipe(rxs.progress(2)).subscribe(consumer, errors.append)
    except LookupError as error:
        errors.append(error)
    assert [type(error) for error in errors] == [LookupError]


def test_each_subscription_counts_for_itself() -> None:
    source: Subject[TaskOutcome] = Subject()
    pipeline = source.pipe(rxs.progress(2))
    one: list[int] = []
    other: list[int] = []
    pipeline.subscribe(lambda p: one.append(p.done))
    source.on_next(outcome("a"))
    pipeline.subscribe(lambda p: other.append(p.done))
    source.on_next(outcome("b", TaskTimeoutException(task_id="b", timeout=1.0)))
    assert (one, other) == ([0, 1, 2], [0, 1])


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"total": -1}, ValueError, "total must be 0 or more, not -1"),
        ({"total": 2.5}, TypeError, "total must be a whole number, not float"),
        ({"total": True}, TypeError, "total must be a whole number, not bool"),
        ({"total": ["a"]}, TypeError, "total must be a whole number, not list"),
        ({"gate": 5}, TypeError, "gate must be a Gate or None, not int"),
    ],
)
def test_a_bad_argument_is_named(arguments: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        rxs.progress(**arguments)


def test_a_gate_that_knows_the_limit_raises_the_estimate() -> None:
    time = VirtualTime()
    answer = delayed(completed(), 0.5)
    client = FakeClient(answer, scheduler=time, rate_limit=20, window=50.0)
    ids = [str(number) for number in range(60)]
    gate = Gate.of(client)
    waits = tasks_observable(client, ids, timeout=None)
    bounded = time.record(waits.pipe(rxs.progress(60, gate=gate)))
    first = next(emission for emission in bounded if emission.value.done == 1)
    assert first.at == pytest.approx(0.5)
    # 59 are left, of which those fit into this window that its first answers have left over; the
    # window names its end in whole seconds.
    assert first.value.eta == pytest.approx(49.5 + (59 - 19) / 20 * 60, abs=1.01)
