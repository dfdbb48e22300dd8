"""`log_to`: log what a wait does."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from reactivex import Observable
from reactivex.disposable import Disposable

from .._checks import whole
from .._merge.downstream import Downstream
from .._text import one_line
from .._time.schedulers import operator_clock
from .._values import TaskSnapshot, is_outcome
from .._wait.log import LOGGER, head_of, log_fields
from .._wait.told import hearing_of_waits
from ._items import refuse_observable

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from .._time.clock import Clock
    from .._values import TaskOutcome
    from .._wait.told import ToldWait

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

    One line for each change, with the fields that every record of rxstream has: `task_id`,
    `status`, `polls`, `elapsed` (seconds), `delay` (seconds) and `error`, each None where it is
    unknown. They are `extra` on the standard library's loggers, keywords on a structlog logger.
    Polls without a change are logged at DEBUG. Each `TaskOutcome` is a line too, with the id, the
    polls and the time of its wait. Payloads and secrets are never logged.

    Args:
        logger: A `logging.Logger`, a `LoggerAdapter`, or a structlog logger; None: the logger
            `rxstream`.
        level: The level of the lines; an error is logged at WARNING at least.

    Raises:
        TypeError: `logger` has no `log` method, `level` is not a whole number such as
            `logging.INFO`, or `log_to` was not called.
        ValueError: `level` is less than 1.
    """
    refuse_observable(logger, "log_to")
    target: Any = LOGGER if logger is None else logger
    if not callable(getattr(target, "log", None)):
        msg = (
            "logger must be a logger with a log method, as logging.getLogger(name) gives, "
            f"not {type(target).__name__}"
        )
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

            downstream.resources.add(Disposable(lambda: log.end("disposed")))
            with hearing_of_waits(log.hear):
                subscription = downstream.subscribe_to(
                    source, scheduler, on_next=on_next, on_error=on_error, on_completed=on_completed
                )
            log.begin()
            return subscription

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
        self._wait: ToldWait | None = None
        self._task_id: str | None = None
        self._status: str | None = None
        self._answers = 0
        self._heard_of = 0
        # Taken by whichever thread comes first.
        self._beginning = iter(("waiting",))
        self._is_ended = False

    def hear(self, wait: ToldWait) -> None:
        """Take in that a wait begins; of several, or after an answer, answers tell whose it is."""
        if self._answers:
            return
        is_first = not self._heard_of
        self._heard_of += 1
        self._wait = wait if is_first else None
        self._task_id = wait.task_id if is_first else None
        self.begin()

    def begin(self) -> None:
        """Say that the wait begins, once."""
        for event in self._beginning:
            self._say(self._level, event)

    def item(self, item: object) -> None:
        self.begin()
        if is_outcome(item):
            self._answers += 1
            self._outcome(item)
            return
        before = self._status
        self._answers += 1
        if isinstance(item, TaskSnapshot):
            self._task_id, self._status = item.task_id, item.status
        else:
            self._status = type(item).__name__
        if self._status == before:
            self._say(logging.DEBUG, f"still {one_line(self._status)}")
        else:
            self._say(self._level, one_line(self._status))

    def _outcome(self, outcome: TaskOutcome) -> None:
        error = outcome.error
        status = None if outcome.snapshot is None else outcome.snapshot.status
        fields = log_fields(
            task_id=outcome.task_id or None,
            status=status,
            polls=outcome.polls,
            elapsed=outcome.elapsed,
            error=error,
        )
        if error is None:
            self._write(self._level, one_line(status or "completed"), fields)
        else:
            self._write(max(self._level, logging.WARNING), _end_of(error), fields)

    def error(self, error: Exception) -> None:
        self.begin()
        self._is_ended = True
        level = max(self._level, logging.WARNING)
        self._say(level, _end_of(error), error)

    def end(self, event: str) -> None:
        self.begin()
        if not self._is_ended:
            self._is_ended = True
            self._say(self._level, event)

    def _say(self, level: int, event: str, error: Exception | None = None) -> None:
        # A wait knows of failed polls too; behind `retry_with`, only of those of its first try.
        polls = 0 if self._wait is None else self._wait.polls
        fields = log_fields(
            task_id=self._task_id,
            status=self._status,
            polls=max(polls, self._answers),
            elapsed=self._clock.now() - self._started,
            error=error,
        )
        self._write(level, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        if self._is_standard:
            self._logger.log(level, "%s: %s", head_of(fields), event, extra=fields)
        else:
            self._logger.log(level, event, **fields)


def _end_of(error: Exception) -> str:
    return f"ended with {type(error).__name__}: {one_line(error)}"
