"""`log_to`: log what a wait does."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from reactivex import Observable
from reactivex.disposable import Disposable

from .._checks import whole
from .._merge.downstream import Downstream
from .._text import one_line, printable
from .._time.schedulers import operator_clock
from .._values import TaskSnapshot
from .._wait.log import LOGGER

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from .._time.clock import Clock

__all__ = ["log_to"]

T = TypeVar("T")


def log_to(
    logger: Any = None, level: int = logging.INFO
) -> Callable[[Observable[T]], Observable[T]]:
    """Log the start of a wait, each change of status, and its end or disposal.

    ::

        source         ─p──p──r──r──C|
        log            s1─·──2──·──3 4     · at DEBUG
        log_to()       ─p──p──r──r──C|

    One line for each change, with `task_id`, `status`, `polls` and `elapsed` (seconds) as fields:
    `extra` on the standard library's loggers, keywords on a structlog logger. Polls without a
    change are logged at DEBUG. Payloads and secrets are never logged.

    Args:
        logger: A `logging.Logger`, a `LoggerAdapter`, or a structlog logger; None: the logger
            `rxstream`.
        level: The level of the lines; an error is logged at WARNING at least.

    Raises:
        TypeError: `logger` has no `log` method, or `level` is not a whole number.
        ValueError: `level` is less than 1.
    """
    target: Any = LOGGER if logger is None else logger
    if not callable(getattr(target, "log", None)):
        msg = f"logger must be a logger with a log method, not {type(target).__name__}"
        raise TypeError(msg)
    severity = whole(level, "level")

    def operator(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            log = _Log(target, severity, operator_clock(scheduler))
            downstream = Downstream(observer)

            def on_next(item: T) -> None:
                log.item(item)
                downstream.on_next(item)

            def on_error(error: Exception) -> None:
                log.error(error)
                downstream.on_error(error)

            def on_completed() -> None:
                log.end("ended")
                downstream.on_completed()

            log.say(severity, "waiting")
            downstream.resources.add(Disposable(lambda: log.end("disposed")))
            return downstream.subscribe_to(
                source, scheduler, on_next=on_next, on_error=on_error, on_completed=on_completed
            )

        return Observable(subscribe)

    return operator


class _Log:
    """Logs one subscription."""

    def __init__(self, logger: Any, level: int, clock: Clock) -> None:
        self._logger = logger
        self._level = level
        self._is_standard = isinstance(logger, logging.Logger | logging.LoggerAdapter)
        self._clock = clock
        self._started = clock.now()
        self._task_id: str | None = None
        self._status: str | None = None
        self._polls = 0
        self._ended = False

    def say(self, level: int, event: str, **more: Any) -> None:
        fields = {
            "task_id": self._task_id,
            "status": self._status,
            "polls": self._polls,
            "elapsed": round(self._clock.now() - self._started, 3),
            **more,
        }
        if self._is_standard:
            whose = "task" if self._task_id is None else f"task {self._task_id}"
            self._logger.log(level, "%s: %s", whose, event, extra=fields)
        else:
            self._logger.log(level, event, **fields)

    def item(self, item: object) -> None:
        before = self._status
        self._polls += 1
        if isinstance(item, TaskSnapshot):
            self._task_id, self._status = printable(item.task_id), one_line(item.status)
        else:
            self._status = type(item).__name__
        if self._status == before:
            self.say(logging.DEBUG, f"still {self._status}")
        else:
            self.say(self._level, f"{self._status}")

    def error(self, error: Exception) -> None:
        self._ended = True
        level = max(self._level, logging.WARNING)
        self.say(
            level,
            f"ended with {type(error).__name__}: {one_line(error)}",
            error=type(error).__name__,
        )

    def end(self, event: str) -> None:
        if not self._ended:
            self._ended = True
            self.say(self._level, event)
