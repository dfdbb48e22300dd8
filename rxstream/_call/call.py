"""What all ways to call a client have in common: how a call begins, ends, and is read."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from .._wire.answers import read_answer
from ..errors import StreamTransportException

if TYPE_CHECKING:
    from .._values import TaskSnapshot

__all__ = [
    "Call",
    "Caller",
    "Done",
    "Function",
    "Reader",
    "cancelled",
    "never_sent",
    "read",
    "read_poll",
]

Done: TypeAlias = Callable[[Any, BaseException | None], object]
"""Takes what was read of an answer, or an error."""
Function: TypeAlias = Callable[[Any], Any]
"""What is called: a client's `get_task`, or an operation."""
Reader: TypeAlias = Callable[[Any, Any], Any]
"""Reads an answer, given also what was asked with."""


class Call(Protocol):
    """A call that is under way."""

    def cancel(self) -> object:
        """End the call; `done` is still called once it has ended."""
        ...


class Caller(Protocol):
    """Makes the calls of one subscription."""

    def start(self, argument: Any, done: Done) -> Call | None:
        """Start one call with one argument.

        `done` is called exactly once, with what was read of the answer or with an error.

        None: the call cannot be cancelled, or has ended already.
        """
        ...


def cancelled() -> StreamTransportException:
    """The error of a call that was cancelled; it is not transient."""
    error = StreamTransportException("unknown", "The request was cancelled")
    # `is_transient` looks for it: after a cancelled request there must not be another one.
    error.__cause__ = asyncio.CancelledError()
    return error


def never_sent(message: str) -> StreamTransportException:
    """The error of a call that could not even begin, and never will."""
    error = StreamTransportException("unknown", message)
    error.nothing_sent = True
    error.__cause__ = asyncio.CancelledError()  # as above
    return error


def read_poll(answer: object, task_id: str) -> TaskSnapshot:
    """Read what a client's `get_task` returned."""
    if inspect.iscoroutine(answer):
        answer.close()
        msg = (
            "get_task returned a coroutine but is not declared async, so nobody could tell "
            "that it is; declare it with `async def`"
        )
        raise TypeError(msg)
    return read_answer(answer, task_id)


def read(answer: object, argument: Any, done: Done, by: Reader = read_poll) -> None:
    """Report what a call returned; `done` is called whatever reading it raises."""
    try:
        value = by(answer, argument)
    except Exception as error:  # noqa: BLE001 -- every end is reported to the waiter
        failure = error
    except BaseException as error:
        done(None, error)
        raise
    else:
        done(value, None)
        return
    done(None, failure)
