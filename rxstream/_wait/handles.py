"""Handles: what an operation started, and the wait for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typing_extensions import TypeVar

from .._frozen import frozen
from .._values import BaseTaskHandle
from ..backoff import DEFAULT_RETRY
from .one import task_observable, wait_for_task, wait_for_task_async

if TYPE_CHECKING:
    from reactivex import Observable, abc

    from .._gate.gate import Gate
    from .._values import TaskSnapshot
    from ..backoff import Delays, Duration, PollInterval

__all__ = ["AsyncTaskHandle", "TaskHandle"]

T_co = TypeVar("T_co", covariant=True, default=Any)


@frozen
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _ClientHandle(BaseTaskHandle[T_co]):
    """A handle that knows the client which started it."""

    client: Any = field(default=None, compare=False)
    """The client that started it; None in a handle that was pickled."""

    def observe(
        self,
        *,
        poll_interval: PollInterval = 1.0,
        timeout: Duration | None = 60.0,
        retry: Delays | None = DEFAULT_RETRY,
        gate: Gate | None = None,
        wake: Observable[Any] | None = None,
        scheduler: abc.SchedulerBase | None = None,
    ) -> Observable[TaskSnapshot[T_co]]:
        """Emit each polled status of the task, and end as the task does.

        Arguments and errors are those of `rxstream.task_observable`.

        Raises:
            RuntimeError: The handle was pickled, and has no client any more.
        """
        return task_observable(
            self._client(),
            self,
            poll_interval=poll_interval,
            timeout=timeout,
            retry=retry,
            gate=gate,
            wake=wake,
            scheduler=scheduler,
        )

    def _client(self) -> Any:
        if self.client is None:
            msg = (
                "this handle was copied or pickled, which leaves its client behind: "
                "pass it to a function that takes a client, such as task_observable(client, handle)"
            )
            raise RuntimeError(msg)
        return self.client


@frozen
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TaskHandle(_ClientHandle[T_co]):
    """What an operation of a sync client started."""

    def wait(
        self,
        *,
        poll_interval: PollInterval = 1.0,
        timeout: Duration | None = 60.0,
        retry: Delays | None = DEFAULT_RETRY,
    ) -> T_co:
        """Block until the task is done, and return its payload; None if Stream did it at once.

        Arguments and exceptions are those of `rxstream.wait_for_task`.

        Raises:
            RuntimeError: The handle was pickled, and has no client any more.
        """
        return wait_for_task(
            self._client(), self, poll_interval=poll_interval, timeout=timeout, retry=retry
        )


@frozen
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AsyncTaskHandle(_ClientHandle[T_co]):
    """What an operation of an async client started."""

    async def wait(
        self,
        *,
        poll_interval: PollInterval = 1.0,
        timeout: Duration | None = 60.0,  # noqa: ASYNC109 -- the deadline is a promise of the wait itself
        retry: Delays | None = DEFAULT_RETRY,
    ) -> T_co:
        """Wait until the task is done, and return its payload; None if Stream did it at once.

        Arguments and exceptions are those of `rxstream.wait_for_task_async`.

        Raises:
            RuntimeError: The handle was pickled, and has no client any more.
        """
        return await wait_for_task_async(
            self._client(), self, poll_interval=poll_interval, timeout=timeout, retry=retry
        )
