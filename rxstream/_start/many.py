"""Many tasks started: `start_tasks`."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar, overload

from reactivex import Observable, abc
from typing_extensions import override

from .._call.choose import caller_of
from .._checks import checked_schedule, optional, whole
from .._gate.gate import Gate, admission_of
from .._merge.batches import Batches
from .._merge.merge import Merge
from .._merge.sources import check_items, items_of
from .._shared.guard import interruption_of
from .._time.schedulers import open_clock_of
from .._wait.arguments import start_or_dispose
from .._wait.closing import open_waits_of
from ..backoff import DEFAULT_RETRY
from .observable import StartedTasks
from .operation import operation_of
from .start import Start, StartContext

if TYPE_CHECKING:
    from .._call.call import Caller
    from .._merge.room import Room
    from .._merge.sources import Items
    from .._time.clock import Clock
    from .._values import BaseTaskHandle, T
    from .._wait.handles import AsyncTaskHandle, TaskHandle
    from ..backoff import Delays
    from .operation import Operation

__all__ = ["start_tasks"]

_I = TypeVar("_I")
Source: TypeAlias = Iterable[_I] | AsyncIterable[_I] | Observable[_I]

_MAX_CONCURRENT: Final = 10


class _Response(Protocol):
    """An answer of an official SDK."""

    @property
    def data(self) -> Any:
        """Its JSON object."""
        ...


# Not `object`, or mypy could not choose between this and the handles of our clients.
_Answer: TypeAlias = str | Mapping[str, Any] | _Response | None


@overload
def start_tasks(
    operation: Callable[..., TaskHandle[T]],
    items: Source[Any],
    *,
    batch_size: int | None = None,
    max_concurrent: int = ...,
    retry: Delays | None = ...,
    gate: Gate | None = None,
    scheduler: abc.SchedulerBase | None = None,
) -> Observable[TaskHandle[T]]: ...
@overload
def start_tasks(
    operation: Callable[..., Coroutine[Any, Any, AsyncTaskHandle[T]]],
    items: Source[Any],
    *,
    batch_size: int | None = None,
    max_concurrent: int = ...,
    retry: Delays | None = ...,
    gate: Gate | None = None,
    scheduler: abc.SchedulerBase | None = None,
) -> Observable[AsyncTaskHandle[T]]: ...
@overload
def start_tasks(
    operation: Callable[[list[_I]], _Answer] | Callable[[list[_I]], Awaitable[_Answer]],
    items: Source[_I],
    *,
    batch_size: int | None = None,
    max_concurrent: int = ...,
    retry: Delays | None = ...,
    gate: Gate | None = None,
    scheduler: abc.SchedulerBase | None = None,
) -> Observable[BaseTaskHandle[Any]]: ...
def start_tasks(
    operation: Callable[..., Any],
    items: Source[Any],
    *,
    batch_size: int | None = None,
    max_concurrent: int = _MAX_CONCURRENT,
    retry: Delays | None = DEFAULT_RETRY,
    gate: Gate | None = None,
    scheduler: abc.SchedulerBase | None = None,
) -> Observable[Any]:
    """Start a task for each batch of items, and emit the handle of each as soon as it is started.

    ::

        items         1 2 3 4 5|
        batches       [1 2] [3 4] [5]|      with batch_size=2
        start [1 2]   ─s─H                  a handle
        start [3 4]   ─429───s─H            refused, so started again when the gate opens
        start [5]     ─s────?               no answer: in doubt, and not started again
        start_tasks   ───H──H──H|           the handle of [5] has an error

    Cold: each subscription asks for the items and starts for itself. An error of `items` ends the
    stream; whatever goes wrong with one batch is the `error` of its handle. So
    `tasks_observable(client, start_tasks(…))` and `wait_for_tasks(client, start_tasks(…))` give one
    outcome for each batch, with its `items`.

    A batch is started once. It is started again only after a 429, which the gate waits out, and
    after failures before anything was sent. Where nobody knows whether Stream got the start (a
    time-out, a lost connection, a 5xx, an answer that cannot be read), the error of the handle is
    `InDoubtException`. Disposing ends everything at once; nobody hears whether Stream still gets
    a start that is under way then.

    Starts pass a gate of their own, one for each client and operation, because Stream counts the
    calls of each endpoint by themselves. There is no deadline: `rxs.deadline` sets one.

    Args:
        operation: A method of a client that takes a list (`client.delete_channels`), or
            `functools.partial` of one with the other arguments. Or any function, plain or async,
            that takes a list and returns a handle, an id, None, or an answer of an official SDK.
        items: An iterable, an async iterable or an Observable. The first two give an item only when
            there is room for its batch, so they may be endless. A batch of an Observable waits
            until it is full, or the Observable completes.
        batch_size: How many items in one start, 1 or more. None: what Stream takes; needed for
            functions of which that is not known.
        max_concurrent: How many starts at once, 1 or more. `tasks_observable` and whatever waits
            for the handles counts too: a start keeps its place until a wait has taken its handle.
            So starts run ahead of the waits by no more than that, and `max_concurrent` there slows
            them down. (Not through an operator between the two, which takes everything at once.)
        retry: The pauses after starts that were not sent: no connection, no name. None: nothing is
            started again, not even after a 429.
        gate: Limits and paces the starts; None: that of the operation.
        scheduler: As for `task_observable`.

    Returns:
        The observable. It errors only with what `items` raises, and when the client is closed.

    Raises:
        TypeError: An argument is of the wrong type, or `batch_size` is missing and not known.
        ValueError: A number is out of range, or `batch_size` is more than Stream takes.
    """
    called = operation_of(operation)
    check_items(items, "items")
    size = called.size(batch_size)
    limit = whole(max_concurrent, "max_concurrent")
    delays = None if retry is None else checked_schedule(retry, "retry", ", or None")
    optional(gate, Gate, "gate")
    optional(scheduler, abc.SchedulerBase, "scheduler")

    def subscribe(
        observer: abc.ObserverBase[BaseTaskHandle],
        subscribed_on: abc.SchedulerBase | None,
        room: Room | None,
    ) -> abc.DisposableBase:
        chosen = scheduler if scheduler is not None else subscribed_on
        clock = open_clock_of(chosen, is_async=called.is_async)
        lock = threading.RLock()
        context = StartContext(
            retry=delays,
            clock=clock,
            caller=_caller(called, clock),
            gate=admission_of(gate if gate is not None else called.gate()),
            lock=lock,
            is_interrupted=interruption_of(lock),
            open_waits=open_waits_of(called.owner),
            operation=called,
        )
        starts = _Starts(context, observer, Batches(items_of(items, chosen), size), limit, room)
        return start_or_dispose(starts.start, starts)

    return StartedTasks(subscribe, is_async=called.is_async)


def _caller(operation: Operation, clock: Clock) -> Caller:
    """What sends each start, and nothing else does.

    Whatever must be written down before a start goes out and after it has come back wraps this.
    """
    return caller_of(
        operation.owner,
        clock,
        is_async=operation.is_async,
        function=operation.call_async if operation.is_async else operation.call,
        by=operation.read,
    )


class _Starts(abc.DisposableBase):
    """Starts each batch, and emits its handle."""

    __slots__ = ("_context", "_merge", "_room", "_untaken")

    def __init__(
        self,
        context: StartContext,
        observer: abc.ObserverBase[BaseTaskHandle],
        batches: Items[tuple[Any, ...]],
        limit: int,
        room: Room | None,
    ) -> None:
        self._context = context
        self._merge = Merge(observer, batches, self._start, limit, context.clock, self._close)
        self._room = room
        self._untaken: deque[int] = deque()
        if room is not None:
            room.taken = self._taken

    def start(self) -> None:
        """Ask for the first items."""
        self._merge.start()

    @override
    def dispose(self) -> None:
        self._merge.dispose()

    def _start(self, batch: tuple[Any, ...], number: int) -> abc.DisposableBase:
        start = Start(batch, number, self, self._context)
        start.start()
        return start

    def fail(self, error: Exception) -> None:
        """End everything: the client was closed, which says nothing about a batch."""
        self._merge.fail(error)

    def started(self, handle: BaseTaskHandle, number: int) -> None:
        """Emit a handle, which may be one of a start that failed."""
        if self._room is not None:
            self._untaken.append(number)
        self._merge.emit(handle, number)
        if self._room is None:
            self._merge.ended(number)

    def _taken(self) -> None:
        # Which of them it was does not matter, only how many are left.
        self._merge.ended(self._untaken.popleft())

    def _close(self) -> None:
        self._context.is_closed = True
