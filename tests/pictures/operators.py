"""A diagram for each operator, from real recordings in virtual time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import reactivex as rx
from reactivex import operators as ops

from rxstream import Progress, TaskSnapshot, backoff, task_observable, tasks_observable
from rxstream import operators as rxs
from rxstream.errors import StreamTaskException
from rxstream.testing import (
    Emission,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    draw_marbles,
    failed,
)
from rxstream.testing._marbles import initial

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import Observable

    from rxstream.testing import Answer

__all__ = ["DIAGRAMS", "draw"]

_ID: Final = "5a1f0c9e"
_WELL: Final[dict[float, Answer | str]] = {
    0: "pending",
    1.5: "running",
    6: completed({"url": "https://…"}),
}
_BADLY: Final[dict[float, Answer | str]] = {
    **_WELL,
    6: failed("no such channel", error_type="not_found"),
}
_FLIPS: Final[dict[float, Answer | str]] = {
    0: "pending",
    1: "running",
    3: failed("worker died"),
    5: "running",
    7: completed(),
}

_STUCK: Final[dict[float, Answer | str]] = {0: "pending", 1.5: "running", 11: completed()}

Rows = dict[str, list[Emission]]


def _recorded(script: dict[float, Answer | str], *pipeline: Any) -> list[Emission]:
    time = VirtualTime()
    client = FakeClient(Script.timeline(script), scheduler=time)
    return time.record(task_observable(client, _ID).pipe(*pipeline))


def _retry_with() -> Rows:
    again = rxs.retry_with(backoff.constant(2).limited(3), on=StreamTaskException)
    return {
        "task_observable(client, task_id)": _recorded(_FLIPS),
        "retry_with(backoff.constant(2).limited(3), on=StreamTaskException)": _recorded(
            _FLIPS, again
        ),
    }


def _log_to() -> Rows:
    time = VirtualTime()
    log = _Log(time)
    client = FakeClient(Script.timeline(_WELL), scheduler=time)
    seen = time.record(task_observable(client, _ID).pipe(rxs.log_to(log)))
    return {
        "task_observable(client, task_id)": _recorded(_WELL),
        "log_to(): emitted": seen,
        "log_to(): in the log, at INFO (i) and DEBUG (d)": log.lines,
    }


def _cancel_on() -> Rows:
    def signal() -> Observable[str]:
        return rx.timer(3.5).pipe(ops.map(lambda _: "s"))

    return {
        "task_observable(client, task_id)": _recorded(_WELL),
        "signal": VirtualTime().record(signal()),
        "cancel_on(signal)": _recorded(_WELL, rxs.cancel_on(signal())),
    }


def _deadline() -> Rows:
    return {
        "task_observable(client, task_id)": _recorded(_WELL),
        "deadline(4.5)": _recorded(_WELL, rxs.deadline(4.5)),
    }


def _distinct_status() -> Rows:
    return {
        "task_observable(client, task_id)": _recorded(_WELL),
        "distinct_status()": _recorded(_WELL, rxs.distinct_status()),
    }


def _result() -> Rows:
    return {
        "task_observable(client, task_id)": _recorded(_WELL),
        "result(dict)": _recorded(_WELL, rxs.result(dict)),
    }


def _fan_in() -> Rows:
    def waits(number: int) -> Observable[int]:
        return rx.timer(float(number)).pipe(ops.map(lambda _: number))

    time = VirtualTime()
    source = rx.timer(0.0, 0.5).pipe(ops.take(4), ops.map(lambda n: (4, 1, 1, 1)[n]))
    return {
        "source: how many seconds each is going to take": VirtualTime().record(source),
        "fan_in(project, max_concurrent=2)": time.record(
            source.pipe(rxs.fan_in(waits, max_concurrent=2))
        ),
    }


def _settle() -> Rows:
    return {
        "task_observable(client, task_id)": _recorded(_BADLY),
        "settle(task_id): one TaskOutcome": _recorded(_BADLY, rxs.settle(_ID)),
    }


def _stalled() -> Rows:
    return {
        "task_observable(client, task_id)": _recorded(_STUCK),
        "stalled(5)": _recorded(_STUCK, rxs.stalled(5)),
    }


def _progress() -> Rows:
    scripts = {
        "one": Script.timeline({0: "running", 2: completed()}),
        "two": Script.timeline({0: "running", 3: failed("no such channel")}),
        "three": Script.timeline({0: "running", 5: completed()}),
    }

    def recorded(*pipeline: Any) -> list[Emission]:
        time = VirtualTime()
        waits = tasks_observable(FakeClient(scripts, scheduler=time), scripts)
        return time.record(waits.pipe(*pipeline))

    return {
        "tasks_observable(client, ids): TaskOutcome": recorded(),
        "progress(3): Progress, as done/total": recorded(rxs.progress(3)),
    }


class _Log:
    """A logger of structlog's kind, that notes when each line came."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.lines: list[Emission] = []

    def log(self, level: int, event: str, **fields: Any) -> None:
        now = self._time.to_seconds(self._time.now)
        self.lines.append(Emission(now, "next", (logging.getLevelName(level), event)))


DIAGRAMS: Final[dict[str, Callable[[], Rows]]] = {
    "cancel_on": _cancel_on,
    "deadline": _deadline,
    "distinct_status": _distinct_status,
    "log_to": _log_to,
    "result": _result,
    "retry_with": _retry_with,
    "settle": _settle,
    "stalled": _stalled,
    "fan_in": _fan_in,
    "progress": _progress,
}


def draw(name: str) -> str:
    """The diagram of an operator, as the text of an SVG file."""
    return draw_marbles(DIAGRAMS[name](), label=_label)


def _label(item: Any) -> str:
    match item:
        case (str(level), str()):
            return level[0].lower()
        case TaskSnapshot() | str():
            return initial(item)
        case dict():
            return "{}"
        case Progress():
            return f"{item.done}/{item.total}"
        case int():
            return str(item)
        case _:
            return "ok" if item.ok else "err"
