"""The engine where moments meet, and where what it is given raises."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from reactivex.subject import Subject

from rxstream import Gate, TaskSnapshot, task_observable
from rxstream._gate.pace import Pace
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    VirtualTime,
    assert_nothing_left,
    completed,
    run_virtual,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


class Broken(TaskSnapshot):
    """An answer that cannot be looked at."""

    @property
    def is_completed(self) -> bool:
        raise LookupError


def test_what_raises_after_on_next_ends_the_wait() -> None:
    class Client:
        def get_task(self, task_id: str) -> TaskSnapshot:
            return Broken(task_id, "running")

    time = VirtualTime()
    seen = time.record(task_observable(Client(), "a", timeout=5.0))
    assert [emission.kind for emission in seen] == ["next", "error"]
    assert isinstance(seen[-1].value, LookupError)
    assert seen[-1].at == 0.0


class Overtaken(VirtualTime):
    """A timer that is cancelled fires once more, just then: as a timer thread may."""

    late: list[Callable[[], object]]

    def schedule_relative(self, duetime: Any, action: Any, state: Any = None) -> Any:
        disposable = super().schedule_relative(duetime, action, state)
        if not isinstance(duetime, float) or duetime != 10.0:
            return disposable
        dispose = disposable.dispose

        def overtaken() -> None:
            dispose()
            action(self, state)

        disposable.dispose = overtaken
        return disposable


def test_a_wait_that_is_woken_just_as_its_timer_fires_polls_once() -> None:
    time, wake = Overtaken(), Subject[None]()
    client = FakeClient("running", scheduler=time)
    with task_observable(client, "a", poll_interval=10.0, timeout=100.0, wake=wake).subscribe(
        scheduler=time
    ):
        time.start(until=5.0)
        wake.on_next(None)
        time.start(until=50.0)
    assert [request.at for request in client.requests] == [0.0, 5.0, 15.0, 25.0, 35.0, 45.0]


def test_a_first_poll_that_raises_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> float:
        raise LookupError

    monkeypatch.setattr(Pace, "pause", broken)
    errors: list[Exception] = []
    with assert_nothing_left():
        client = FakeClient(completed())
        task_observable(client, "a", gate=Gate(1)).subscribe(on_error=errors.append)
    assert [type(error) for error in errors] == [LookupError]


def test_a_fault_of_the_pace_does_not_strand_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(Pace, "answered", broken)
    gate, reported = Gate(1), []

    async def main() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, said: reported.append(said))
        client = FakeAsyncClient(["running", completed(7)], rate_limit=100)
        return (await task_observable(client, "a", gate=gate, timeout=60.0)).result

    assert run_virtual(main()) == 7
    assert gate.statistics().in_flight == 0
    assert [type(said["exception"]) for said in reported] == [LookupError] * 2
