from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from rxstream import TaskSnapshot, task_observable, wait_for_task, wait_for_task_async
from rxstream.errors import (
    InvalidResponseException,
    StreamApiException,
    StreamRateLimitException,
    StreamTaskException,
    StreamTransportException,
    TaskTimeoutException,
)
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    delayed,
    drip,
    failed,
    garbage,
    hang,
    http_error,
    rate_limited,
    reset,
    run_virtual,
    status,
)

FAKES = pytest.mark.parametrize("kind", [FakeClient, FakeAsyncClient])


def ask(client: Any, task_id: Any = "t") -> Any:
    """One call, sync or async."""
    answer = client.get_task(task_id)
    return answer if isinstance(answer, TaskSnapshot) else run_virtual(answer)


@FAKES
def test_a_script_is_played_for_each_id(kind: Any) -> None:
    client = kind(Script.turns("pending", completed({"a": 1})))
    assert [ask(client).status, ask(client).status, ask(client, "u").status] == [
        "pending",
        "completed",
        "pending",
    ]
    assert (client.polls("t"), client.polls("u"), client.polls("v"), client.polls()) == (2, 1, 0, 3)
    assert ask(client).result == {"a": 1}


@FAKES
@pytest.mark.parametrize("script", ["running", status("running"), ["running", "x"], ("running",)])
def test_turns_may_be_given_bare(kind: Any, script: Any) -> None:
    assert ask(kind(script)).status == "running"


@FAKES
def test_scripts_by_id_and_an_unknown_id(kind: Any) -> None:
    client = kind({"a": "running", "b": ["pending"]})
    assert ask(client, "b").status == "pending"
    with pytest.raises(StreamApiException, match="Can't find task with id c") as caught:
        ask(client, "c")
    assert (caught.value.status_code, caught.value.code) == (404, 16)


@FAKES
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http_error(500), StreamApiException),
        (http_error(429, retry_after=2), StreamRateLimitException),
        (garbage(), InvalidResponseException),
        (garbage(b""), InvalidResponseException),
        (reset(), StreamTransportException),
    ],
)
def test_errors_are_the_real_ones(kind: Any, answer: Any, error: Any) -> None:
    client = kind(answer)
    with pytest.raises(error):
        ask(client)
    (record,) = client.requests
    assert not record.cancelled
    assert record.ended is not None
    assert client.in_flight == 0


@FAKES
def test_a_reset_has_its_cause(kind: Any) -> None:
    with pytest.raises(StreamTransportException) as caught:
        ask(kind(reset()))
    assert caught.value.error_type == "connection_reset"
    assert isinstance(caught.value.__cause__, ConnectionResetError)


@FAKES
def test_a_rate_limit_is_enforced(kind: Any) -> None:
    client = kind("running", rate_limit=2, window=30)
    assert ask(client).rate_limit.remaining == 1
    ask(client)
    with pytest.raises(StreamRateLimitException) as caught:
        ask(client)
    assert 0 < caught.value.retry_after.total_seconds() <= 30
    assert caught.value.rate_limit.remaining == 0


@FAKES
def test_rate_limit_headers_reach_the_snapshot(kind: Any) -> None:
    limit = ask(kind(rate_limited("running", 60, 5, 30))).rate_limit
    assert (limit.limit, limit.remaining) == (60, 5)
    assert 30 <= limit.reset_after.total_seconds() <= 32


@FAKES
def test_a_whole_wait_in_virtual_time(kind: Any) -> None:
    time = VirtualTime()
    script = {0: "pending", 1.5: "running", 3: completed({"x": 1})}
    client = kind(Script.timeline(script), scheduler=time)
    seen = time.record(task_observable(client, "t"))
    assert [(e.at, e.kind) for e in seen] == [
        (0, "next"),
        (1, "next"),
        (2, "next"),
        (3, "next"),
        (3, "completed"),
    ]
    assert [r.at for r in client.requests] == [0, 1, 2, 3]
    assert seen[-2].value.result == {"x": 1}
    assert seen[-2].value.updated_at.timestamp() == 3


@FAKES
def test_delay_and_drip_take_virtual_time(kind: Any) -> None:
    time = VirtualTime()
    client = kind([delayed("running", 2), drip(completed(), 0.01)], scheduler=time)
    seen = time.record(task_observable(client, "t"))
    assert [e.at for e in seen[:1]] == [2]
    first, second = client.requests
    assert (first.at, first.ended) == (0, 2)
    assert second.at == 3
    assert second.ended > 4
    assert client.most_in_flight == 1
    assert client.in_flight == 0


@FAKES
def test_a_hanging_call_is_cancelled_by_the_deadline(kind: Any) -> None:
    time = VirtualTime()
    client = kind(["pending", hang()], scheduler=time)
    seen = time.record(task_observable(client, "t", timeout=5))
    assert (seen[-1].at, seen[-1].kind) == (5, "error")
    assert isinstance(seen[-1].value, TaskTimeoutException)
    assert client.requests[-1].cancelled
    assert client.requests[-1].ended == 5
    assert client.in_flight == 0


@FAKES
def test_failure_in_virtual_time(kind: Any) -> None:
    time = VirtualTime()
    seen = time.record(task_observable(kind(failed("no"), scheduler=time), "t"))
    assert [e.kind for e in seen] == ["next", "error"]
    assert isinstance(seen[-1].value, StreamTaskException)


@FAKES
def test_a_retried_fault_in_virtual_time(kind: Any) -> None:
    time = VirtualTime()
    client = kind([http_error(503), reset(), completed()], scheduler=time)
    seen = time.record(task_observable(client, "t"))
    assert [e.kind for e in seen] == ["next", "completed"]
    assert client.polls("t") == 3


def test_many_waits_at_once_in_virtual_time() -> None:
    time = VirtualTime()
    client = FakeAsyncClient([delayed("pending", 1), delayed(completed(), 1)], scheduler=time)
    ends = []
    for number in range(500):
        task_observable(client, str(number)).subscribe(
            on_completed=lambda: ends.append(1), scheduler=time
        )
    time.start()
    assert len(ends) == 500
    assert client.polls() == 1000
    assert client.in_flight == 0
    assert 1 < client.most_in_flight <= 500


def test_the_async_fake_follows_a_virtual_loop() -> None:
    client = FakeAsyncClient([delayed("pending", 5), delayed(completed(7), 5)])
    assert run_virtual(wait_for_task_async(client, "t")) == 7
    assert [(r.at, r.ended) for r in client.requests] == [(0, 5), (6, 11)]


def test_the_async_fake_notices_cancellation() -> None:
    async def main() -> Any:
        client = FakeAsyncClient(hang())
        call = asyncio.create_task(client.get_task("t"))
        await asyncio.sleep(1)
        assert client.in_flight == 1
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return client

    client = run_virtual(main())
    assert client.in_flight == 0
    assert client.requests[0].cancelled


def test_closing_the_async_fake_ends_its_calls() -> None:
    async def main() -> None:
        async with FakeAsyncClient(hang()) as client:
            call = asyncio.create_task(client.get_task("t"))
            await asyncio.sleep(1)
        with pytest.raises(StreamTransportException, match="reset"):
            await call
        with pytest.raises(RuntimeError, match="closed"):
            await client.get_task("t")
        await client.aclose()

    run_virtual(main())


def test_closing_the_sync_fake_ends_its_calls() -> None:
    client = FakeClient(hang())
    errors = []

    def call() -> None:
        try:
            client.get_task("t")
        except StreamTransportException as error:
            errors.append(error.error_type)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    while client.in_flight < 8:
        threading.Event().wait(0.001)
    with client:
        pass
    for thread in threads:
        thread.join()
    assert errors == ["connection_reset"] * 8
    assert (client.in_flight, client.most_in_flight) == (0, 8)
    with pytest.raises(RuntimeError, match="closed"):
        client.get_task("t")


def test_the_sync_fake_delays_in_real_time() -> None:
    client = FakeClient(delayed(completed(1), 0.02))
    assert wait_for_task(client, "t") == 1
    (record,) = client.requests
    assert record.ended - record.at >= 0.02


@FAKES
@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "text"),
    [
        ((3,), {}, TypeError, "script"),
        (({"a": 3},), {}, TypeError, r"script\['a'\]"),
        (([],), {}, ValueError, "answers"),
        (("running",), {"scheduler": 3}, TypeError, "scheduler"),
        (("running",), {"rate_limit": 0}, ValueError, "limit"),
        (("running",), {"rate_limit": 1, "window": 0}, ValueError, "window"),
    ],
)
def test_bad_arguments_are_named(
    kind: Any, arguments: Any, keywords: Any, error: Any, text: Any
) -> None:
    with pytest.raises(error, match=text):
        kind(*arguments, **keywords)
