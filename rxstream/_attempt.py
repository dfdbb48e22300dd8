"""What all ways to poll have in common: how an attempt begins and ends, how it is read."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ._wire import read_answer
from .errors import InvalidResponseException, StreamTransportException

if TYPE_CHECKING:
    from ._snapshot import TaskSnapshot

__all__ = ["Attempt", "Done", "Fetch", "GetTask", "cancelled", "read"]

Done: TypeAlias = "Callable[[TaskSnapshot | None, BaseException | None], object]"
GetTask: TypeAlias = Callable[[str], Any]


class Attempt(Protocol):
    """A request under way."""

    def cancel(self) -> object:
        """End it; `done` is still called once it has ended."""
        ...


class Fetch(Protocol):
    """A client's `get_task`, made to call back."""

    def start(self, task_id: str, done: Done) -> Attempt | None:
        """Send one request; `done` is called exactly once, with an answer or an error.

        None: it cannot be cancelled, or has already ended.
        """
        ...


def cancelled() -> StreamTransportException:
    """The error of an attempt that was cancelled; it is not transient."""
    error = StreamTransportException("unknown", "The request was cancelled")
    # What marks it so: whoever cancels a request does not want another one.
    error.__cause__ = asyncio.CancelledError()
    return error


def read(answer: object, task_id: str, done: Done) -> None:
    """Report what a client's `get_task` returned."""
    if inspect.iscoroutine(answer):
        answer.close()
        msg = (
            "get_task returned a coroutine but is not declared async, so its colour could not be "
            "seen; declare it with `async def`"
        )
        done(None, TypeError(msg))
        return
    try:
        snapshot = read_answer(answer, task_id)
    except InvalidResponseException as error:
        failure = error
    else:
        done(snapshot, None)
        return
    done(None, failure)
