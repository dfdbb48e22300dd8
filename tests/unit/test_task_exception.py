"""The reason of a failed task, wherever the server put it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rxstream._wire.failures import task_exception
from rxstream._wire.fields import snapshot_of

if TYPE_CHECKING:
    from rxstream import TaskSnapshot


def read(**data: Any) -> TaskSnapshot:
    snapshot = snapshot_of({"task_id": "t1", **data}, task_id="asked")
    assert snapshot is not None
    return snapshot


@pytest.mark.parametrize(
    ("data", "error_type", "description", "stack_trace", "version"),
    [
        (
            {"error": {"type": "e", "description": "d", "stacktrace": "s", "version": "v"}},
            *("e", "d", "s", "v"),
        ),
        ({"error": {"type": "e"}}, "e", "", None, None),
        ({"error": {"description": "d"}}, "unknown", "d", None, None),
        ({"error": {"type": None, "description": ""}}, "unknown", "", None, None),
        ({"error": {"type": 4, "version": 2}}, "4", "", None, "2"),
        ({"error": "it broke"}, "unknown", "it broke", None, None),
        ({"error": ["a", 1]}, "unknown", "['a', 1]", None, None),
        ({"error": 7}, "unknown", "7", None, None),
        ({"error": ""}, "unknown", "", None, None),
        ({"error": {}}, "unknown", "", None, None),
        ({}, "unknown", "", None, None),
        ({"result": {"description": "r"}}, "unknown", "r", None, None),
        ({"result": "r"}, "unknown", "r", None, None),
        ({"result": {"description": "r"}, "error": {"type": "e"}}, "e", "r", None, None),
        ({"result": {"description": "r"}, "error": "said"}, "unknown", "said", None, None),
        ({"result": {"description": "r"}, "error": {}}, "unknown", "r", None, None),
        ({"result": {"other": 1}, "error": {"description": "d"}}, "unknown", "d", None, None),
    ],
)
def test_the_reason_of_a_failure_is_found_wherever_it_is(
    data: dict[str, Any],
    error_type: str,
    description: str,
    stack_trace: str | None,
    version: str | None,
) -> None:
    error = task_exception("asked", read(status="failed", **data))
    assert (error.error_type, error.description) == (error_type, description)
    assert (error.stack_trace, error.version) == (stack_trace, version)
