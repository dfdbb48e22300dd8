"""The service over a real socket."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from rxstream.testing import Script, completed, failed, hang, http_error
from tests.service.conftest import EXAMPLE, Stage, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RESULT = {"url": "https://example.com/export.json"}
DEEP: Any = json.loads("[" * 500 + "]" * 500)


@contextmanager
def watching(stage: Stage, task_id: str) -> Iterator[Iterator[tuple[str, Any]]]:
    """Give the events of a stream as they come; a heartbeat is an event without a name."""
    with httpx.stream("GET", stage.events_of(task_id), timeout=20) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield events_in(answer.iter_lines())


def events_in(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    name, data = "", None
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data = json.loads(value)
        elif not line:
            yield name, data
            name, data = "", None


def names_of(events: list[tuple[str, Any]]) -> list[str]:
    return [data["status"] if name == "status" else name for name, data in events]


def all_events(stage: Stage, task_id: str) -> list[tuple[str, Any]]:
    with watching(stage, task_id) as events:
        return list(events)


def test_an_export_is_started_and_streamed_to_its_end(play: Callable[..., Stage]) -> None:
    stage = play(["pending", "running", "running", completed(RESULT)])
    events = all_events(stage, stage.start())
    assert names_of(events) == ["pending", "running", "completed", "done"]
    assert events[-1] == ("done", RESULT)
    assert all(set(data) == {"status", "age"} for name, data in events if name == "status")
    assert stage.api.polls() == 4


@pytest.mark.parametrize("result", [None, "text", ["list"], {"url": 1}, {"other": "field"}, DEEP])
def test_a_result_without_a_link_is_an_end_too(play: Callable[..., Stage], result: Any) -> None:
    stage = play([completed(result)])
    assert all_events(stage, stage.start())[-1] == ("done", {})


def test_there_are_heartbeats_while_nothing_changes(
    play: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Private, but FastAPI has it for tests; where it is gone, this fails.
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    stage = play([hang()])
    with watching(stage, stage.start()) as events:
        assert [next(events) for _ in range(3)] == [("", None)] * 3


def test_a_late_comer_gets_the_last_status_at_once(play: Callable[..., Stage]) -> None:
    stage = play(["pending"], every=60)
    task_id = stage.start()
    with watching(stage, task_id) as early, watching(stage, task_id) as late:
        assert names_of([next(early)]) == names_of([next(late)]) == ["pending"]
    assert stage.api.polls() == 1


def test_after_the_end_nothing_is_polled(play: Callable[..., Stage]) -> None:
    stage = play([completed(RESULT)])
    task_id = stage.start()
    for _ in range(2):
        assert names_of(all_events(stage, task_id)) == ["completed", "done"]
    assert stage.api.polls() == 1


def test_many_who_watch_cost_one_poll_loop(play: Callable[..., Stage]) -> None:
    script = Script.turns("pending", *["running"] * 8, completed(RESULT))
    stage = play(script)
    task_id = stage.start()
    with ThreadPoolExecutor() as pool:
        streams = [pool.submit(all_events, stage, task_id) for _ in range(5)]
    assert all(stream.result()[-1] == ("done", RESULT) for stream in streams)
    # A second loop would poll once more to see the end.
    assert stage.api.polls() == len(script.answers)


def test_the_last_to_go_stops_the_polling(play: Callable[..., Stage]) -> None:
    stage = play(["running"])
    task_id = stage.start()
    with watching(stage, task_id) as one:
        next(one)
        with watching(stage, task_id) as other:
            next(other)
        stage.expect_polls_to_go_on()
    stage.expect_polls_to_stop()
    with watching(stage, task_id) as again:
        assert names_of([next(again)]) == ["running"]
        stage.expect_polls_to_go_on()


def test_going_ends_the_request_that_is_under_way(play: Callable[..., Stage]) -> None:
    stage = play([hang()])
    with watching(stage, stage.start()):
        until(lambda: stage.api.in_flight == 1, "a poll")
    until(lambda: stage.api.in_flight == 0, "the end of that poll")


def test_who_reads_nothing_and_goes_stops_the_polling_too(
    play: Callable[..., Stage], example: Any
) -> None:
    stage = play([f"status {number}" for number in range(1_000)], every=0.01)
    task_id = stage.start()

    async def main() -> None:
        gone = asyncio.Event()

        async def receive() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                await asyncio.get_running_loop().create_future()

        async with example.lifespan(example.app):
            path = f"/exports/{task_id}/events"
            example.app.state.service.started.append(task_id)
            scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
            scope |= {"headers": [], "query_string": b""}
            stream = asyncio.create_task(example.app(scope, receive, send))
            await asyncio.to_thread(stage.expect_polls_to_go_on)
            gone.set()
            await asyncio.wait([stream])
            await asyncio.to_thread(stage.expect_polls_to_stop)
            # FastAPI gives up on such a stream with an error of its own, and that holds whatever
            # was not closed. Kept until here, so that no finaliser has helped.
            assert isinstance(stream.exception(), ExceptionGroup | None)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("script", "deadline", "last"),
    [
        (
            ["running", failed("<b>no space</b>")],
            60,
            ("failed", {"reason": "<b>no space</b>"}),
        ),
        (["running"], 0.3, ("late", {"after": 0.3})),
        (
            ["running", http_error(403, message="internals")],
            60,
            ("failed", {"reason": "Its status cannot be read."}),
        ),
    ],
)
def test_a_bad_end_is_an_event_and_ends_the_stream(
    play: Callable[..., Stage], script: Any, deadline: float, last: Any
) -> None:
    stage = play(script, deadline=deadline)
    task_id = stage.start()
    events = all_events(stage, task_id)
    assert names_of(events)[0] == "running"
    assert events[-1] == last
    stage.expect_polls_to_stop()
    # Whoever comes next tries anew.
    polls = stage.api.polls()
    assert all_events(stage, task_id)[-1] == last
    assert stage.api.polls() > polls


@pytest.mark.parametrize("task_id", ["planted", "unknown", "%00", "..%2F..", "a" * 5_000, "ü"])
def test_what_was_not_started_here_cannot_be_watched(
    play: Callable[..., Stage], task_id: str
) -> None:
    stage = play()
    stage.api.add_task(task_id="planted")
    stage.start()
    assert httpx.get(stage.events_of(task_id)).status_code == 404
    assert stage.api.polls() == 0


@pytest.mark.parametrize("users", [None, "jane", [], [""], [1], ["jane"] * 26, ["a" * 256]])
def test_a_request_of_another_form_starts_nothing(play: Callable[..., Stage], users: Any) -> None:
    stage = play()
    assert httpx.post(f"{stage.url}/exports", json={"users": users}).status_code == 422
    assert not stage.api.requests


def test_what_stream_refuses_is_an_error_without_details(
    play: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch, example: Any
) -> None:
    class Refused(example.AsyncStreamClient):
        def __init__(self) -> None:
            super().__init__("another key")

    monkeypatch.setattr(example, "AsyncStreamClient", Refused)
    stage = play()
    answer = httpx.post(f"{stage.url}/exports", json={"users": ["jane"]})
    assert (answer.status_code, answer.json()) == (
        502,
        {"detail": "Stream did not start the export."},
    )


def test_a_server_that_ends_does_not_wait_for_those_who_watch(play: Callable[..., Stage]) -> None:
    stage = play(["running"])
    stream = watching(stage, stage.start())
    next(stream.__enter__())
    # The fixture ends uvicorn now, and checks that nothing is left.


def test_it_runs_by_itself() -> None:
    environment = {**os.environ, "PORT": "0", "PYTHONUNBUFFERED": "1"}
    for name in ("STREAM_API_KEY", "STREAM_API_SECRET", "STREAM_BASE_URL"):
        environment.pop(name, None)
    command = [sys.executable, "-W", "error", str(EXAMPLE)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = next(line for line in process.stderr if "running on" in line)
            url = next(word for word in said.split() if word.startswith("http"))
            page = httpx.get(url)
            task_id = httpx.post(f"{url}/exports", json={"users": ["jane"]}).json()["task_id"]
            with httpx.stream("GET", f"{url}/exports/{task_id}/events") as answer:
                first = next(events_in(answer.iter_lines()))
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read()
        finally:
            process.kill()
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert names_of([first]) == ["pending"]
    assert "Traceback" not in rest
