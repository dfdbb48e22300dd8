"""What an operator says to items that it cannot take, and to a `pipe` that forgot to call it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import reactivex
from reactivex import operators as ops

from rxstream import backoff, run, task_observable, tasks_observable
from rxstream import operators as rxs
from rxstream.testing import FakeAsyncClient, FakeClient, VirtualTime, completed

OPERATORS = {
    "result": rxs.result(),
    "settle": rxs.settle("any-id"),
    "distinct_status": rxs.distinct_status(),
    "stalled": rxs.stalled(5),
}

each_operator = pytest.mark.parametrize("name", OPERATORS)


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
@each_operator
def test_another_item_is_an_error_and_ends_the_wait(name: str, fake: Any) -> None:
    time = VirtualTime()
    client = fake(["running", "running", completed()], scheduler=time)
    statuses = task_observable(client, "any-id").pipe(ops.map(lambda s: s.status))
    [end] = time.record(statuses.pipe(OPERATORS[name]))
    assert (end.at, end.kind, type(end.value)) == (0, "error", TypeError)
    assert re.match(rf"{name} takes TaskSnapshot items, not str: use it dir", str(end.value))
    assert client.polls("any-id") == 1


@each_operator
def test_of_an_outcome_it_says_how_to_get_the_payload(name: str) -> None:
    time = VirtualTime()
    outcomes = tasks_observable(FakeClient([completed()], scheduler=time), ["any-id"])
    [end] = time.record(outcomes.pipe(OPERATORS[name]))
    assert str(end.value).endswith("; the payload of an outcome is outcome.unwrap()")


@each_operator
def test_nobody_waits_for_ever(name: str) -> None:
    statuses = task_observable(FakeClient([completed()]), "any-id").pipe(ops.map(str))
    with pytest.raises(TypeError, match=f"^{name} takes TaskSnapshot items"):
        run(statuses.pipe(OPERATORS[name]))


@pytest.mark.parametrize("name", ["log_to", "result", "progress"])
def test_an_operator_that_was_not_called(name: str) -> None:
    text = rf"^{name} must be called: write pipe\(rxs\.{name}\(\)\), not pipe\(rxs\.{name}\)$"
    with pytest.raises(TypeError, match=text):
        reactivex.never().pipe(getattr(rxs, name))


@pytest.mark.parametrize("logger", ["exports", 3])
def test_a_name_is_no_logger(logger: Any) -> None:
    with pytest.raises(TypeError, match=r"as logging\.getLogger\(name\) gives, not "):
        rxs.log_to(logger)


def test_pauses_that_are_no_iterator_are_an_error_of_retry_with() -> None:
    pauses: Any = lambda: 3  # noqa: E731 -- the lambda is what is refused
    source = reactivex.throw(ValueError("no"))
    [end] = VirtualTime().record(source.pipe(rxs.retry_with(pauses, on=ValueError)))
    assert str(end.value) == "backoff must return an iterator of seconds, not int"


def test_a_function_of_the_answer_is_no_schedule() -> None:
    pause: Any = lambda error: 3  # noqa: E731 -- the lambda is what is refused
    with pytest.raises(TypeError, match=r"^backoff must be callable without arguments"):
        rxs.retry_with(pause, on=ValueError)
    assert rxs.retry_with(backoff.constant(1), on=ValueError)
