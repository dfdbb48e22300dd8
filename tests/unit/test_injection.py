"""Nothing that a server or a caller says is obeyed by a terminal or forges a line of a log."""

from __future__ import annotations

import io
import logging
import traceback
from typing import TYPE_CHECKING, Any

import structlog
from reactivex.subject import Subject
from rich.console import Console

from rxstream import TaskOutcome, task_observable, tasks_observable
from rxstream import operators as rxs
from rxstream.errors import StreamApiException
from rxstream.progress_bar import progress_bar
from rxstream.testing import VirtualTime

if TYPE_CHECKING:
    import pytest

EVIL = "x\x1b]0;pwned\a\x1b[2J\n2026-01-01 CRITICAL forged\r\u202egpj\u2028\x9b1m\x85z\ud800"
# An id has to be one that can be sent.
EVIL_ID = EVIL.replace("\ud800", "")


class EvilClient:
    """Its server says the worst."""

    def __init__(self) -> None:
        self.polls = 0

    def get_task(self, task_id: str) -> dict[str, Any]:
        self.polls += 1
        if self.polls == 2:
            raise StreamApiException(status_code=503, message=EVIL)
        reason = {"type": EVIL, "description": EVIL, "stacktrace": EVIL, "version": EVIL}
        return {"status": "failed" if self.polls > 3 else f"{EVIL}{self.polls}", "error": reason}


def is_harmless(line: str) -> bool:
    return line.isprintable() and line.encode() != b""


def test_exceptions_and_logs_hold_nothing_to_obey(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    time, found = VirtualTime(), list[Any]()
    wake: Subject[Any] = Subject()
    observable = task_observable(EvilClient(), EVIL_ID, scheduler=time, wake=wake)
    observable.pipe(rxs.log_to()).subscribe(found.append, found.append, scheduler=time)
    time.schedule_relative(0.5, lambda *_: wake.on_error(ValueError(EVIL)))
    time.start(until=100)
    error = found[-1]
    assert is_harmless(str(error))
    assert (error.task_id, error.description) == (EVIL_ID, EVIL)
    for line in "".join(traceback.format_exception(error)).splitlines():
        assert is_harmless(line.replace("\t", " ") or "x")
    warned = [record.getMessage() for record in caplog.records]
    assert any("wake failed" in line for line in warned)
    assert any("polls=2" in line and "poll failed" in line for line in warned)
    for record in caplog.records:
        assert is_harmless(record.getMessage())
        for name in ("task_id", "status", "error"):
            value = vars(record).get(name)
            assert value is None or is_harmless(value)


def test_a_batch_logs_nothing_to_obey(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    time, found = VirtualTime(), list[TaskOutcome]()
    wake: Subject[Any] = Subject()
    batch = tasks_observable(EvilClient(), [EVIL_ID], scheduler=time, wake=wake)
    batch.subscribe(found.append, scheduler=time)
    time.schedule_relative(0.5, lambda *_: wake.on_error(ValueError(EVIL)))
    time.start(until=100)
    assert found[0].task_id == EVIL_ID
    assert is_harmless(repr(found[0]))
    assert len(caplog.records) == 2
    for record in caplog.records:
        assert is_harmless(record.getMessage())


def test_a_structlog_logger_gets_nothing_to_obey() -> None:
    time = VirtualTime()
    with structlog.testing.capture_logs() as lines:
        observable = task_observable(EvilClient(), EVIL_ID, scheduler=time)
        logged = observable.pipe(rxs.log_to(structlog.get_logger()))
        logged.subscribe(print, lambda _: None, scheduler=time)
        time.start(until=100)
    for line in lines:
        assert all(is_harmless(value) for value in line.values() if isinstance(value, str))


def test_the_bar_draws_nothing_to_obey() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=200)
    outcomes: Subject[TaskOutcome] = Subject()
    outcomes.pipe(progress_bar(1, description=EVIL_ID, console=console)).subscribe()
    outcomes.on_next(TaskOutcome(EVIL_ID))
    outcomes.on_completed()
    drawn = stream.getvalue()
    assert "forged" in drawn
    for evil in ("\x1b]0;", "\x1b[2J\n", "\u202e", "\x9b", "\x85", "\u2028", "\ud800", "\a"):
        assert evil not in drawn
    drawn.encode()
