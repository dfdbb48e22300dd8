"""A handle is a value: what it is equal to, prints, pickles and keeps."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
import weakref
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from rxstream import (
    AsyncStreamClient,
    AsyncTaskHandle,
    BaseTaskHandle,
    StreamClient,
    TaskHandle,
    errors,
)
from rxstream.testing import FakeClient, VirtualTime
from tests.wire import CLIENT_KINDS, SECRET, Wire, answering

KINDS = [BaseTaskHandle, TaskHandle, AsyncTaskHandle]
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_equal_are_handles_of_the_same_task_and_start(kind: Any) -> None:
    one = kind("t1", "export_users", ("u1",))
    assert one == kind("t1", "export_users", ("u1",), answer={"task_id": "t1"})
    assert hash(one) == hash(kind("t1", "export_users", ("u1",)))
    assert len({one, kind("t1", "export_users", ("u1",))}) == 1
    error = errors.StreamTransportException("timeout")
    for other in (
        kind("t2", "export_users", ("u1",)),
        kind("t1", "delete_users", ("u1",)),
        kind("t1", "export_users", ("u2",)),
        kind("t1", "export_users", ("u1",), error),
        *(other("t1", "export_users", ("u1",)) for other in KINDS if other is not kind),
        "t1",
    ):
        assert one != other


@each_kind
def test_its_text_is_the_id(kind: Any) -> None:
    assert str(kind("t1", "export_users")) == f"{kind('t1')}" == "t1"
    assert str(kind(None, "delete_call")) == ""


@each_kind
def test_it_cannot_be_changed(kind: Any) -> None:
    handle = kind("t1")
    with pytest.raises(FrozenInstanceError):
        handle.task_id = "t2"
    assert not hasattr(handle, "__dict__")


@each_kind
def test_it_can_be_hashed_whatever_it_was_started_with(kind: Any) -> None:
    handle = kind("t1", "export_channels", ({"cid": "m:c"},))
    assert {handle: 1}[kind(*("t1", "export_channels", ({"cid": "m:c"},)))] == 1


@pytest.mark.parametrize(
    ("client", "kind"), [(StreamClient, TaskHandle), (AsyncStreamClient, AsyncTaskHandle)]
)
def test_no_form_of_it_shows_the_secret(client: Any, kind: Any) -> None:
    owner = client("key", SECRET)
    error = errors.StreamTransportException("timeout", "slow")
    handle = kind("t1", "delete_users", tuple("ab" * 50), error, {"task_id": "t1"}, client=owner)
    assert repr(handle) == (
        f"{kind.__name__}(task_id='t1', operation='delete_users', items=100, "
        "error=StreamTransportException('slow'))"
    )
    again = pickle.loads(pickle.dumps(handle))
    assert SECRET.encode() not in pickle.dumps(handle)
    assert (type(again), again.client) == (kind, None)
    assert (again.task_id, again.operation, again.items, again.answer) == (
        *("t1", "delete_users", handle.items),
        {"task_id": "t1"},
    )
    assert str(again.error) == "slow"
    assert replace(handle, error=None).client is owner


@each_kind
def test_a_pickled_handle_equals_the_first(kind: Any) -> None:
    handle = (
        kind("t1", "export_users", ("u1",), client=object()) if kind in KINDS[1:] else kind("t1")
    )
    assert pickle.loads(pickle.dumps(handle)) == handle
    assert copy.copy(handle) == handle


@each_kind
def test_an_answer_nested_deeply_is_pickled_whole(kind: Any) -> None:
    answer: Any = {}
    for _ in range(900):
        answer = {"a": answer}
    again = pickle.loads(pickle.dumps(kind("t1", answer=answer)))
    assert json.dumps(again.answer) == json.dumps(answer)


def test_a_handle_without_a_client_says_what_to_do() -> None:
    sync, other = (pickle.loads(pickle.dumps(kind("t1"))) for kind in (TaskHandle, AsyncTaskHandle))
    for call in (sync.wait, sync.observe, other.observe, lambda: asyncio.run(other.wait())):
        with pytest.raises(RuntimeError, match=r"task_observable\(client, handle\)"):
            call()


def test_a_handle_keeps_no_waits() -> None:
    time = VirtualTime()
    handle = TaskHandle[Any]("t1", client=FakeClient("running", scheduler=time))

    class Consumer:
        def on_next(self, _: object) -> None:
            pass

    consumer = Consumer()
    subscription = handle.observe(timeout=None).subscribe(consumer.on_next, scheduler=time)
    time.start(until=5)
    subscription.dispose()
    time.start(until=50)  # a virtual scheduler keeps what was cancelled until its time
    gone = weakref.ref(consumer)
    del consumer, subscription
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("client_kind", CLIENT_KINDS)
def test_a_client_polls_once_by_a_handle_too(client_kind: str) -> None:
    wire = Wire(client_kind, answering({"task_id": "t1", "status": "running"}))
    assert wire.call("get_task", BaseTaskHandle("t1")).status == "running"
    assert wire.only.url.path == "/api/v2/tasks/t1"
    for handle, text in (
        (TaskHandle(None, "delete_call"), "the handle of delete_call has no id to ask for"),
        (BaseTaskHandle(None), "the handle of no operation has no id to ask for"),
        (TaskHandle(""), "task_id must not be empty"),
    ):
        with pytest.raises(ValueError, match=text):
            wire.call("get_task", handle)
    assert len(wire.requests) == 1
