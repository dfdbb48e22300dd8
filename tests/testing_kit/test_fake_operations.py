"""The operations and the waits of the fakes, which are those of the clients."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from rxstream import (
    AsyncStreamClient,
    AsyncTaskHandle,
    StreamClient,
    TaskHandle,
    task_observable,
)
from rxstream._wire.messages import Request
from rxstream.client._chat import ChatOperations
from rxstream.client._products import ProductOperations
from rxstream.errors import StreamApiException, StreamRateLimitException
from rxstream.testing import FakeAsyncClient, FakeClient, Script, VirtualTime, completed

FAKES = pytest.mark.parametrize("kind", [FakeClient, FakeAsyncClient])

# Each operation: its arguments, and the payload of its task.
CALLS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "delete_channels": ((["m:c"],), {"m:c": {"status": "ok"}}),
    "export_channels": ((["m:c"],), "url"),
    "channel_batch_update": (("hide", {}), "failed_channels"),
    "delete_users": ((["u"],), {"u": {"status": "ok"}}),
    "deactivate_users": ((["u"],), "users"),
    "reactivate_users": ((["u"],), {}),
    "export_users": ((["u"],), "url"),
    "import_block_list": (("b/c", ["w"]), {}),
    "bulk_image_moderation": (("https://example.com/1.csv",), {}),
    "delete_feed": (("user", "f"), {}),
    "delete_feeds_batch": ((["user:f"],), {}),
    "delete_feed_user_data": (("u",), {}),
    "export_feed_user_data": (("u",), {}),
}


def done(value: Any) -> Any:
    """The result of a call, sync or async."""

    async def main() -> Any:
        return await value

    return asyncio.run(main()) if inspect.isawaitable(value) else value


@FAKES
@pytest.mark.parametrize("name", CALLS)
def test_each_operation_starts_a_task_with_its_payload(kind: Any, name: str) -> None:
    client = kind()
    arguments, payload = CALLS[name]
    task_id = str(done(getattr(client, name)(*arguments)))
    (record,) = client.requests
    assert (record.task_id, record.ended) == (None, record.at)
    result = done(client.wait_for_task(task_id, poll_interval=0))
    assert payload in result if isinstance(payload, str) else payload == result
    assert client.polls(task_id) == client.polls() == 3


@FAKES
def test_a_task_that_was_started_plays_the_one_script(kind: Any) -> None:
    client = kind(Script.turns("odd", completed(7)))
    task_id = str(done(client.delete_users(["u"])))
    assert done(client.get_task(task_id)).status == "odd"
    named = kind({"a": "odd", "task-2": "waiting"})
    task_id = str(done(named.delete_users(["u"])))
    assert done(named.get_task("a")).status == "odd"
    assert done(named.get_task(task_id)).status == "pending"
    task_id = str(done(named.delete_users(["u"])))
    assert (task_id, done(named.get_task(task_id)).status) == ("task-2", "waiting")
    with pytest.raises(StreamApiException, match="Can't find task with id b"):
        done(named.get_task("b"))


@FAKES
def test_what_needs_no_task_has_none(kind: Any) -> None:
    client = kind()
    soft, hard = done(client.delete_call("d", "c")), done(client.delete_call("d", "c", hard=True))
    assert not getattr(soft, "task_id", soft)
    expected = {"d:c": {"status": "ok"}}
    assert done(client.wait_for_task(str(hard), poll_interval=0)) == expected


@FAKES
def test_handles_of_fakes_wait_and_name_what_they_were_started_with(kind: Any) -> None:
    client = kind()
    handle = done(client.delete_users(["u", "v"]))
    assert isinstance(handle, TaskHandle if kind is FakeClient else AsyncTaskHandle)
    assert (handle.task_id, handle.operation, handle.items) == (
        "task-1",
        "delete_users",
        ("u", "v"),
    )
    assert done(client.get_task(handle)).status == "pending"
    assert done(handle.wait(poll_interval=0)) == {"u": {"status": "ok"}, "v": {"status": "ok"}}
    assert client.polls(handle) == client.polls("task-1") == 3
    soft = done(client.delete_call("d", "c"))
    assert client.polls(soft) == 0
    assert (soft.task_id, done(soft.wait())) == (None, None)


@FAKES
def test_a_check_of_images_takes_a_task(kind: Any) -> None:
    client = kind()
    payload = {"images": ["https://example.com/1.png"]}
    asked = ("u", "m", "message")
    assert done(client.check_moderation(*asked)).task_id is None
    handle = done(client.check_moderation(*asked, moderation_payload=payload))
    assert done(handle.wait(poll_interval=0)) == {}


@FAKES
def test_bad_input_is_refused_like_stream_s(kind: Any) -> None:
    client = kind()
    with pytest.raises(ValueError, match="cids"):
        client.delete_channels([])
    with pytest.raises(StreamApiException, match="operation must be one of") as caught:
        done(client.channel_batch_update("shred", {}))
    assert (caught.value.status_code, caught.value.code) == (400, 4)
    assert list(caught.value.exception_fields) == ["operation"]


@FAKES
def test_operations_have_a_rate_limit_of_their_own(kind: Any) -> None:
    client = kind(rate_limit=1, window=30)
    task_id = str(done(client.delete_users(["u"])))
    done(client.get_task(task_id))
    done(client.export_users(["u"]))
    with pytest.raises(StreamRateLimitException) as caught:
        done(client.delete_users(["u"]))
    assert 0 < caught.value.retry_after.total_seconds() <= 30


@FAKES
def test_a_closed_fake_starts_nothing(kind: Any) -> None:
    client = kind()
    done(client.close() if kind is FakeClient else client.aclose())
    with pytest.raises(RuntimeError, match="closed"):
        done(client.delete_users(["u"]))


@FAKES
def test_tasks_begin_in_virtual_time_when_they_are_started(kind: Any) -> None:
    time = VirtualTime()
    client = kind(Script.timeline({0: "running", 5: completed()}), scheduler=time)
    time.start(until=100)
    task_id = str(done(client.delete_users(["u"])))
    assert client.requests[0].at == 100
    time.start(until=104)
    from_now = time.record(task_observable(client, task_id))
    assert [(each.at, each.kind) for each in from_now] == [
        (104, "next"),
        (105, "next"),
        (105, "completed"),
    ]


@pytest.mark.parametrize(
    ("fake", "client"), [(FakeClient, StreamClient), (FakeAsyncClient, AsyncStreamClient)]
)
def test_a_fake_has_what_its_client_has(fake: Any, client: Any) -> None:
    own = {"new_call", "api_key", "base_url", "timeout", "max_connections", "max_response_bytes"}
    public = {name for name in dir(client) if not name.startswith("_")}
    assert public - own <= set(dir(fake))
    for name in public - own:
        if callable(getattr(client, name)):
            expected, found = (inspect.signature(getattr(k, name)) for k in (client, fake))
            assert list(expected.parameters) == list(found.parameters), name


def test_the_fakes_know_every_operation_of_the_clients() -> None:
    names = {
        name
        for kind in (ChatOperations, ProductOperations)
        for name in vars(kind)
        if not name.startswith("_")
    }
    assert names - {"delete_call", "check_moderation"} == set(CALLS)


def test_a_request_that_is_no_operation_is_an_error_of_ours() -> None:
    with pytest.raises(NotImplementedError, match="do not know GET /x"):
        FakeClient()._begin(Request("GET", "/x"))
