"""One cell: one fault at one moment with one client, and what is wrong with how it went."""

from __future__ import annotations

import asyncio
import pickle
import time
import traceback
import tracemalloc
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import getstream.exceptions

from rxstream import Gate, errors
from rxstream.testing import assert_nothing_left

from .clients import SECRET
from .connections import good_context
from .fault import TASK, Kind
from .libraries import libraries_decide
from .moments import designed
from .noise import NOISE
from .server import FaultServer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .clients import Column
    from .fault import Fault
    from .moments import Moment

__all__ = ["Cell", "Report"]

Step: TypeAlias = "float | Callable[[], Any]"
"""Seconds to sleep, or a wait."""
Steps: TypeAlias = "Generator[Step, tuple[Any, Exception | None], None]"

LOOK_EVERY: Final = 0.01
MARGIN: Final = 1.0
PATIENCE: Final = 5.0
MOST_MEMORY: Final = 128.0
LONGEST_TEXT: Final = 16_000
LONGEST_PAUSE: Final = 600.0
NEXT: Final = "the-next-task"
_MEGABYTE: Final = 1024 * 1024


@dataclass(slots=True)
class Report:
    """How a cell went."""

    end: str = ""
    seconds: float = 0.0
    memory: float = 0.0
    wrong: list[str] = field(default_factory=list)
    """What was not as designed, each in a few words."""
    left_to_library: list[str] = field(default_factory=list)
    """What would be wrong if the client's own library did not decide it."""


class Cell:
    """Plays one cell."""

    def __init__(self, fault: Fault, moment: Moment, column: Column) -> None:
        self.fault = fault
        self.moment = moment
        self.column = column
        self.report = Report()
        self._deadline = moment.deadline(fault)
        self._with_locals = ""
        self._texts: list[str] = []

    def run(self) -> Report:
        """Play it, and judge."""
        NOISE.forget()
        tls = good_context() if self.fault.context else None
        server = FaultServer(self.fault, self.moment.roles, ever=self.moment.goes_on, tls=tls)
        try:
            with assert_nothing_left(), server:
                if self.column.is_async:
                    asyncio.run(self._awaited(server))
                else:
                    self._blocking(server)
        except AssertionError as error:
            self._wrong("nothing is left", f"left something behind: {_kinds_of(str(error))}")
        except Exception as error:  # noqa: BLE001 -- a cell that breaks is a finding
            self._wrong("runs", f"the client itself broke: {error!r}")
        self._look_for_secrets(server)
        if NOISE.lines:
            self._wrong("quiet", f"noise: {NOISE.lines[0][:160]}")
        return self.report

    def _wrong(self, what: str, words: str) -> None:
        reports = self.report
        libraries = libraries_decide(self.column, self.fault, what)
        (reports.left_to_library if libraries else reports.wrong).append(words)

    # The conversation: a generator, so that it is the same whether waiting blocks or awaits.

    def _conversation(self, client: Any, server: FaultServer) -> Steps:
        interval, deadline = self.moment.poll_interval(self.fault), self._deadline
        started = self._begin()
        self._ended(started, *(yield self._wait(client, TASK, interval, deadline)))
        for goal in self._goals(client, server):
            end = time.monotonic() + goal.patience + NOISE.lag
            while not goal.reached() and time.monotonic() < end:
                yield LOOK_EVERY
            goal.judge(self)
        deadline = 0.3 if self.fault.kind is Kind.CLOSING else 8.0
        self._next_ended(*(yield self._wait(client, NEXT, 0.05, deadline)))

    def _wait(
        self, client: Any, task_id: str, poll_interval: float, timeout: float
    ) -> Callable[[], Any]:
        return partial(
            self.column.wait, client, task_id, poll_interval=poll_interval, timeout=timeout
        )

    def _blocking(self, server: FaultServer) -> None:
        with self.column.open(server.url, self.fault.request_timeout or 20.0) as client:
            steps = self._conversation(client, server)
            step = next(steps, None)
            while step is not None:
                try:
                    if isinstance(step, float):
                        time.sleep(step)
                        came = None, None
                    else:
                        came = step(), None
                except Exception as error:  # noqa: BLE001 -- how it ends is what is looked at
                    came = None, error
                step = _next(steps, came)

    async def _awaited(self, server: FaultServer) -> None:
        asyncio.get_running_loop().set_exception_handler(NOISE.on_loop)
        async with self.column.open(server.url, self.fault.request_timeout or 20.0) as client:
            steps = self._conversation(client, server)
            step = next(steps, None)
            while step is not None:
                try:
                    if isinstance(step, float):
                        await asyncio.sleep(step)
                        came = None, None
                    else:
                        came = await step(), None
                except Exception as error:  # noqa: BLE001 -- as above
                    came = None, error
                step = _next(steps, came)

    def _begin(self) -> float:
        if self.fault.is_big:
            tracemalloc.start()
        return time.monotonic()

    # The judgement.

    def _ended(self, started: float, payload: Any, error: Exception | None) -> None:
        report = self.report
        report.seconds = time.monotonic() - started
        report.end = end_of(error) if error is not None else self._end_of_payload(payload)
        ends = designed(self.fault, self.moment)
        if report.end not in ends:
            said = f"ended with {report.end}, not {' or '.join(sorted(ends))}"
            self._wrong(f"end: {report.end}", said)
        if report.seconds > self._deadline + MARGIN + NOISE.lag:
            late = report.seconds - self._deadline
            self._wrong("in time", f"ended {late:.1f} s after its deadline")
        if error is not None:
            self._look_at(error)

    def _end_of_payload(self, payload: Any) -> str:
        expected = {"id": TASK} if self.fault.payload is None else self.fault.payload[0]
        if expected is ... or payload in (expected, {"id": TASK}):
            return "completed"
        return "a wrong payload"

    def _look_at(self, error: Exception) -> None:
        text = str(error)
        if any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in text):
            self._wrong("texts", "its error prints control codes")
        if len(text) > LONGEST_TEXT:
            self._wrong("texts", f"the text of its error has {len(text):,} characters")
        try:
            pickle.loads(pickle.dumps(error))
        except Exception as failure:  # noqa: BLE001 -- whatever it is
            self._wrong("pickles", f"its error does not pickle: {type(failure).__name__}")
        if self.fault.is_big:
            return
        self._texts += traceback.format_exception(error)
        self._texts += [repr(vars(each)) for each in _chain(error)]
        with suppress(Exception):  # of a repr of something half made
            lines = traceback.TracebackException.from_exception(error, capture_locals=True)
            self._with_locals = "".join(lines.format())

    def _next_ended(self, payload: Any, error: Exception | None) -> None:
        if self.fault.kind is Kind.CLOSING and error is not None and end_of(error) == "deadline":
            return
        if error is not None:
            self._wrong("next", f"the next wait ended with {end_of(error)}")
        elif payload != {"id": NEXT}:
            self._wrong("next", "the next wait had a wrong payload")

    def _goals(self, client: Any, server: FaultServer) -> list[_Goal]:
        """What has to come true soon after the end; then the server lets go of whoever hangs."""
        self._texts.append(repr(client))
        if self.column.is_helper:
            return [_Goal("", "", lambda: self._settle(server))]
        gate = Gate.of(client)
        try:
            closed_for = gate.statistics().closed_for
        except Exception as error:  # noqa: BLE001 -- whatever it is
            self._wrong("pause", f"the gate's statistics raise {type(error).__name__}")
        else:
            if closed_for > LONGEST_PAUSE:
                self._wrong("pause", f"the gate is closed for {closed_for:,.0f} s")

        def is_empty() -> bool:
            return "in_flight=0," in repr(gate)

        # What comes after an answer waits unread, till somebody looks at the idle connection.
        is_asked = self.fault.group != "surplus bytes"
        gone, back = "its request went on after the end", "its place was not given back"
        return [
            _Goal(
                *("request ends", gone),
                lambda: is_empty() and not (server.stuck and is_asked),
                # A thread that reads 24 MB of JSON cannot be stopped in the middle.
                patience=4 * PATIENCE if self.fault.is_big else MARGIN,
            ),
            _Goal("", "", lambda: self._settle(server)),
            _Goal("place", back, is_empty, patience=PATIENCE),
        ]

    def _settle(self, server: FaultServer) -> bool:
        if self.fault.is_big and tracemalloc.is_tracing():
            self.report.memory = tracemalloc.get_traced_memory()[1] / _MEGABYTE
            tracemalloc.stop()
            if self.report.memory > MOST_MEMORY:
                self._wrong("memory", f"took {self.report.memory:,.0f} MB")
        server.heal()
        return True

    def _look_for_secrets(self, server: FaultServer) -> None:
        secrets = [SECRET, *(token for token in server.tokens if len(token) > 20)]
        for where, texts in {"an error": self._texts, "a log or warning": NOISE.said}.items():
            text = "\n".join(texts)
            if any(secret in text for secret in secrets):
                self._wrong("secrets", f"the token or the secret is in {where}")
        if any(secret in self._with_locals for secret in secrets):
            self._wrong("locals", "the token is in the locals of its traceback")


@dataclass(frozen=True, slots=True)
class _Goal:
    what: str
    words: str
    reached: Callable[[], bool]
    patience: float = MARGIN

    def judge(self, cell: Cell) -> None:
        if not self.reached():
            cell._wrong(self.what, self.words)


def _next(steps: Steps, came: tuple[Any, Exception | None]) -> Step | None:
    try:
        return steps.send(came)
    except StopIteration:
        return None


def end_of(error: BaseException) -> str:  # noqa: PLR0911 -- a name for each
    """Name the end of a wait."""
    match error:
        case errors.TaskTimeoutException():
            return "deadline"
        case errors.StreamTaskException() | getstream.exceptions.StreamTaskException():
            return "task failed"
        case errors.StreamApiException() | getstream.exceptions.StreamApiException():
            return f"HTTP {error.status_code}"
        case errors.InvalidResponseException():
            return "invalid answer"
        case errors.StreamTransportException(error_type="tls_handshake_failed"):
            return "bad certificate"
        case getstream.exceptions.StreamTransportException(error_type="tls_handshake_failed"):
            return "bad certificate"
        case getstream.exceptions.StreamTransportException(error_type="timeout"):
            return "deadline"
        case errors.StreamTransportException() | getstream.exceptions.StreamTransportException():
            return "no answer"
        case _:
            return f"a bare {type(error).__name__}"


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    beneath: BaseException | None = error
    while beneath is not None and beneath not in found:
        found.append(beneath)
        beneath = beneath.__cause__ or beneath.__context__
    return found


def _kinds_of(text: str) -> str:
    names = [part.split("(")[0].strip() for part in text.removeprefix("left behind: ").split(";")]
    return ", ".join(sorted(set(names)))[:120]
