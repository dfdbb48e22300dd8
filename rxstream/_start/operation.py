"""What starts a batch: an operation of a client, and what is known of it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from .._batch import batch_of
from .._checks import function, is_async, whole
from .._gate.gate import Gate
from .._shared.per_client import PerClient
from .._values import BaseTaskHandle
from .._wait.handles import AsyncTaskHandle, TaskHandle
from .._wire.answers import read_start

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._batch import Batch

__all__ = ["Operation", "operation_of"]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of some client, or any function that starts a task."""

    function: Callable[..., Any]
    """What to call."""
    name: str
    """How it is called in handles and errors."""
    owner: Any
    """The client whose method it is, or the function itself."""
    batch: Batch | None
    """The list that it takes, if that is known."""
    is_async: bool
    """Whether it is awaited."""

    @property
    def client(self) -> Any:
        """The client that can poll what was started; None: none is known."""
        return self.owner if callable(getattr(self.owner, "get_task", None)) else None

    def size(self, batch_size: object) -> int:
        """Check how many items go into a batch.

        Raises:
            TypeError: It is no whole number, or missing where nothing is known.
            ValueError: It is less than 1, or more than Stream takes.
        """
        batch = self.batch
        if batch_size is None:
            size = None if batch is None else batch.default_size
            if size is None:
                msg = (
                    f"batch_size is needed: how many items {self.name} takes at once is not known; "
                    "pass it, for example batch_size=100"
                )
                raise TypeError(msg)
            return size
        size = whole(batch_size, "batch_size")
        if batch is not None and batch.maximum is not None and size > batch.maximum:
            msg = (
                f"batch_size must be {batch.maximum} or less, which is what Stream takes in one "
                f"{self.name}, not {size}"
            )
            raise ValueError(msg)
        return size

    def gate(self) -> Gate:
        """The gate of this endpoint: Stream counts the calls of each by themselves."""
        gates = _gates.get(self.owner, dict[str, Gate])
        # One step of a dict: two threads get the same gate.
        return gates.get(self.name) or gates.setdefault(self.name, Gate(self._width()))

    def _width(self) -> int:
        # A start is far rarer than a poll: this bounds only how many threads and connections.
        width = getattr(self.owner, "max_connections", None)
        most = 100 if self.is_async else 32
        return min(width, most) if isinstance(width, int) and width > 0 else most

    def read(self, answer: object, items: tuple[Any, ...]) -> BaseTaskHandle:
        """Read what it returned.

        Raises:
            TypeError: It is a coroutine, of a function that is not declared async.
            InvalidResponseException: It tells of no task.
        """
        if inspect.iscoroutine(answer):
            answer.close()  # it has not begun, so nothing was sent
            msg = (
                f"{self.name} returned a coroutine but is not declared async, so nobody could tell "
                "that it is; declare it with `async def`, or use functools.partial for a lambda"
            )
            raise TypeError(msg)
        if _is_handle(answer):
            return answer if answer.items else replace(answer, items=items)
        task_id, rate_limit = read_start(answer)
        return self._kind(task_id, self.name, items, rate_limit=rate_limit, client=self.client)

    def failed(self, items: tuple[Any, ...], error: Exception) -> BaseTaskHandle:
        """The handle of a start that failed."""
        return self._kind(None, self.name, items, error, client=self.client)

    @property
    def _kind(self) -> type[TaskHandle | AsyncTaskHandle]:
        return AsyncTaskHandle if self.is_async else TaskHandle

    def call(self, items: tuple[Any, ...]) -> Any:
        """Start a task for these items."""
        # A list of its own, with which the operation may do what it likes.
        if self.batch is not None:
            return self.function(**{self.batch.items: list(items)})
        return self.function(list(items))

    async def call_async(self, items: tuple[Any, ...]) -> Any:
        """Start a task for these items, on a loop."""
        answer = self.call(items)
        return await answer if inspect.isawaitable(answer) else answer


def operation_of(operation: Any) -> Operation:
    """Find out what an operation is.

    Raises:
        TypeError: It cannot be called, or it is a method of a class and not of a client.
    """
    function(operation, "operation")
    inner = operation
    while isinstance(inner, partial):
        inner = inner.func
    batch, client = batch_of(inner), getattr(inner, "__self__", None)
    name = str(getattr(inner, "__name__", type(inner).__name__))
    if batch is not None and client is None:
        msg = f"operation must be a method of a client, as in client.{name}, not of its class"
        raise TypeError(msg)
    return Operation(
        operation,
        name,
        inner if client is None else client,
        batch,
        _is_async(inner) or (callable(getattr(client, "get_task", None)) and is_async(client)),
    )


def _is_handle(value: object) -> TypeGuard[BaseTaskHandle]:
    return isinstance(value, BaseTaskHandle)


def _is_async(inner: Any) -> bool:
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(
        getattr(inner, "__call__", None)  # noqa: B004 -- an object with an async __call__
    )


_gates: Final = PerClient[dict[str, Gate]]({})
