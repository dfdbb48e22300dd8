"""examples/many_ids.py: what it says of each id, however it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from rxstream.testing import TaskServer, assert_nothing_left, failed

EXAMPLE = Path(__file__).parents[2] / "examples" / "many_ids.py"
NAMES = ("STREAM_API_KEY", "STREAM_API_SECRET", "STREAM_BASE_URL")


def variables(server: TaskServer) -> dict[str, str]:
    return dict(zip(NAMES, (server.api_key, server.api_secret, server.url), strict=True))


def run(*arguments: Any, deadline: float = 30.0) -> int:
    main = run_path(str(EXAMPLE))["main"]
    main.__globals__["DEADLINE"] = deadline
    with assert_nothing_left():
        return int(main(*map(str, arguments)))


@pytest.fixture
def users(tmp_path: Path) -> Path:
    file = tmp_path / "users.txt"
    file.write_text("jane\n\njoe\njane\njack  \n", encoding="utf-8")
    return file


@pytest.fixture
def stream(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    with TaskServer(**request.param) as server:
        for name, value in variables(server).items():
            monkeypatch.setenv(name, value)
        yield server


def playing(**keywords: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "stream", [{"pending": 0, "running": 0} | keywords], indirect=True
    )


def test_on_its_own_server_one_user_cannot_be_deleted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    assert run() == 1
    told = "user-7: user is locked\n250 users, 1 not deleted, 0 not known\n"
    assert capsys.readouterr().out == told


@playing()
def test_each_user_of_a_file_once(
    stream: TaskServer, users: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.jsonl"
    assert run(users, report) == 0
    assert capsys.readouterr().out == "3 users, 0 not deleted, 0 not known\n"
    (line,) = report.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["items"] == ["jane", "joe", "jack"]


@playing()
def test_an_empty_file(stream: TaskServer, users: Path, capsys: pytest.CaptureFixture[str]) -> None:
    users.write_text("\n", encoding="utf-8")
    assert run(users) == 0
    assert capsys.readouterr().out == "0 users, 0 not deleted, 0 not known\n"
    assert not stream.requests


@playing(script=[failed("no space left")])
def test_a_task_that_fails(
    stream: TaskServer, users: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(users) == 1
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["jane", "joe", "jack"]
    assert all(line.endswith("no space left") for line in lines)
    assert last == "3 users, 3 not deleted, 0 not known"


@playing(running=60)
def test_the_deadline(stream: TaskServer, users: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(users, deadline=0.3) == 1
    assert capsys.readouterr().out.endswith("3 users, 0 not deleted, 3 not known\n")


@playing(running=60)
def test_an_interrupt(stream: TaskServer, users: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", EXAMPLE, users],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not stream.polls():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err == "interrupted: what was started goes on at Stream\n"
    assert out.startswith("jane: not known\njoe: not known\njack: not known\n")
