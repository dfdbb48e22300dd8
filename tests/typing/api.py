"""What type checkers must see; checked by mypy and pyright, never run.

A comment that switches an error off expects that error: both checkers complain of unused ones.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from typing import Any, assert_type

from reactivex import Observable
from reactivex import operators as ops
from reactivex.scheduler import TimeoutScheduler

import rxstream
from rxstream import (
    AsyncStreamClient,
    AsyncTaskHandle,
    BaseTaskHandle,
    Delays,
    Duration,
    Gate,
    GateStatistics,
    Progress,
    RetryOn,
    Signal,
    StreamClient,
    StreamException,
    TaskHandle,
    TaskHub,
    TaskOutcome,
    Tasks,
    TaskSnapshot,
    TransportErrorType,
    backoff,
    errors,
    results,
    run,
    start_tasks,
    task_observable,
    tasks_observable,
    to_async_iterable,
    wait_for_task,
    wait_for_task_async,
    wait_for_tasks,
    wait_for_tasks_async,
)
from rxstream import operators as rxs
from rxstream.compat.getstream import as_official, official_errors
from rxstream.journal import AGAIN, Journal, JournalCounts, JournalReader, MemoryJournal
from rxstream.progress_bar import progress_bar
from rxstream.testing import FakeAsyncClient, FakeClient, TaskServer, VirtualTime, run_virtual
from rxstream.webhooks import (
    InvalidWebhookException,
    WebhookEvent,
    WebhookEvents,
    WebhookFault,
    parse,
)
from rxstream.webhooks.starlette import webhook_route


def own_schedule() -> Iterator[float]:
    yield 1.0


def result_of(snapshot: TaskSnapshot) -> dict[str, str]:
    assert_type(snapshot.result, Any)
    assert_type(snapshot.is_done, bool)
    return {"status": snapshot.status}


def the_observable(client: StreamClient, other: AsyncStreamClient) -> None:
    assert_type(task_observable(client, "id"), Observable[TaskSnapshot])
    assert_type(task_observable(other, "id"), Observable[TaskSnapshot])
    piped = task_observable(client, "id").pipe(ops.map(result_of))
    assert_type(piped, Observable[dict[str, str]])
    task_observable(
        client,
        "id",
        poll_interval=backoff.exponential(1.0, factor=1.2).capped(30),
        timeout=timedelta(minutes=5),
        retry=backoff.constant(1).limited(3),
        gate=Gate(5),
        scheduler=TimeoutScheduler(),
    )
    task_observable(client, "id", poll_interval=own_schedule, timeout=None, retry=None)
    task_observable(client, None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    task_observable(client, "id", poll_interval="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    task_observable(client, "id", retry=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    task_observable(client, "id", gate=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    task_observable(client, "id", 1.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def the_sync_client() -> None:
    with StreamClient("key", "secret", timeout=timedelta(seconds=3)) as client:
        assert_type(client, StreamClient)
        deleted = client.delete_channels(["messaging:c1"], hard_delete=True)
        assert_type(deleted, TaskHandle[results.Deleted])
        assert_type(client.export_feed_user_data("u1"), TaskHandle[Any])
        assert_type(client.get_task("id"), TaskSnapshot)
        assert_type(client.wait_for_task("id"), Any)
        assert_type(wait_for_task(client, "id"), Any)
        assert_type(client.new_call().get_task("id"), TaskSnapshot)
        assert_type(client.max_response_bytes, int)
        StreamClient("key", "secret", max_response_bytes=1_000_000)
        StreamClient("key", "secret", max_response_bytes=1e6)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        client.delete_users(["u1"], user="gone")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        client.delete_channels("messaging:c1", hard=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def the_async_client() -> None:
    async with AsyncStreamClient("key", token="token") as client:
        assert_type(client, AsyncStreamClient)
        deleted = await client.delete_channels(["messaging:c1"])
        assert_type(deleted, AsyncTaskHandle[results.Deleted])
        assert_type(await client.bulk_image_moderation("https://…"), AsyncTaskHandle[Any])
        assert_type(await client.get_task("id"), TaskSnapshot)
        assert_type(await client.wait_for_task("id"), Any)
        assert_type(await wait_for_task_async(client, "id"), Any)
        assert_type(await task_observable(client, "id"), TaskSnapshot)
        items = to_async_iterable(task_observable(client, "id"), buffer=2, overflow="drop_oldest")
        async for snapshot in items:
            assert_type(snapshot, TaskSnapshot)
        async with aiter(items) as statuses:
            assert_type(await anext(statuses), TaskSnapshot)
        async with aclosing(aiter(items)) as statuses:
            assert_type(await anext(statuses), TaskSnapshot)
        fast = AsyncStreamClient("key", token="token", transport="aiohttp", max_connections=5)
        assert_type(fast, AsyncStreamClient)
        AsyncStreamClient("key", transport="requests")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        to_async_iterable(["id"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        to_async_iterable(Observable[int](), overflow="block")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def the_readme() -> None:
    async with AsyncStreamClient() as client:
        task = await client.delete_channels(["messaging:c1"], hard_delete=True)
        statuses = task_observable(client, task, poll_interval=backoff.exponential(0.5, 1.2))
        last = await statuses.pipe(ops.do_action(print))
        assert_type(last, TaskSnapshot[results.Deleted])
        assert_type(last.result["messaging:c1"]["status"], str)


async def the_handles(
    client: StreamClient, other: AsyncStreamClient, anything: BaseTaskHandle, each: list[str]
) -> None:
    export = client.export_users(["jane"])
    assert_type(export, TaskHandle[results.Export])
    assert_type(export.task_id, str | None)
    assert_type(export.wait(timeout=5)["url"], str)
    export.wait()["link"]  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    assert_type(export.observe(), Observable[TaskSnapshot[results.Export]])
    assert_type(task_observable(client, export), Observable[TaskSnapshot[results.Export]])
    assert_type(task_observable(client, "id"), Observable[TaskSnapshot[Any]])
    piped = export.observe().pipe(rxs.distinct_status(), rxs.log_to(), rxs.result())
    assert_type(piped, Observable[results.Export])
    moving = export.observe().pipe(rxs.stalled(60), rxs.distinct_status(), rxs.log_to())
    assert_type(moving, Observable[TaskSnapshot[results.Export]])
    still = export.observe().pipe(rxs.distinct_status(), rxs.stalled(60))
    assert_type(still, Observable[TaskSnapshot[results.Export]])
    assert_type(await piped, results.Export)
    assert_type((await export.observe()).result["url"], str)
    assert_type(export.observe().pipe(rxs.settle(export)), Observable[TaskOutcome[results.Export]])
    assert_type(client.wait_for_task(export), results.Export)
    assert_type(wait_for_task(client, export), results.Export)
    assert_type(client.get_task(export), TaskSnapshot[results.Export])
    batch = await other.channel_batch_update("hide", {"cids": {"$in": each}})
    assert_type(batch, AsyncTaskHandle[results.ChannelBatch])
    assert_type((await batch.wait())["success_channels_count"], int)
    (await batch.wait())["successes"]  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    assert_type(await other.wait_for_task(batch), results.ChannelBatch)
    assert_type(await wait_for_task_async(other, batch), results.ChannelBatch)
    outcomes = tasks_observable(client, (client.export_users([user]) for user in each))
    assert_type(outcomes, Observable[TaskOutcome[results.Export]])
    first = await outcomes
    assert_type(first.unwrap()["url"], str)
    assert_type(first.items, tuple[Any, ...])
    assert_type(first.to_dict(), dict[str, Any])
    first.unwrap()["link"]  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    assert_type(task_observable(client, anything), Observable[TaskSnapshot[Any]])
    client.delete_users(["jane"], hard=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await other.check_moderation("message", "m1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def the_errors(error: errors.StreamException) -> None:
    if isinstance(error, errors.TaskTimeoutException):
        assert_type(error.last, TaskSnapshot | None)
        assert_type(error.timeout, float)
        assert_type(error.polls, int)
    if isinstance(error, errors.StreamRateLimitException):
        assert_type(error.retry_after, timedelta | None)
    if isinstance(error, errors.StreamTransportException):
        assert_type(error.error_type, errors.TransportErrorType)
    errors.StreamTransportException("slow")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def the_schedules() -> None:
    schedule = backoff.fibonacci(1, maximum=30).jittered("equal", seed=1).limited(5)
    assert_type(schedule, backoff.Schedule)
    assert_type(schedule(), Iterator[float])
    cadence = backoff.by_answer(lambda snapshot: 1 if snapshot.is_done else timedelta(seconds=2))
    assert_type(cadence, backoff.ByAnswer)
    task_observable(FakeClient("running"), "id", poll_interval=cadence)
    backoff.by_answer(own_schedule)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    task_observable(FakeClient("running"), "id", retry=cadence)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    schedule.jittered("some")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def the_operators(source: Observable[TaskSnapshot], numbers: Observable[int]) -> None:
    assert_type(source.pipe(rxs.result()), Observable[Any])
    assert_type(source.pipe(rxs.result(dict)), Observable[dict[Any, Any]])
    assert_type(source.pipe(rxs.distinct_status()), Observable[TaskSnapshot])
    assert_type(source.pipe(rxs.settle("id")), Observable[TaskOutcome])
    assert_type(source.pipe(rxs.stalled(timedelta(minutes=1))), Observable[TaskSnapshot])
    schedule = backoff.constant(1)
    assert_type(numbers.pipe(rxs.retry_with(schedule, on=ValueError)), Observable[int])
    assert_type(numbers.pipe(rxs.retry_with(schedule, on=lambda e: True)), Observable[int])
    assert_type(numbers.pipe(rxs.cancel_on(threading.Event())), Observable[int])
    assert_type(numbers.pipe(rxs.deadline(timedelta(minutes=1))), Observable[int])
    assert_type(numbers.pipe(rxs.log_to()), Observable[int])
    rxs.retry_with(schedule)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    rxs.retry_with(schedule, on=int)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    rxs.cancel_on(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    rxs.stalled("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    rxs.settle(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    numbers.pipe(rxs.settle("id"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def the_batch(client: StreamClient, ids: AsyncIterator[str], pushed: Observable[str]) -> None:
    assert_type(tasks_observable(client, ["a", None]), Observable[TaskOutcome])
    assert_type(tasks_observable(client, ids, max_concurrent=5), Observable[TaskOutcome])
    assert_type(tasks_observable(client, pushed), Observable[TaskOutcome])
    mixed: list[str | TaskHandle[results.Export] | None] = ["a", None]
    tasks_observable(client, mixed)
    assert_type(tasks_observable(client, ["a"]).pipe(ops.map(TaskOutcome.unwrap)), Observable[Any])
    tasks_observable(client, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def the_loops(client: StreamClient, ids: AsyncIterator[str]) -> None:
    for outcome in wait_for_tasks(client, ["a", None], max_concurrent=5, timeout=None):
        assert_type(outcome, TaskOutcome)
    with client.wait_for_tasks(iter(["a"])) as outcomes:
        assert_type(next(outcomes), TaskOutcome)
    wait_for_tasks(client, ids)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    wait_for_tasks(client, ["a"], max_concurrent="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(run(task_observable(client, "id")), TaskSnapshot)
    assert_type(run(tasks_observable(client, ["a"]), default=None), TaskOutcome | None)
    run(["a"])  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


async def the_async_loops(client: AsyncStreamClient, ids: AsyncIterator[str]) -> None:
    async for outcome in wait_for_tasks_async(client, ids, max_concurrent=5):
        assert_type(outcome, TaskOutcome)
    async with client.wait_for_tasks(["a", None]) as outcomes:
        assert_type(await anext(outcomes), TaskOutcome)
    wait_for_tasks_async(client, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def the_hub(client: AsyncStreamClient) -> None:
    events = WebhookEvents("secret", max_age=None)
    hub = TaskHub(client, poll_interval=timedelta(seconds=5), wake=events, keep=60)
    assert_type(hub.observe("id"), Observable[TaskSnapshot])
    assert_type(await hub.wait("id"), Any)
    assert_type(hub.wait_blocking("id"), Any)
    hub.observe(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    TaskHub(client, keep="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def the_webhooks(body: bytes, headers: dict[str, str]) -> None:
    events = WebhookEvents("secret")
    try:
        assert_type(events.receive(body, headers), WebhookEvent)
    except InvalidWebhookException as error:
        assert_type(error.fault, WebhookFault)
        assert_type(error.status_code, int)
    assert_type(parse(body, headers, "secret").task_id, str | None)
    webhook_route("/webhook", events)
    parse("{}", headers, "secret")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    parse(body, [], "secret")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def the_gate(client: StreamClient) -> None:
    gate = Gate(max_in_flight=5, reserve=0.2, longest_pause=timedelta(minutes=1))
    assert_type(gate.longest_pause, float)
    assert_type(gate.statistics(), GateStatistics)
    assert_type(Gate.of(client).statistics().limit, int | None)
    assert_type(gate.statistics().closed_for, float)
    Gate("5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(Gate(per_minute=1_000).statistics().per_minute, int | None)
    Gate(per_minute=1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def the_progress(client: StreamClient, outcomes: Observable[TaskOutcome]) -> None:
    assert_type(outcomes.pipe(rxs.progress()), Observable[Progress])
    assert_type(outcomes.pipe(rxs.progress(5, gate=Gate.of(client))), Observable[Progress])
    assert_type(outcomes.pipe(progress_bar(5, client=client)), Observable[TaskOutcome])
    totals = outcomes.pipe(progress_bar(gate=Gate(3)), rxs.progress(5))
    assert_type(totals, Observable[Progress])
    rxs.progress("5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    rxs.progress(5, Gate(3))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    progress_bar(5, console="stderr")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    task_observable(client, "id").pipe(rxs.progress())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def the_front_door(client: StreamClient, ids: Tasks, on: RetryOn, signal: Signal) -> None:
    pauses: Delays = backoff.constant(1)
    pause: Duration = timedelta(seconds=1)
    tasks_observable(client, ids, poll_interval=pause, retry=pauses).pipe(
        rxs.retry_with(pauses, on=on), rxs.cancel_on(signal)
    )
    assert_type(rxstream.StreamClient("key", "secret"), StreamClient)
    assert_type(rxstream.errors.StreamException("x"), StreamException)
    _ = rxstream.nonsense  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    try:
        with official_errors():
            client.get_task("id")
    except rxstream.StreamTransportException as error:
        assert_type(error.error_type, TransportErrorType)
        assert_type(as_official(error), rxstream.StreamTransportException)


def the_kit() -> None:
    time = VirtualTime()
    task_observable(FakeClient("running", scheduler=time), "id", scheduler=time)
    client = FakeAsyncClient(["running", "completed"])
    assert_type(run_virtual(client.get_task("id")), TaskSnapshot)
    VirtualTime(max_actions=10).record(task_observable(FakeClient(), "id"), until=5)
    run_virtual(FakeAsyncClient().wait_for_task("id"), max_jumps=10)


def the_server(server: TaskServer) -> None:
    StreamClient(**server.getstream_arguments)
    server.getstream()


def their_start(items: list[int]) -> str:
    return f"{items}"


def the_starts(client: StreamClient, other: AsyncStreamClient, pushed: Observable[str]) -> None:
    started = start_tasks(client.delete_users, ["u1"])
    assert_type(started, Observable[TaskHandle[results.Deleted]])
    assert_type(tasks_observable(client, started), Observable[TaskOutcome[results.Deleted]])
    hard = start_tasks(partial(client.delete_users, user="hard"), pushed, batch_size=5)
    assert_type(hard, Observable[TaskHandle[results.Deleted]])
    others = start_tasks(partial(other.export_users), iter(["u1"]), retry=None, gate=Gate(1))
    assert_type(others, Observable[AsyncTaskHandle[results.Export]])
    assert_type(tasks_observable(other, others), Observable[TaskOutcome[results.Export]])
    for outcome in client.wait_for_tasks(started):
        assert_type(outcome, TaskOutcome[results.Deleted])
    other.wait_for_tasks(others)
    theirs = start_tasks(their_start, [1, 2], batch_size=2, max_concurrent=3)
    assert_type(theirs, Observable[BaseTaskHandle[Any]])
    assert_type(tasks_observable(client, theirs), Observable[TaskOutcome[Any]])
    start_tasks(client.delete_users, 5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    start_tasks(their_start, ["u1"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    start_tasks(client.delete_users, ["u1"], batch_size="5")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


class TheirResponse:
    def __init__(self) -> None:
        self.data: dict[str, Any] = {}


async def their_async_start(items: list[int]) -> TheirResponse:
    return TheirResponse()


async def their_handle(items: list[int]) -> AsyncTaskHandle[results.Export]:
    return AsyncTaskHandle("id")


def their_starts() -> None:
    started = start_tasks(their_async_start, [1], batch_size=1)
    assert_type(started, Observable[BaseTaskHandle[Any]])
    exports = start_tasks(their_handle, [1], batch_size=1)
    assert_type(exports, Observable[AsyncTaskHandle[results.Export]])
    start_tasks(len, [1], batch_size=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]


def journals(client: StreamClient) -> None:
    with Journal("run.db") as journal:
        assert_type(journal, Journal)
        found = tasks_observable(client, ["id"], journal=journal)
        assert_type(found, Observable[TaskOutcome])
        assert_type(journal.counts(), JournalCounts)
        assert_type(journal.pending(), Iterator[str])
    again = (*AGAIN, errors.StreamApiException)
    tasks_observable(client, ["id"], journal=MemoryJournal(), again=again)
    tasks_observable(client, ["id"], journal=None, again=errors.StreamException)
    assert_type(JournalReader("run.db").outcomes(), Iterator[TaskOutcome])
    tasks_observable(client, ["id"], journal="run.db")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    tasks_observable(client, ["id"], again="timeout")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def replayed(outcome: TaskOutcome, error: errors.JournalException) -> None:
    assert_type(outcome.replayed, bool)
    assert_type(error.path, str)
    assert_type(error.reason, errors.JournalFailure)
