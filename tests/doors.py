"""Each way to the outcomes of many tasks, in virtual time: an Observable, `for`, `async for`."""

from __future__ import annotations

import asyncio
import functools
import gc
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from rxstream import TaskOutcome, tasks_observable, wait_for_tasks, wait_for_tasks_async
from rxstream._wait import each, feed
from rxstream.testing import FakeAsyncClient, FakeClient, VirtualTime, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

DOORS = ("observable", "for", "async for")
LOOPS = ("for", "async for")
LATER = 1_000.0


class Leave(Exception):
    """Raised by a body to leave the loop as `break` does."""


@dataclass
class Played:
    """What one consumer saw."""

    client: Any
    outcomes: list[TaskOutcome] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    error: BaseException | None = None
    polls_at_end: int = 0
    polls_later: int = 0
    waiting: float = 0.0
    """How long after the end a timer was left."""


@dataclass
class Door:
    """Reads outcomes through one door; a body that raises leaves it."""

    kind: str
    patch: pytest.MonkeyPatch

    def __call__(
        self,
        scripts: Any,
        tasks: Any,
        body: Callable[[TaskOutcome], object] = lambda _: None,
        **keywords: Any,
    ) -> Played:
        if self.kind == "async for":
            return run_virtual(self._on_a_loop(scripts, tasks, body, keywords))
        time = VirtualTime()
        played = Played(FakeClient(scripts, scheduler=time))

        def note(outcome: TaskOutcome) -> None:
            played.outcomes.append(outcome)
            played.moments.append(time.now.timestamp())
            body(outcome)

        try:
            if self.kind == "observable":
                _observe(time, played, tasks, note, keywords)
            else:
                self._loop_over(time, played, tasks, note, keywords)
        except Leave:
            pass
        except Exception as error:  # noqa: BLE001 -- to be looked at
            played.error = error
        gc.collect()
        played.polls_at_end, at = played.client.polls(), time.now.timestamp()
        time.start()
        played.waiting = time.now.timestamp() - at
        played.polls_later = played.client.polls()
        return played

    def _loop_over(
        self, time: VirtualTime, played: Played, tasks: Any, note: Any, keywords: Any
    ) -> None:
        class Pumped(SimpleQueue[Any]):
            """Lets virtual time pass while the loop would block."""

            def get(self, *_: Any) -> Any:
                end = time.now.timestamp() + LATER
                while self.empty():
                    now = time.now.timestamp()
                    assert now < end, "the loop would block for ever"
                    time.start(until=now + 0.25)
                return super().get()

        waits = functools.partial(tasks_observable, scheduler=time)
        with self.patch.context() as patch:
            patch.setattr(feed, "SimpleQueue", Pumped)
            patch.setattr(each, "tasks_observable", waits)
            for outcome in wait_for_tasks(played.client, tasks, **keywords):
                note(outcome)

    @staticmethod
    async def _on_a_loop(scripts: Any, tasks: Any, body: Any, keywords: Any) -> Played:
        loop = asyncio.get_running_loop()
        played = Played(FakeAsyncClient(scripts))
        try:
            async for outcome in wait_for_tasks_async(played.client, tasks, **keywords):
                played.outcomes.append(outcome)
                played.moments.append(loop.time())
                body(outcome)
        except Leave:
            pass
        except Exception as error:  # noqa: BLE001 -- to be looked at
            played.error = error
        await asyncio.sleep(0)
        played.polls_at_end = played.client.polls()
        await asyncio.sleep(LATER)
        played.polls_later = played.client.polls()
        return played


def _observe(time: VirtualTime, played: Played, tasks: Any, note: Any, keywords: Any) -> None:
    errors: list[Exception] = []
    wait = tasks_observable(played.client, tasks, **keywords).subscribe(
        note, errors.append, scheduler=time
    )
    try:
        time.start()
    finally:
        wait.dispose()
    if errors:
        raise errors[0]
