"""The service on a real socket, before an embedded task server."""

from __future__ import annotations

import importlib.util
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
import uvicorn

from rxstream.testing import TaskServer, assert_nothing_left
from rxstream.testing._running import listening_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "service.py"
_PATIENCE: Final = 20.0
_QUIET: Final = 0.5
"""Ten times the pause between polls that tests set: who has not polled by then has stopped."""


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that comes soon, or fail with what it was."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"in {_PATIENCE:g} s it never came: {what}"
        time.sleep(0.01)


@dataclass(frozen=True)
class Stage:
    """A running service, and the task server that it talks to."""

    api: TaskServer
    url: str
    leave: Callable[[], None]
    """Ends the service."""

    def start(self) -> str:
        answer = httpx.post(f"{self.url}/exports", json={"users": ["jane"]})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])

    def events_of(self, task_id: str) -> str:
        return f"{self.url}/exports/{task_id}/events"

    def expect_polls_to_go_on(self) -> None:
        polls = self.api.polls()
        until(lambda: self.api.polls() > polls + 2, "more polls")

    def expect_polls_to_stop(self) -> None:
        def is_quiet() -> bool:
            polls = self.api.polls()
            time.sleep(_QUIET)
            return self.api.polls() == polls

        until(is_quiet, "an end of the polling")
        assert self.api.in_flight == 0


@pytest.fixture(scope="session")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("service", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def play(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stage]]:
    """Serve the example; the tasks that it starts play a script."""
    with ExitStack() as stack:
        stack.enter_context(assert_nothing_left())

        def play(script: Any = None, *, every: float = 0.05, deadline: float = 60.0) -> Stage:
            monkeypatch.setattr(example, "POLL_INTERVAL", every)
            monkeypatch.setattr(example, "DEADLINE", deadline)
            api = stack.enter_context(TaskServer(script, pending=0.1, running=0.2))
            monkeypatch.setenv("STREAM_API_KEY", api.api_key)
            monkeypatch.setenv("STREAM_API_SECRET", api.api_secret)
            monkeypatch.setenv("STREAM_BASE_URL", api.url)
            return Stage(api, *stack.enter_context(_served(example.app)))

        yield play


@contextmanager
def _served(app: Any) -> Iterator[tuple[str, Callable[[], None]]]:
    listener = listening_socket("127.0.0.1", 0)
    # As its docstring says for production, or an open stream would hold up the end.
    config = uvicorn.Config(app, lifespan="on", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()

    def leave() -> None:
        server.should_exit = True
        thread.join(_PATIENCE)

    try:
        until(lambda: server.started or not thread.is_alive(), "the start of uvicorn")
        assert server.started
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", leave
    finally:
        leave()
        listener.close()
    assert not thread.is_alive()
