"""Clients that are asked: each tells the model of every poll and every answer."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Protocol

from rxstream.errors import StreamTransportException

from .answers import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .laws_gate import GateLaws
    from .play import Play
    from .server import Server

__all__ = ["AsyncClient", "Client", "SyncClient", "TaskLaws"]


class TaskLaws(Protocol):
    """Whoever waits for a task, in the model."""

    name: str

    def polled(self, now: float, *, is_late_start: bool) -> None:
        """The client was asked."""
        ...

    def answered(self, now: float, answer: Answer) -> None:
        """The client answers."""
        ...

    def cancelled(self) -> None:
        """The call was ended."""
        ...


class Client:
    """What sync and async clients have in common."""

    cancel_safe = True

    def __init__(self, play: Play, server: Server, gate: GateLaws) -> None:
        self.play = play
        self.gate_laws = gate
        self.owners: dict[str, Callable[[float], TaskLaws | None]] = {}
        self._server = server
        self._is_closed = False
        self._waiting: set[asyncio.Future[None]] = set()

    def close(self) -> None:
        """Calls under way end with a reset, later ones are refused."""
        self.play.note("client", "close")
        self._is_closed = True
        for future in list(self._waiting):
            if not future.done():
                future.set_result(None)

    def attempt(self, task_id: str) -> Generator[float, None, Any]:
        """One call; it yields the seconds that it wants to pass."""
        play, now = self.play, self.play.now()
        play.note(task_id, "poll")
        owner = self.owners.get(task_id)
        laws = None if owner is None else owner(now)
        if laws is None:
            play.book.broken("nobody polls after the end", task_id, "nobody waits for it")
            self.gate_laws.polled(None, now)
        else:
            laws.polled(now, is_late_start=play.world.is_loop)
        answer = self._answer(task_id, now)
        has_ended = False
        self.gate_laws.hung += answer.latency == math.inf
        try:
            while answer.latency and not self._is_closed:
                yield answer.latency
                if answer.latency < math.inf:
                    break
            has_ended = True
        finally:
            self.gate_laws.hung -= answer.latency == math.inf
            if self._is_closed and not (has_ended and answer.kind == "final"):
                reset = StreamTransportException("connection_reset", "closed")
                answer = Answer("transient", reset)
            self._over(task_id, laws, answer if has_ended else None)
        if isinstance(answer.value, Exception):
            raise answer.value
        return answer.value

    def _answer(self, task_id: str, now: float) -> Answer:
        if self._is_closed:
            return Answer("final", RuntimeError("the client is closed"))
        return self._server.answer(task_id, now)

    def _over(self, task_id: str, laws: TaskLaws | None, answer: Answer | None) -> None:
        now = self.play.now()
        self.play.note(task_id, "cancelled" if answer is None else "answer", answer or "")
        budget = self._server.budget
        if budget is not None and (answer is None or answer.told is None):
            budget.untold += 1
        self.gate_laws.over(now, answer)
        if laws is None:
            return
        if answer is None:
            laws.cancelled()
        else:
            if answer.is_refusal:
                self.play.book.counts["refused"] += 1
            laws.answered(now, answer)

    async def sleep(self, seconds: float) -> None:
        """Let time pass on a loop, until it is over or the client is closed."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.add(future)
        timer = None
        if seconds < math.inf:
            timer = loop.call_later(seconds, lambda: future.done() or future.set_result(None))
        try:
            await future
        finally:
            self._waiting.discard(future)
            if timer is not None:
                timer.cancel()


class SyncClient(Client):
    """A client with a plain `get_task`; in virtual time it returns what is to be waited for."""

    def get_task(self, task_id: str) -> Any:
        """Answer, now or after a pause."""
        attempt = self.attempt(task_id)
        try:
            pause = next(attempt)
        except StopIteration as end:
            return end.value
        return _Paused(pause, attempt)


class AsyncClient(Client):
    """A client with an async `get_task`, in either kind of virtual time."""

    async def get_task(self, task_id: str) -> Any:
        """Answer, now or after a pause."""
        attempt = self.attempt(task_id)
        try:
            pause = next(attempt)
            if not self.play.world.is_loop:
                return await _Paused(pause, attempt)
            while True:
                await self.sleep(pause)
                pause = next(attempt)
        except StopIteration as end:
            return end.value
        finally:
            attempt.close()


class _Paused:
    """The rest of a call, as an awaitable whose pauses are virtual seconds."""

    def __init__(self, pause: float, attempt: Generator[float, None, Any]) -> None:
        self._pause = pause
        self._attempt = attempt

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            yield self._pause
            return (yield from self._attempt)
        finally:
            self._attempt.close()
