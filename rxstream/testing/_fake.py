"""Clients that play a script in memory: without a socket, and in virtual time if you like."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from typing_extensions import override

from .._wait.handles import AsyncTaskHandle, TaskHandle
from .._wait.tasks import id_to_ask
from ..client._chat import ChatOperations
from ..client._products import ProductOperations
from ..client._requests import AsyncStarter, SyncStarter
from ..client._waits import AsyncWaits, Waits
from ._fake_base import Fake, connection_reset

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from .._values import BaseTaskHandle, T, TaskSnapshot
    from ..client._requests import Start

__all__ = ["FakeAsyncClient", "FakeClient"]


class FakeClient(Fake, Waits, ChatOperations, ProductOperations, SyncStarter):
    """A sync client that plays a script in memory. Thread-safe.

    It has the operations and the waits of a `StreamClient`.
    """

    def get_task(self, task_id: str | BaseTaskHandle[T]) -> TaskSnapshot[T]:
        """Return the next answer, as a real client would.

        In real time it blocks as long as the script says. Under a virtual scheduler it cannot
        block: there it returns an awaitable, which `task_observable` can drive.

        Args:
            task_id: The id or the handle of the task that is asked for.

        Raises:
            StreamApiException: The script says so, or the id is unknown.
            StreamTransportException: The script resets, or the client was closed meanwhile.
            InvalidResponseException: The script answers with garbage.
            RuntimeError: The client is closed, or it lives in virtual time and is asked by code
                that blocks, for which that time never passes.
        """
        attempt = self._attempt(id_to_ask(task_id))
        try:
            pause = next(attempt)
            if self._scheduler is not None:
                return cast("TaskSnapshot", _Paused(pause, attempt))
            while True:
                if self._closed.wait(None if pause == math.inf else pause):
                    attempt.throw(connection_reset())
                pause = next(attempt)
        except StopIteration as end:
            return cast("TaskSnapshot", end.value)

    @override
    def _start(self, name: str, start: Start[T]) -> TaskHandle[T]:
        task_id, answer = self._begin(start.request)
        return TaskHandle(task_id, name, start.items, answer=answer, client=self)

    def close(self) -> None:
        """Close; calls that are waiting end with a connection reset. You may call it twice."""
        self._closed.set()

    def __enter__(self) -> Self:
        """Return the client; leaving the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the client, as `close` does."""
        self.close()


class FakeAsyncClient(Fake, AsyncWaits, ChatOperations, ProductOperations, AsyncStarter):
    """An async client that plays a script in memory, on any loop or under a virtual scheduler.

    It has the operations and the waits of an `AsyncStreamClient`.
    """

    cancel_safe: ClassVar[bool] = True
    """Whether a call can be cancelled safely: always."""

    async def get_task(self, task_id: str | BaseTaskHandle[T]) -> TaskSnapshot[T]:
        """Return the next answer, as a real client would.

        Under a virtual scheduler the pauses are virtual too; only `task_observable` can await them.

        Args:
            task_id: The id or the handle of the task that is asked for.

        Raises:
            StreamApiException: The script says so, or the id is unknown.
            StreamTransportException: The script resets, or the client was closed meanwhile.
            InvalidResponseException: The script answers with garbage.
            RuntimeError: The client is closed, or it lives in virtual time and is asked on a loop,
                for which that time never passes.
        """
        attempt = self._attempt(id_to_ask(task_id))
        try:
            pause = next(attempt)
            if self._scheduler is not None:
                return await _Paused(pause, attempt)
            while True:
                if await self._closed_within(pause):
                    attempt.throw(connection_reset())
                pause = next(attempt)
        except StopIteration as end:
            return cast("TaskSnapshot", end.value)
        finally:
            attempt.close()

    async def _closed_within(self, pause: float) -> bool:
        closed = asyncio.Event()
        self._waiting[closed] = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None if pause == math.inf else pause):
                await closed.wait()
        except TimeoutError:
            return False
        finally:
            del self._waiting[closed]
        return True

    @override
    async def _start(self, name: str, start: Start[T]) -> AsyncTaskHandle[T]:
        task_id, answer = self._begin(start.request)
        return AsyncTaskHandle(task_id, name, start.items, answer=answer, client=self)

    async def aclose(self) -> None:
        """Close; calls that are waiting end with a connection reset. You may call it twice."""
        self._closed.set()
        for closed, loop in list(self._waiting.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(closed.set)

    async def __aenter__(self) -> Self:
        """Return the client; leaving the block closes it."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the client, as `aclose` does."""
        await self.aclose()


class _Paused:
    """The rest of an attempt, as an awaitable that yields its pauses in virtual seconds."""

    __slots__ = ("_attempt", "_pause")

    def __init__(self, pause: float, attempt: Generator[float, None, TaskSnapshot]) -> None:
        self._pause = pause
        self._attempt = attempt

    def __await__(self) -> Generator[Any, None, TaskSnapshot]:
        try:
            yield self._pause
            return (yield from self._attempt)
        finally:
            self._attempt.close()
