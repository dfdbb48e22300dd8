"""Many tasks started over a real socket, and all of Stream's limits in virtual time."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import pytest
from httpx_aiohttp import AiohttpTransport
from reactivex import operators as ops

from rxstream import (
    AsyncStreamClient,
    StreamClient,
    TaskOutcome,
    backoff,
    start_tasks,
    tasks_observable,
)
from rxstream._start.operation import operation_of
from rxstream.errors import InDoubtException, StreamTransportException
from rxstream.testing import TaskServer, assert_nothing_left, run_virtual
from tests.sockets import BareServer, http_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reactivex import Observable

CLIENTS = ("sync", "async", "aiohttp", "own sync", "own async", "own aiohttp")
KEYS: dict[str, Any] = {"api_key": "key", "token": "token"}
STARTED = http_answer(b'{"task_id": "t1"}', status=b"201 Created")


def session() -> aiohttp.ClientSession:
    # The resolver that aiohttp takes where aiodns is installed keeps a thread for good.
    resolver = aiohttp.ThreadedResolver()
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver))


def listed(kind: str, url: str, observe: Callable[[Any], Observable[Any]], keys: Any = KEYS) -> Any:
    """What an observable of a client of some kind gives."""
    if kind == "sync":
        with StreamClient(base_url=url, **keys) as client:
            return observe(client).pipe(ops.to_list()).run()
    if kind == "own sync":
        with httpx.Client() as http:
            client = StreamClient(base_url=url, http_client=http, **keys)
            return observe(client).pipe(ops.to_list()).run()

    async def main() -> Any:
        if kind.startswith("own"):
            transport = AiohttpTransport(client=session) if kind == "own aiohttp" else None
            async with httpx.AsyncClient(transport=transport) as http:
                other = AsyncStreamClient(base_url=url, http_client=http, **keys)
                return await observe(other).pipe(ops.to_list())
        carrier: Any = "aiohttp" if kind == "aiohttp" else "httpx"
        async with AsyncStreamClient(base_url=url, transport=carrier, **keys) as other:
            return await observe(other).pipe(ops.to_list())

    return asyncio.run(main())


@pytest.mark.parametrize("kind", CLIENTS)
def test_users_are_deleted_in_batches_and_waited_for(kind: str, server: TaskServer) -> None:
    users = [f"u{number}" for number in range(950)]

    def observe(client: Any) -> Any:
        operation = partial(client.delete_users, user="hard", messages="hard")
        return tasks_observable(
            client,
            start_tasks(operation, iter(users)),
            max_concurrent=4,
            poll_interval=0.01,
        )

    keys = {"api_key": server.api_key, "api_secret": server.api_secret}
    outcomes: list[TaskOutcome] = listed(kind, server.url, observe, keys)
    assert len(outcomes) == 10
    assert sorted(user for outcome in outcomes for user in outcome.items) == sorted(users)
    for outcome in outcomes:
        assert outcome.unwrap() == {user: {"status": "ok"} for user in outcome.items}
    assert sum(request.method == "POST" for request in server.requests) == 10


@pytest.mark.parametrize("limit", [3, 20])
@pytest.mark.parametrize("retry_after", [True, False])
def test_429s_lose_nothing_and_start_nothing_twice(limit: int, *, retry_after: bool) -> None:
    number = 5 * limit

    async def main() -> tuple[list[TaskOutcome], int, int]:
        server = TaskServer(limit=limit, retry_after=retry_after)
        transport = httpx.ASGITransport(app=server.app)
        async with httpx.AsyncClient(transport=transport) as http:
            client = AsyncStreamClient(
                server.api_key,
                server.api_secret,
                base_url="http://127.0.0.1",
                http_client=http,
            )
            started = start_tasks(client.export_users, range_of(number), batch_size=1)
            outcomes = await tasks_observable(client, started, timeout=None).pipe(ops.to_list())
            posts = sum(request.method == "POST" for request in server.requests)
            return outcomes, posts, start_gate(client)

    outcomes, posts, refused = run_virtual(main())
    assert [outcome.error for outcome in outcomes] == [None] * number
    assert sorted(o.items for o in outcomes) == sorted((user,) for user in range_of(number))
    assert len({outcome.task_id for outcome in outcomes}) == number
    assert posts == number + refused


def range_of(number: int) -> Iterable[str]:
    return [f"u{n}" for n in range(number)]


def start_gate(client: Any) -> int:
    """How many starts were refused."""
    return operation_of(client.export_users).gate().statistics().rate_limited


def reset(connection: socket.socket, _: bytes) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


FAULTS: dict[str, Any] = {
    "reset": reset,
    "closed": b"",
    "cut": STARTED[:-5],
    "502": http_answer(b"<html>", status=b"502 Bad Gateway"),
    "408": http_answer(b"", status=b"408 Request Timeout"),
    "html": http_answer(b"<html>"),
    "redirect": http_answer(b"", b"Location: /", status=b"302 Found"),
}


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_after_the_request_went_out_leaves_it_in_doubt(kind: str, fault: str) -> None:
    answer = FAULTS[fault]

    def once(connection: socket.socket, request: bytes) -> bool:
        if callable(answer):
            return bool(answer(connection, request))
        connection.sendall(answer)
        return False

    with assert_nothing_left(), BareServer(once) as server:
        seen = listed(kind, server.url, lambda client: start_tasks(client.delete_users, ["u1"]))
    (handle,) = seen
    assert isinstance(handle.error, InDoubtException)
    assert handle.error.request_id == handle.error.__cause__.request_id is not None
    assert handle.items == handle.error.items == ("u1",)
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", CLIENTS)
def test_what_nobody_has_listened_to_is_started_again(kind: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    schedule = backoff.constant(0.01).limited(2)
    (handle,) = listed(
        kind, url, lambda client: start_tasks(client.delete_users, ["u1"], retry=schedule)
    )
    assert isinstance(handle.error, StreamTransportException)
    assert handle.error.nothing_sent
    assert "gave up after 3 starts" in handle.error.__notes__[0]


@pytest.mark.parametrize("kind", ["sync", "async", "aiohttp"])
def test_disposing_ends_the_request_that_is_under_way(kind: str) -> None:
    came, gone = threading.Event(), threading.Event()

    def hang(connection: socket.socket, _: bytes) -> bool:
        came.set()
        connection.recv(1)
        gone.set()
        return False

    with assert_nothing_left(), BareServer(hang) as server:
        if kind == "sync":
            with StreamClient(base_url=server.url, **KEYS) as client:
                wait = start_tasks(client.delete_users, ["u1"]).subscribe(pytest.fail, pytest.fail)
                assert came.wait(5)
                wait.dispose()
                assert gone.wait(5)
        else:

            async def main() -> None:
                transport: Any = "aiohttp" if kind == "aiohttp" else "httpx"
                async with AsyncStreamClient(
                    base_url=server.url, transport=transport, **KEYS
                ) as client:
                    wait = start_tasks(client.delete_users, ["u1"]).subscribe(
                        pytest.fail, pytest.fail
                    )
                    assert await asyncio.to_thread(came.wait, 5)
                    wait.dispose()
                    assert await asyncio.to_thread(gone.wait, 5)

            asyncio.run(main())
    assert len(server.requests) == 1
