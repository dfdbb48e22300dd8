"""Handles over a real socket, of both clients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from reactivex import operators as ops

from rxstream import AsyncStreamClient, StreamClient, TaskOutcome, tasks_observable
from rxstream import operators as rxs
from rxstream.errors import StreamApiException, StreamTaskException
from rxstream.testing import failed

if TYPE_CHECKING:
    from rxstream.testing import TaskServer

SOON: Any = {"poll_interval": 0.01, "timeout": 10}


def run_sync(server: TaskServer) -> tuple[Any, list[TaskOutcome]]:
    with StreamClient(server.api_key, server.api_secret, base_url=server.url) as client:
        export = client.export_users(["jane"])
        payload = export.wait(**SOON)
        assert export.observe(**SOON).pipe(rxs.result()).run() == payload
        tasks = [
            export,
            str(export),
            client.delete_call("default", "c1"),
            server.add_task(failed("no")),
            client.delete_users(["u1", "u2"], user="hard"),
        ]
        outcomes = tasks_observable(client, tasks, **SOON).pipe(ops.to_list()).run()
        assert client.get_task(export).result == payload
    return payload, outcomes


def run_async(server: TaskServer) -> tuple[Any, list[TaskOutcome]]:
    async def main() -> tuple[Any, list[TaskOutcome]]:
        async with AsyncStreamClient(
            server.api_key, server.api_secret, base_url=server.url
        ) as client:
            export = await client.export_users(["jane"])
            payload = await export.wait(**SOON)
            assert await export.observe(**SOON).pipe(rxs.result()) == payload
            tasks = [
                export,
                str(export),
                await client.delete_call("default", "c1"),
                server.add_task(failed("no")),
                await client.delete_users(["u1", "u2"], user="hard"),
            ]
            outcomes = await tasks_observable(client, tasks, **SOON).pipe(ops.to_list())
            assert (await client.get_task(export)).result == payload
        return payload, outcomes

    return asyncio.run(main())


@pytest.mark.parametrize("run", [run_sync, run_async])
def test_operations_handles_and_outcomes(run: Any, server: TaskServer) -> None:
    payload, outcomes = run(server)
    assert payload["url"].startswith("http")
    by_items = {(outcome.items, type(outcome.error)): outcome for outcome in outcomes}
    assert set(by_items) == {
        (("jane",), type(None)),
        ((), type(None)),
        (("default:c1",), type(None)),
        ((), StreamTaskException),
        (("u1", "u2"), type(None)),
    }
    deleted = by_items[("u1", "u2"), type(None)]
    assert deleted.unwrap() == {"u1": {"status": "ok"}, "u2": {"status": "ok"}}
    assert by_items[("default:c1",), type(None)].polls == 0


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_error_names_the_request_that_the_server_got(kind: str, server: TaskServer) -> None:
    def run_sync() -> None:
        with StreamClient(server.api_key, server.api_secret, base_url=server.url) as client:
            client.get_task("unknown")

    async def main() -> None:
        async with AsyncStreamClient(
            server.api_key, server.api_secret, base_url=server.url
        ) as client:
            await client.get_task("unknown")

    run = run_sync if kind == "sync" else lambda: asyncio.run(main())
    with pytest.raises(StreamApiException) as caught:
        run()
    sent = server.requests[-1].headers["x-client-request-id"]
    assert caught.value.request_id == sent
