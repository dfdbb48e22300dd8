"""What the clients in the wild return from `get_task`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rxstream import TaskSnapshot
from rxstream._wire.answers import read_answer
from rxstream.errors import InvalidResponseException

LIMITS = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "3", "x-ratelimit-reset": "9"}


class Answer:
    def __init__(self, data: object) -> None:
        self.data = data

    def headers(self) -> dict[str, str]:
        return {name.title(): value for name, value in LIMITS.items()}

    def status_code(self) -> int:
        return 200


class DictAnswer(dict[str, Any]):
    def headers(self) -> dict[str, str]:
        return LIMITS


def test_a_snapshot_is_passed_on_untouched() -> None:
    snapshot = TaskSnapshot("t1")
    assert read_answer(snapshot, "asked") is snapshot


DATA = {"status": "COMPLETED", "result": {"a": 1}}


@pytest.mark.parametrize(
    "answer",
    [
        DATA,
        SimpleNamespace(data=DATA),
        SimpleNamespace(data=SimpleNamespace(**DATA)),
        Answer(DATA),
        Answer(SimpleNamespace(**DATA)),
        DictAnswer(DATA),
        SimpleNamespace(data=DATA, headers={"x": "y"}, status_code=200),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_the_answers_of_all_clients_are_read(answer: object) -> None:
    snapshot = read_answer(answer, "asked")
    assert (snapshot.task_id, snapshot.status) == ("asked", "completed")
    assert snapshot.result == {"a": 1}
    limited = isinstance(answer, Answer | DictAnswer)
    assert (snapshot.rate_limit is not None) == limited


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "",
        "text",
        7,
        [],
        [DATA],
        (),
        b"x",
        object(),
        {},
        {"result": 1},
        SimpleNamespace(data=None),
        SimpleNamespace(data="x"),
        SimpleNamespace(data=[DATA]),
        SimpleNamespace(data={}),
        SimpleNamespace(data=SimpleNamespace()),
    ],
)
def test_an_answer_that_holds_no_task_is_invalid(answer: object) -> None:
    with pytest.raises(InvalidResponseException, match=type(answer).__name__) as caught:
        read_answer(answer, "asked")
    assert caught.value.status_code is None


def test_an_invalid_answer_tells_the_status_where_the_client_does() -> None:
    with pytest.raises(InvalidResponseException) as caught:
        read_answer(Answer({}), "asked")
    assert caught.value.status_code == 200
