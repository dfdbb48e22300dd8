"""Canaries: private names of other projects that we use, each with what to do when it changes.

The table "Private names of others" in docs/decisions.md says why there is no public way.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import getstream
import httpx
import pytest
import reactivex
import uvicorn
from reactivex import operators as ops
from reactivex.scheduler import VirtualTimeScheduler
from reactivex.scheduler.eventloop import AsyncIOScheduler
from starlette.responses import PlainTextResponse

from rxstream import AsyncStreamClient, StreamClient
from rxstream._wire.foreign import response_in_an_sdk
from rxstream.client._outgoing import _Address
from rxstream.testing._respond import transport_of
from rxstream.testing._running import RunningServer, listening_socket
from tests.sockets import BareServer, http_answer
from tests.wire import SECRET

DECISIONS = Path(__file__).parent.parent / "docs" / "decisions.md"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("transport", ["sync", "httpx", "aiohttp"])
def test_a_transport_reads_of_a_url_what_our_address_has(transport: Any) -> None:
    async def poll_async(url: str) -> None:
        async with AsyncStreamClient("key", SECRET, base_url=url, transport=transport) as client:
            await client.get_task("t1")

    with BareServer(http_answer()) as server:
        try:
            if transport == "sync":
                with StreamClient("key", SECRET, base_url=server.url) as client:
                    client.get_task("t1")
            else:
                asyncio.run(poll_async(server.url))
        except AttributeError as error:
            if not isinstance(error.obj, _Address):
                raise
            pytest.fail(
                f"The transport {transport} reads {error.name!r} of a request's URL: "
                "give it to _Address in rxstream/client/_outgoing.py."
            )


def test_an_asyncio_scheduler_has_its_loop() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    assert getattr(AsyncIOScheduler(loop), "_loop", None) is loop, (
        "reactivex's AsyncIOScheduler keeps its loop under another name than _loop: waits on it "
        "fall back to its slower timers; look at clock_of in rxstream/_time/schedulers.py."
    )


def test_reactivexs_run_subscribes_with_a_scheduler_of_its_own() -> None:
    schedulers: list[object] = []

    def subscribe(observer: Any, scheduler: Any) -> Any:
        schedulers.append(scheduler)
        observer.on_next(1)
        observer.on_completed()

    reactivex.create(subscribe).run()
    module = importlib.import_module("reactivex.run")
    assert schedulers == [getattr(module, "_default_scheduler", None)], (
        "reactivex's run() subscribes with another scheduler than _default_scheduler: an async "
        "wait hangs that is run in its own loop; look at is_of_run in rxstream/_time/schedulers.py."
    )


def test_a_threads_event_releases_those_who_wait() -> None:
    event, released = threading.Event(), []
    waiters = getattr(getattr(event, "_cond", None), "_waiters", [])
    waiters.append(SimpleNamespace(release=lambda: released.append("us")))
    event.set()
    assert released == ["us"], (
        "threading.Event.set() does not call release() on each of _cond._waiters any more: "
        "cancel_on cannot hear an event; look at _Listeners in rxstream/operators/_signals.py."
    )
    assert not waiters, (
        "Event.set() leaves its waiters in _cond._waiters: look at _Listeners, as above"
    )


def test_an_asyncio_event_tells_those_who_wait() -> None:
    event, told = asyncio.Event(), []
    waiter = SimpleNamespace(done=lambda: False, set_result=lambda _: told.append("us"))
    getattr(event, "_waiters", []).append(waiter)
    event.set()
    event.clear()
    event.set()
    assert told == ["us"] * 2, (
        "asyncio.Event.set() does not call done() and set_result() on each of _waiters any more: "
        "cancel_on cannot hear an event; look at _Listeners in rxstream/operators/_signals.py."
    )


def test_a_virtual_time_scheduler_has_a_clock_and_a_queue() -> None:
    scheduler: Any = VirtualTimeScheduler(0.0)
    found: tuple[Any, ...] = ()
    with suppress(AttributeError):
        scheduler.schedule_relative(2.0, lambda *_: None)
        with scheduler._lock:
            scheduler._clock = 1.0
            next_due = scheduler._queue.peek().duetime
            item = scheduler._queue.dequeue()
        scheduler._is_enabled = scheduler._is_enabled or bool(scheduler._queue)
        found = (scheduler.clock, next_due, item.duetime, scheduler._is_enabled)
    due = scheduler.to_datetime(2.0)
    assert found == (1.0, due, due, False), (
        "reactivex's VirtualTimeScheduler keeps its time and its actions elsewhere than in _clock, "
        "_queue, _lock and _is_enabled: look at start and _run in rxstream/testing/_virtual.py."
    )


def test_uvicorn_runs_its_main_loop_and_then_shuts_down() -> None:
    steps: list[str] = []
    transports: list[object] = []

    class Server(uvicorn.Server):
        async def main_loop(self) -> None:
            steps.append("main_loop")
            _, writer = await asyncio.open_connection(*listener.getsockname())
            while not self.server_state.connections:  # noqa: ASYNC110 -- it tells nobody
                await asyncio.sleep(0)
            transports.extend(c.transport for c in self.server_state.connections)
            writer.close()

        async def shutdown(self, sockets: Any = None) -> None:
            steps.append("shutdown")
            for server in self.servers:
                server.close()
            assert not self.server_state.tasks

    config = uvicorn.Config(PlainTextResponse(""), http="h11", lifespan="off", log_config=None)
    with listening_socket("127.0.0.1", 0) as listener, suppress(TimeoutError, AttributeError):
        asyncio.run(asyncio.wait_for(Server(config).serve([listener]), 5))
    assert steps == ["main_loop", "shutdown"], (
        "uvicorn.Server does not call main_loop() and then shutdown(sockets) any more, or keeps "
        "its connections elsewhere: look at _Server in rxstream/testing/_running.py."
    )
    assert [isinstance(one, asyncio.Transport) for one in transports] == [True], (
        "uvicorn's connections have no transport any more: look at _Server, as above."
    )


def test_what_uvicorn_sends_with_knows_its_connection() -> None:
    found: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(transport_of(send))
        await PlainTextResponse("")(scope, receive, send)

    listener = listening_socket("127.0.0.1", 0)
    url = "http://{}:{}".format(*listener.getsockname())
    server = RunningServer(app, listener)
    try:
        server.ready.result(5)
        httpx.get(url)
    finally:
        server.stop()
        server.join()
    assert isinstance(found[0], asyncio.Transport), (
        "The send of uvicorn's requests is no method of an object with a transport any more: "
        "resets and hangs fail; look at transport_of in rxstream/testing/_respond.py."
    )


def test_the_errors_of_reactivex_are_where_we_import_them_from() -> None:
    internal = importlib.import_module("reactivex.internal")
    names = {"SequenceContainsNoElementsError", "ArgumentOutOfRangeException"}
    assert names <= set(dir(internal)), (
        f"reactivex.internal has no {names - set(dir(internal))} any more: "
        "look at rxstream/operators/_result.py and rxstream/testing/_virtual.py."
    )
    with pytest.raises(internal.SequenceContainsNoElementsError):
        reactivex.empty().pipe(ops.first()).run()


def test_a_reentrant_lock_knows_who_holds_it() -> None:
    lock = threading.RLock()
    is_held = getattr(lock, "_is_owned", None)
    found = [is_held and is_held()]
    with lock:
        found.append(is_held and is_held())
        other = threading.Thread(target=lambda: found.append(is_held and is_held()))
        other.start()
        other.join()
    assert found == [False, True, False], (
        "threading.RLock has no _is_owned any more: look at rxstream/_shared/guard.py. "
        "Signal handlers and finalisers that dispose can stop the process."
    )


def test_getstream_reads_answers_in_a_variable_named_response() -> None:
    answer = http_answer(b"{}", status=b"503 Service Unavailable")
    with (
        BareServer(answer) as server,
        getstream.Stream("key", SECRET, base_url=server.url) as client,
        pytest.raises(KeyError) as caught,
    ):
        client.get_task(id="t1")
    found: Any = response_in_an_sdk(caught.value)
    assert getattr(found, "status_code", None) == 503, (
        "getstream keeps the answer that it reads elsewhere than in `response`: "
        "look at response_in_an_sdk in rxstream/_wire/foreign.py."
    )


def test_the_table_of_private_names_has_each_canary() -> None:
    _, _, rest = DECISIONS.read_text().partition("## Private names of others\n")
    named = set(re.findall(r"`(test_\w+)`", rest.partition("\n## ")[0]))
    here = {name for name in globals() if name.startswith("test_")}
    assert named == here - {"test_the_table_of_private_names_has_each_canary"}
