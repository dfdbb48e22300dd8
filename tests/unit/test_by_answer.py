"""`backoff.by_answer`: each answer chooses the pause after it."""

from __future__ import annotations

import math
import pickle
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rxstream import TaskSnapshot, backoff, tasks_observable
from rxstream.testing import FakeClient, VirtualTime, completed, http_error, reset
from tests.support import TASK

if TYPE_CHECKING:
    from tests.support import Drive


def by_status(snapshot: TaskSnapshot) -> float:
    return {"pending": 5.0, "running": 2.0}[snapshot.status]


def longer(snapshot: TaskSnapshot) -> Any:
    return timedelta(minutes=1)


def test_the_last_answer_chooses(drive: Drive) -> None:
    script = ["pending", "running", "running", completed(1)]
    seen = drive(script, poll_interval=backoff.by_answer(by_status))
    assert seen.moments == [0, 5, 7, 9]
    assert seen.completed


def test_a_timedelta_is_a_pause(drive: Drive) -> None:
    seen = drive(["running", completed()], poll_interval=backoff.by_answer(longer), timeout=None)
    assert seen.moments == [0, 60]


def test_zero_is_a_pause(drive: Drive) -> None:
    seen = drive(["running", completed()], poll_interval=backoff.by_answer(lambda _: 0))
    assert seen.moments == [0, 0]


def test_it_is_asked_once_after_each_answer_that_does_not_end_the_wait(drive: Drive) -> None:
    asked: list[str] = []

    def choose(snapshot: TaskSnapshot) -> float:
        asked.append(snapshot.status)
        return 1.0

    retry = backoff.constant(3)
    script = [reset(), "pending", http_error(503), "running", completed()]
    seen = drive(script, poll_interval=backoff.by_answer(choose), retry=retry)
    assert asked == ["pending", "running"]
    assert seen.polled_at == [0, 3, 4, 7, 8]


def test_the_last_poll_before_the_deadline_is_kept(drive: Drive) -> None:
    seen = drive("running", poll_interval=backoff.by_answer(lambda _: 100), timeout=10.0)
    assert seen.polled_at == [0, 9.95]


@pytest.mark.parametrize(
    ("pause", "kind", "said"),
    [
        (math.nan, ValueError, "finite"),
        (math.inf, ValueError, "finite"),
        (-1, ValueError, "0 or more"),
        (timedelta(seconds=-1), ValueError, "0 or more"),
        ("1", TypeError, "not str"),
        (None, TypeError, "not NoneType"),
        (True, TypeError, "not bool"),
    ],
)
def test_a_bad_pause_ends_the_wait_with_an_error_that_names_it(
    drive: Drive, pause: Any, kind: type[Exception], said: str
) -> None:
    seen = drive("running", poll_interval=backoff.by_answer(lambda _: pause))
    assert isinstance(seen.error, kind)
    assert str(seen.error).startswith("the pause that choose of by_answer returns must be a")
    assert said in str(seen.error)
    assert seen.polled_at == [0]


def test_what_it_raises_ends_the_wait(drive: Drive) -> None:
    fault = LookupError("no such status")

    def choose(snapshot: TaskSnapshot) -> float:
        raise fault

    seen = drive("running", poll_interval=backoff.by_answer(choose))
    assert seen.error is fault
    assert seen.ended_at == 0
    assert seen.polled_at == [0]


def test_an_interrupt_in_it_leaves_no_wait_behind() -> None:
    def choose(snapshot: TaskSnapshot) -> float:
        raise KeyboardInterrupt

    time = VirtualTime()
    client = FakeClient("running", scheduler=time)
    seen: list[Any] = []
    waits = tasks_observable(client, [TASK], poll_interval=backoff.by_answer(choose))
    with pytest.raises(KeyboardInterrupt):
        waits.subscribe(seen.append, scheduler=time)
    time.start()
    assert time.now.timestamp() == 0, "a timer was left"
    assert (client.polls(), client.in_flight, seen) == (1, 0, [])


def test_each_task_of_a_batch_has_its_own_answers() -> None:
    time = VirtualTime()
    script = {"a": ["pending", completed()], "b": ["running", completed()]}
    client = FakeClient(script, scheduler=time)
    waits = tasks_observable(client, ["a", "b"], poll_interval=backoff.by_answer(by_status))
    ends = {emission.value.task_id: emission.at for emission in time.record(waits)[:-1]}
    assert ends == {"a": 5, "b": 2}


@pytest.mark.parametrize("choose", [None, 3, "1"])
def test_it_takes_a_function(choose: Any) -> None:
    with pytest.raises(TypeError, match=r"^choose must be a function, not "):
        backoff.by_answer(choose)


def test_it_is_no_schedule(drive: Drive) -> None:
    with pytest.raises(TypeError, match=r"^retry must be a schedule.* not ByAnswer"):
        drive("running", retry=backoff.by_answer(by_status))


def test_it_is_a_value() -> None:
    cadence = backoff.by_answer(by_status)
    assert cadence == backoff.by_answer(by_status)
    assert repr(cadence) == f"by_answer({by_status!r})"
    assert pickle.loads(pickle.dumps(backoff.by_answer(math.sqrt))) == backoff.by_answer(math.sqrt)
