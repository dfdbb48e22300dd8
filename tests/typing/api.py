"""What type checkers must see; checked by mypy and pyright, never run.

A comment that switches an error off expects that error: both checkers complain of unused ones.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import timedelta
from typing import Any, assert_type

from reactivex import Observable
from reactivex import operators as ops
from reactivex.scheduler import TimeoutScheduler

from rxstream import (
    AsyncStreamClient,
    Gate,
    GateStatistics,
    Progress,
    StreamClient,
    TaskOutcome,
    TaskSnapshot,
    backoff,
    errors,
    task_observable,
    tasks_observable,
    to_async_iterable,
    wait_for_task,
    wait_for_task_async,
)
from rxstream import operators as rxs
from rxstream.journal import AGAIN, Journal, JournalCounts, JournalReader, MemoryJournal
from rxstream.progress_bar import progress_bar
from rxstream.testing import FakeAsyncClient, FakeClient, VirtualTime, run_virtual


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
        assert_type(client.delete_channels(["messaging:c1"], hard_delete=True), str | None)
        assert_type(client.export_feed_user_data("u1"), str | None)
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
        assert_type(await client.delete_channels(["messaging:c1"]), str | None)
        assert_type(await client.bulk_image_moderation("https://…"), str | None)
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
    schedule.jittered("some")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def the_operators(source: Observable[TaskSnapshot], numbers: Observable[int]) -> None:
    assert_type(source.pipe(rxs.result()), Observable[Any])
    assert_type(source.pipe(rxs.result(dict)), Observable[dict[Any, Any]])
    assert_type(source.pipe(rxs.distinct_status()), Observable[TaskSnapshot])
    assert_type(source.pipe(rxs.settle("id")), Observable[TaskOutcome])
    schedule = backoff.constant(1)
    assert_type(numbers.pipe(rxs.retry_with(schedule, on=ValueError)), Observable[int])
    assert_type(numbers.pipe(rxs.retry_with(schedule, on=lambda e: True)), Observable[int])
    assert_type(numbers.pipe(rxs.cancel_on(threading.Event())), Observable[int])
    assert_type(numbers.pipe(rxs.deadline(timedelta(minutes=1))), Observable[int])
    assert_type(numbers.pipe(rxs.log_to()), Observable[int])
    rxs.retry_with(schedule)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    rxs.retry_with(schedule, on=int)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    rxs.cancel_on(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    rxs.settle(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    numbers.pipe(rxs.settle("id"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def the_batch(client: StreamClient, ids: AsyncIterator[str], pushed: Observable[str]) -> None:
    assert_type(tasks_observable(client, ["a", None]), Observable[TaskOutcome])
    assert_type(tasks_observable(client, ids, max_concurrent=5), Observable[TaskOutcome])
    assert_type(tasks_observable(client, pushed), Observable[TaskOutcome])
    assert_type(tasks_observable(client, ["a"]).pipe(ops.map(TaskOutcome.unwrap)), Observable[Any])
    tasks_observable(client, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def the_gate(client: StreamClient) -> None:
    gate = Gate(max_in_flight=5, reserve=0.2, longest_pause=timedelta(minutes=1))
    assert_type(gate.longest_pause, float)
    assert_type(gate.statistics(), GateStatistics)
    assert_type(Gate.of(client).statistics().limit, int | None)
    assert_type(gate.statistics().closed_for, float)
    Gate("5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


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


def the_kit() -> None:
    time = VirtualTime()
    task_observable(FakeClient("running", scheduler=time), "id", scheduler=time)
    client = FakeAsyncClient(["running", "completed"])
    assert_type(run_virtual(client.get_task("id")), TaskSnapshot)


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
