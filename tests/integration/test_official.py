"""Stream's official SDKs: they can talk to `TaskServer`, and are taken as clients as they are."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING, Any

import getstream
import getstream.exceptions
import pytest
import stream_chat
import stream_chat.base.exceptions

from rxstream import TaskSnapshot, backoff, task_observable
from rxstream.errors import (
    InvalidResponseException,
    StreamApiException,
    StreamRateLimitException,
    StreamTaskException,
    StreamTransportException,
    TaskTimeoutException,
)
from rxstream.testing import (
    TaskServer,
    completed,
    failed,
    garbage,
    hang,
    http_error,
    rate_limited,
    reset,
    status,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEYWORDS = {"poll_interval": 0.01, "timeout": 10, "retry": backoff.constant(0.01).limited(3)}


class Seen:
    """How one wait went."""

    def __init__(self) -> None:
        self.snapshots: list[TaskSnapshot] = []
        self.error: Any = None
        self.ended = threading.Event()

    def on_error(self, error: Exception) -> None:
        self.error = error
        self.ended.set()


def with_getstream(server: TaskServer, task: str, keywords: dict[str, Any]) -> Seen:
    with getstream.Stream(server.api_key, server.api_secret, base_url=server.url) as client:
        return blocking(client, task, keywords)


def with_stream_chat(server: TaskServer, task: str, keywords: dict[str, Any]) -> Seen:
    client = stream_chat.StreamChat(server.api_key, server.api_secret, base_url=server.url)
    try:
        return blocking(client, task, keywords)
    finally:
        client.session.close()


def with_async_getstream(server: TaskServer, task: str, keywords: dict[str, Any]) -> Seen:
    async def main() -> Seen:
        async with getstream.AsyncStream(
            server.api_key, server.api_secret, base_url=server.url
        ) as client:
            return await awaiting(client, task, keywords)

    return asyncio.run(main())


def with_async_stream_chat(server: TaskServer, task: str, keywords: dict[str, Any]) -> Seen:
    async def main() -> Seen:
        async with stream_chat.StreamChatAsync(
            server.api_key, server.api_secret, base_url=server.url
        ) as client:
            return await awaiting(client, task, keywords)

    return asyncio.run(main())


def blocking(client: Any, task: str, keywords: dict[str, Any]) -> Seen:
    seen = Seen()
    dispose_after = keywords.pop("dispose_after", None)
    wait = task_observable(client, task, **keywords).subscribe(
        seen.snapshots.append, seen.on_error, seen.ended.set
    )
    if dispose_after is not None:
        while len(seen.snapshots) < dispose_after:
            threading.Event().wait(0.005)
        wait.dispose()
        # A worker thread may have been calling the consumer in that moment.
        threading.Event().wait(0.05)
        count = len(seen.snapshots)
        threading.Event().wait(0.05)
        assert len(seen.snapshots) == count
    else:
        assert seen.ended.wait(15)
    return seen


async def awaiting(client: Any, task: str, keywords: dict[str, Any]) -> Seen:
    seen = Seen()
    dispose_after = keywords.pop("dispose_after", None)
    wait = task_observable(client, task, **keywords).subscribe(
        seen.snapshots.append, seen.on_error, seen.ended.set
    )
    if dispose_after is not None:
        while len(seen.snapshots) < dispose_after:  # noqa: ASYNC110 -- the same record serves threads
            await asyncio.sleep(0.005)
        wait.dispose()
        count = len(seen.snapshots)
        await asyncio.sleep(0.05)
        assert len(seen.snapshots) == count
    else:
        async with asyncio.timeout(15):
            while not seen.ended.is_set():  # noqa: ASYNC110 -- the same record serves threads
                await asyncio.sleep(0.005)
    return seen


@pytest.fixture
def server() -> Iterator[TaskServer]:
    """Does not look for what is left behind: aiohttp's resolver keeps a thread of its own."""
    with TaskServer(pending=0.02, running=0.03) as running:
        yield running


@pytest.fixture(
    params=[with_getstream, with_async_getstream, with_stream_chat, with_async_stream_chat],
    ids=["Stream", "AsyncStream", "StreamChat", "StreamChatAsync"],
)
def wait(request: pytest.FixtureRequest, server: TaskServer) -> Callable[..., Seen]:
    def waiting(*answers: Any, **keywords: Any) -> Seen:
        task = keywords.pop("task", None) or server.add_task(answers)
        seen: Seen = request.param(server, task, KEYWORDS | keywords)
        seen.task = task
        return seen

    return waiting


def test_snapshots_are_emitted_and_carry_everything(wait: Callable[..., Seen]) -> None:
    seen = wait("pending", "running", completed({"url": "…"}))
    assert [snapshot.status for snapshot in seen.snapshots] == ["pending", "running", "completed"]
    last = seen.snapshots[-1]
    assert last.result == {"url": "…"}
    assert last.task_id == seen.task
    assert last.created_at is not None
    assert last.rate_limit is not None
    assert last.rate_limit.limit == 6000
    assert last.raw is not None


def test_a_failed_task_is_our_exception_with_its_stack_trace(wait: Callable[..., Seen]) -> None:
    seen = wait(failed("boom", error_type="internal", stack_trace="at x", version="v7"))
    assert isinstance(seen.error, StreamTaskException)
    error = seen.error
    assert (error.description, error.error_type, error.stack_trace, error.version) == (
        "boom",
        "internal",
        "at x",
        "v7",
    )


@pytest.mark.parametrize("fault", [http_error(503), http_error(502), http_error(429), reset()])
def test_transient_faults_are_survived(wait: Callable[..., Seen], fault: Any) -> None:
    seen = wait("running", fault, "running", fault, completed({"n": 1}))
    assert seen.error is None
    assert seen.snapshots[-1].is_completed


def test_errors_are_translated_with_their_cause(wait: Callable[..., Seen]) -> None:
    seen = wait(task="no-such-task")
    assert type(seen.error) is StreamApiException
    assert (seen.error.status_code, seen.error.code) == (404, 16)
    assert "Can't find task" in seen.error.message
    assert isinstance(
        seen.error.__cause__,
        getstream.exceptions.StreamApiException | stream_chat.base.exceptions.StreamAPIException,
    )


def test_a_refused_connection_is_translated_with_its_cause(wait: Callable[..., Seen]) -> None:
    seen = wait(reset(), retry=None)
    assert isinstance(seen.error, StreamTransportException)
    assert seen.error.error_type == "connection_reset"
    assert seen.error.__cause__ is not None


def test_rate_limits_are_translated(wait: Callable[..., Seen]) -> None:
    seen = wait(http_error(429, retry_after=1), retry=None)
    assert isinstance(seen.error, StreamRateLimitException)
    if isinstance(seen.error.__cause__, getstream.exceptions.StreamRateLimitException):
        assert seen.error.retry_after is not None
        assert seen.error.retry_after.total_seconds() == 1


@pytest.mark.filterwarnings("ignore:Missing value:RuntimeWarning")
@pytest.mark.parametrize(
    "answer", [garbage(b"<html>"), garbage(b"{"), garbage(b""), garbage(b"[]"), completed([1])]
)
def test_what_is_no_task_is_told_as_such(wait: Callable[..., Seen], answer: Any) -> None:
    """The last one is a task for stream_chat; getstream leaks a KeyError for it."""
    seen = wait(answer)
    if seen.snapshots:
        assert seen.snapshots[-1].result == [1]
    else:
        assert isinstance(seen.error, InvalidResponseException)


def test_odd_rate_limit_headers_do_no_harm(wait: Callable[..., Seen]) -> None:
    seen = wait(rate_limited(status("running"), "60, 60", "59, 59", 30), completed({}))
    assert seen.error is None
    assert seen.snapshots[0].rate_limit is not None
    assert seen.snapshots[0].rate_limit.limit == 60


def test_the_deadline_holds_while_a_request_hangs(
    wait: Callable[..., Seen], server: TaskServer
) -> None:
    stopping = threading.Timer(0.5, server.stop)
    stopping.start()
    seen = wait("running", hang(), timeout=0.2)
    assert isinstance(seen.error, TaskTimeoutException)
    assert seen.error.last is not None
    stopping.join()
    for _ in range(200):
        if "rxstream-worker" not in {thread.name for thread in threading.enumerate()}:
            break
        threading.Event().wait(0.01)
    gc.collect()  # whatever was left behind is this test's, not the next one's


def test_disposing_ends_the_wait(wait: Callable[..., Seen], server: TaskServer) -> None:
    seen = wait("running", dispose_after=3)
    polls = server.polls()
    threading.Event().wait(0.05)
    assert server.polls() == polls
    assert polls <= len(seen.snapshots) + 1
    assert not seen.ended.is_set(), seen.error


@pytest.mark.parametrize("answers", [("running", completed({"a": 1})), (failed("boom"),)])
def test_getstreams_own_helpers_wait_on_the_servers_tasks(
    server: TaskServer, answers: tuple[Any, ...]
) -> None:
    task = server.add_task(answers)
    expected = "boom" if len(answers) == 1 else None

    async def main() -> Any:
        async with getstream.AsyncStream(
            server.api_key, server.api_secret, base_url=server.url
        ) as client:
            return await client.wait_for_task(task, poll_interval=0.01)

    with getstream.Stream(server.api_key, server.api_secret, base_url=server.url) as client:
        if expected:
            with pytest.raises(getstream.exceptions.StreamTaskException, match=expected):
                client.wait_for_task(task, poll_interval=0.01)
            with pytest.raises(getstream.exceptions.StreamTaskException, match=expected):
                asyncio.run(main())
        else:
            assert client.wait_for_task(task, poll_interval=0.01).data.result == {"a": 1}
            assert asyncio.run(main()).data.result == {"a": 1}


def test_the_official_clients_start_tasks_on_the_server(server: TaskServer) -> None:
    with getstream.Stream(server.api_key, server.api_secret, base_url=server.url) as client:
        task = client.chat.delete_channels(cids=["messaging:c1"], hard_delete=True).data.task_id
        assert task is not None
        done = client.wait_for_task(task, poll_interval=0.01)
        assert done.data.result == {"messaging:c1": {"status": "ok"}}
    chat = stream_chat.StreamChat(server.api_key, server.api_secret, base_url=server.url)
    task = chat.delete_channels(["messaging:c2"], hard_delete=True)["task_id"]
    last = task_observable(chat, task, poll_interval=0.01).run()
    assert last.result == {"messaging:c2": {"status": "ok"}}
    chat.session.close()
