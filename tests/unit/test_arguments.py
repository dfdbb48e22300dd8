"""Arguments are checked when the function is called, and the error names the argument."""

from __future__ import annotations

import gc
import math
import re
from types import SimpleNamespace
from typing import Any

import pytest

from rxstream import (
    Gate,
    backoff,
    task_observable,
    wait_for_task,
    wait_for_task_async,
    wait_for_tasks,
)
from rxstream.errors import StreamTransportException, TaskTimeoutException
from rxstream.testing import FakeAsyncClient, FakeClient, completed, reset, run_virtual

CLIENT = FakeClient(completed())


@pytest.mark.parametrize(
    ("keywords", "error", "named"),
    [
        ({"task_id": ""}, ValueError, "task_id"),
        ({"task_id": "  "}, ValueError, "task_id"),
        ({"task_id": "\ud800"}, ValueError, "task_id"),
        ({"task_id": None}, TypeError, "task_id"),
        ({"task_id": 7}, TypeError, "task_id"),
        ({"poll_interval": math.nan}, ValueError, "poll_interval"),
        ({"poll_interval": math.inf}, ValueError, "poll_interval"),
        ({"poll_interval": -1}, ValueError, "poll_interval"),
        ({"poll_interval": "1"}, TypeError, "poll_interval"),
        ({"poll_interval": None}, TypeError, "poll_interval"),
        ({"poll_interval": True}, TypeError, "poll_interval"),
        ({"timeout": math.nan}, ValueError, "timeout"),
        ({"timeout": math.inf}, ValueError, "timeout"),
        ({"timeout": -0.1}, ValueError, "timeout"),
        ({"timeout": "60"}, TypeError, "timeout"),
        ({"retry": 3}, TypeError, "retry"),
        ({"retry": False}, TypeError, "retry"),
        ({"gate": 3}, TypeError, "gate"),
        ({"scheduler": 3}, TypeError, "scheduler"),
        ({"client": object()}, TypeError, "client"),
        ({"client": SimpleNamespace(get_task=3)}, TypeError, "client"),
        ({"client": FakeClient}, TypeError, r"client.*FakeClient\(\), not the class FakeClient"),
    ],
    ids=str,
)
def test_a_bad_argument_is_refused_at_once(
    keywords: dict[str, Any], error: type[Exception], named: str
) -> None:
    arguments = {"client": CLIENT, "task_id": "x", **keywords}
    client, task_id = arguments.pop("client"), arguments.pop("task_id")
    with pytest.raises(error, match=named):
        task_observable(client, task_id, **arguments)


def test_an_id_of_none_says_that_there_is_nothing_to_wait_for() -> None:
    with pytest.raises(TypeError, match="nothing to wait for"):
        wait_for_task(CLIENT, None)


@pytest.mark.parametrize(
    ("width", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_the_width_of_a_gate_is_checked(width: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="max_in_flight"):
        Gate(width)


def test_wait_for_task_refuses_an_async_client() -> None:
    with pytest.raises(TypeError, match="wait_for_task_async"):
        wait_for_task(FakeAsyncClient(completed()), "x")


def test_wait_for_task_async_checks_too() -> None:
    with pytest.raises(ValueError, match="timeout"):
        run_virtual(wait_for_task_async(FakeAsyncClient(completed()), "x", timeout=-1))


def blocking(*arguments: Any, **keywords: Any) -> Any:
    return wait_for_task(FakeClient(*arguments), "x", **keywords)


def awaited(*arguments: Any, **keywords: Any) -> Any:
    return run_virtual(wait_for_task_async(FakeAsyncClient(*arguments), "x", **keywords))


@pytest.mark.parametrize("wait", [blocking, awaited])
def test_the_functions_that_wait_obey_their_keywords(wait: Any) -> None:
    with pytest.raises(TaskTimeoutException) as caught:
        wait("running", timeout=0.02)
    assert caught.value.timeout == 0.02
    with pytest.raises(StreamTransportException):
        wait([reset(), completed()], retry=None)
    assert wait([reset(), completed(1)], retry=backoff.constant(0.001)) == 1
    turns = ["running"] * 5 + [completed(2)]
    assert wait(turns, poll_interval=0.001, timeout=3) == 2


async def an_operation() -> str:
    return "id"


IDS: list[tuple[Any, str]] = [
    (["a", "b"], "must be a string, not list; for many ids use tasks_observable or wait_for_tasks"),
    (("a",), "not tuple; for many ids"),
    (5, "task_id must be a string, not int"),
    (SimpleNamespace(data=SimpleNamespace(task_id="id")), "; pass its .data.task_id"),
    (SimpleNamespace(task_id="id"), "not SimpleNamespace; pass its .task_id"),
    ({"task_id": "id"}, "not dict; pass its ['task_id']"),
    (None, "not NoneType; an operation that returned None left nothing to wait for"),
]


@pytest.mark.parametrize(("bad", "text"), IDS)
def test_an_id_of_another_type_is_told_what_it_looks_like(bad: Any, text: str) -> None:
    with pytest.raises(TypeError, match=re.escape(text)):
        task_observable(FakeClient(completed()), bad)
    (outcome,) = wait_for_tasks(FakeClient(completed()), [bad])
    assert text in str(outcome.error)


@pytest.mark.parametrize("many", [False, True])
def test_an_operation_that_was_not_awaited(*, many: bool) -> None:
    started: Any = an_operation()
    client = FakeClient(completed())

    def wait(started: Any) -> None:
        if many:
            next(wait_for_tasks(client, [started])).unwrap()
        else:
            task_observable(client, started)

    with pytest.raises(TypeError, match=r"not coroutine: did you forget await\?"):
        wait(started)
    del started
    gc.collect()  # no warning that it was never awaited: it would be an error


@pytest.mark.parametrize("name", ["poll_interval", "retry"])
@pytest.mark.parametrize(
    "made", [backoff.exponential, backoff.constant, backoff.constant(1).jittered]
)
def test_a_schedule_that_was_not_called(name: str, made: Any) -> None:
    with pytest.raises(TypeError, match=f"{name} is {made.__name__} itself.*call it"):
        task_observable(FakeClient(completed()), "x", **{name: made})


@pytest.mark.parametrize("name", ["poll_interval", "retry"])
@pytest.mark.parametrize("pauses", [[1, 2], (1, 2), "1"])
def test_a_list_is_no_schedule(name: str, pauses: Any) -> None:
    text = f"a schedule of rxstream.backoff, .*iterator of seconds.*not {type(pauses).__name__}"
    with pytest.raises(TypeError, match=text):
        task_observable(FakeClient(completed()), "x", **{name: pauses})


def choose(_: object) -> float:
    return 1.0


class Chooser:
    def choose(self, _: object) -> float:
        return 1.0


@pytest.mark.parametrize("name", ["poll_interval", "retry"])
@pytest.mark.parametrize("pauses", [choose, Chooser().choose, lambda answer: 1])
def test_a_function_of_the_answer_is_no_schedule(name: str, pauses: Any) -> None:
    text = rf"^{name} must be callable without arguments; .* poll_interval=backoff.by_answer\("
    with pytest.raises(TypeError, match=text):
        task_observable(FakeClient(completed()), "x", **{name: pauses})


@pytest.mark.parametrize("pauses", [lambda: 1.0, lambda: [1.0, 2.0]])
def test_a_schedule_returns_an_iterator(pauses: Any) -> None:
    with pytest.raises(TypeError, match=r"^poll_interval must return an iterator of seconds, not "):
        wait_for_task(FakeClient(["running", completed()]), "x", poll_interval=pauses)
    with pytest.raises(TypeError, match=r"^retry must return an iterator of seconds, not "):
        wait_for_task(FakeClient([reset(), completed()]), "x", retry=pauses)


def test_what_must_be_an_observable_is_called_an_observable() -> None:
    wake: Any = [1]
    with pytest.raises(TypeError, match=r"^wake must be an Observable or None, not list$"):
        task_observable(FakeClient(completed()), "x", wake=wake)
