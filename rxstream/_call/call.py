"""What all ways to call `get_task` have in common: how a call begins, ends, and is read."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from .._wire.answers import read_answer
from ..errors import StreamTransportException

if TYPE_CHECKING:
    from .._values import TaskSnapshot

__all__ = ["Call", "Caller", "Done", "GetTask", "cancelled", "read"]

Done: TypeAlias = "Callable[[TaskSnapshot | None, BaseException | None], object]"
GetTask: TypeAlias = Callable[[str], Any]


class Call(Protocol):
    """A call that is under way."""

    def cancel(self) -> object:
        """End the call; `done` is still called once it has ended."""
        ...


class Caller(Protocol):
    """Makes the calls of one subscription."""

    def start(self, task_id: str, done: Done) -> Call | None:
        """Start one call; `done` is called exactly once, with an answer or an error.

        None: the call cannot be cancelled, or has ended already.
        """
        ...


def cancelled() -> StreamTransportException:
    """The error of a call that was cancelled; it is not transient."""
    error = StreamTransportException("unknown", "The request was cancelled")
    # `is_transient` looks for it: after a cancelled request there must not be another one.
    error.__cause__ = asyncio.CancelledError()
    return error


def read(answer: object, task_id: str, done: Done) -> None:
    """Report what a client's `get_task` returned; `done` is called whatever reading it raises."""
    try:
        if inspect.iscoroutine(answer):
            answer.close()
            msg = (
                "get_task returned a coroutine but is not declared async, so nobody could tell "
                "that it is; declare it with `async def`"
            )
            raise TypeError(msg)  # noqa: TRY301 -- told like what reading raises
        snapshot = read_answer(answer, task_id)
    except Exception as error:  # noqa: BLE001 -- every end is reported to the waiter
        failure = error
    except BaseException as error:
        done(None, error)
        raise
    else:
        done(snapshot, None)
        return
    done(None, failure)
