"""Fixtures for pytest, which finds them by itself if this package is installed.

pytest imports this in every run. So the tools are imported by the fixtures, as names of `testing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .. import testing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "fake_async_client",
    "fake_client",
    "nothing_left",
    "stream_env",
    "task_server",
    "virtual_time",
]


@pytest.fixture
def task_server() -> Iterator[testing.TaskServer]:
    """A running `TaskServer` whose tasks are pending for 0.02 s and running for 0.03 s.

    Without starlette and uvicorn the test is skipped, and the reason says what to install.
    """
    try:
        server_type = testing.TaskServer
    except ImportError as missing:
        pytest.skip(str(missing))
    with server_type(pending=0.02, running=0.03) as server:
        yield server


@pytest.fixture
def stream_env(
    task_server: testing.TaskServer, monkeypatch: pytest.MonkeyPatch
) -> testing.TaskServer:
    """Point `STREAM_API_KEY`, `STREAM_API_SECRET` and `STREAM_BASE_URL` at `task_server`.

    Clients that you make without arguments then talk to it, but for those of `getstream`, which
    does not read `STREAM_BASE_URL`: take `stream_env.getstream()`. Returns the server.
    """
    monkeypatch.setenv("STREAM_API_KEY", task_server.api_key)
    monkeypatch.setenv("STREAM_API_SECRET", task_server.api_secret)
    monkeypatch.setenv("STREAM_BASE_URL", task_server.url)
    return task_server


@pytest.fixture
def virtual_time() -> testing.VirtualTime:
    """A `VirtualTime` at second 0."""
    return testing.VirtualTime()


@pytest.fixture
def fake_client(virtual_time: testing.VirtualTime) -> Iterator[Callable[..., testing.FakeClient]]:
    """A function that makes a `FakeClient` from a script, in the test's `virtual_time`.

    It takes the keywords of `FakeClient`; `scheduler=None` is real time. The clients are closed
    after the test.
    """
    made: list[testing.FakeClient] = []

    def make(script: Any, **keywords: Any) -> testing.FakeClient:
        keywords.setdefault("scheduler", virtual_time)
        client = testing.FakeClient(script, **keywords)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def fake_async_client() -> Callable[..., testing.FakeAsyncClient]:
    """A function that makes a `FakeAsyncClient` from a script, in the time of the running loop.

    That is real time, or the virtual time of `run_virtual`. It takes the keywords of
    `FakeAsyncClient`; `scheduler=virtual_time` puts it under that.
    """
    return testing.FakeAsyncClient


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Fail if the test leaves a thread, a timer, an asyncio task or a socket behind.

    It does not check fixtures that stand before it in the test's arguments; those after it must
    clean up too.
    """
    with testing.assert_nothing_left():
        yield
