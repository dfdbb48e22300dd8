"""Virtual time, of a scheduler or of a loop, and what is left in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from reactivex.scheduler.eventloop import AsyncIOScheduler

from rxstream.testing import VirtualTime, run_virtual

from .book import Mischief

if TYPE_CHECKING:
    from collections.abc import Callable

    from .book import Book

__all__ = ["LoopWorld", "Scene", "SchedulerWorld", "World"]

_ENDLESS = 400_000


class Scene(Protocol):
    """What happens in a world."""

    until: float

    def begin(self) -> None:
        """Start everything."""
        ...

    def curtain(self) -> None:
        """Dispose what is left."""
        ...


class World:
    """What both kinds of time have in common."""

    is_loop = False

    def __init__(self, book: Book) -> None:
        self.book = book
        self.scheduler: Any = None
        self._pending = 0

    def now(self) -> float:
        """Virtual seconds."""
        raise NotImplementedError

    def run(self, scene: Scene) -> None:
        """Play a scene to its end, and note what it leaves behind."""
        raise NotImplementedError

    def left(self) -> int:
        """How many timers and callbacks there are that are not ours."""
        raise NotImplementedError

    def later(self, delay: float, action: Callable[[], object]) -> None:
        """Do something later; it is ours, and not counted as left behind."""
        self._pending += 1

        def act(*_: object) -> None:
            self._pending -= 1
            self.call("timer", action)

        self._set(delay, act)

    def call(self, where: str, action: Callable[[], object]) -> None:
        """Call into the library; what comes out has surfaced."""
        try:
            action()
        except Exception as error:  # noqa: BLE001 -- the book judges
            self.book.surfaced(error, where)

    def _set(self, delay: float, act: Callable[..., None]) -> None:
        raise NotImplementedError


class SchedulerWorld(World):
    """The time of `VirtualTime`: sync and async clients are called in place."""

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self.scheduler = self._time = VirtualTime(max_actions=_ENDLESS)

    def now(self) -> float:
        return self._time.now.timestamp()

    def _set(self, delay: float, act: Callable[..., None]) -> None:
        self._time.schedule_relative(delay, act)

    def left(self) -> int:
        live = sum(not item.is_cancelled() for item, _ in self._time._queue.items)
        return live - self._pending

    def run(self, scene: Scene) -> None:
        scene.begin()
        self._go(scene.until)
        scene.curtain()
        self._go(None)
        self.book.note(self.now(), "world", "end", f"{self.left()} timers left")

    def _go(self, until: float | None) -> None:
        while True:
            try:
                self._time.start(until)
            except Mischief as error:
                self.book.surfaced(error, "scheduler")
            except Exception as error:  # noqa: BLE001 -- the book judges
                self.book.surfaced(error, "scheduler")
                if "no end in sight" in str(error):
                    return
            else:
                return


class LoopWorld(World):
    """The time of a virtual event loop."""

    is_loop = True

    def __init__(self, book: Book, *, named: bool) -> None:
        super().__init__(book)
        self._named = named
        self._loop: Any = None

    def now(self) -> float:
        return self._loop.time()

    def _set(self, delay: float, act: Callable[..., None]) -> None:
        self._loop.call_later(delay, act)

    def left(self) -> int:
        live = sum(not handle.cancelled() for handle in self._loop._scheduled)
        ready = sum(not handle.cancelled() for handle in self._loop._ready)
        return live + ready + len(asyncio.all_tasks(self._loop)) - self._pending - 2

    def run(self, scene: Scene) -> None:
        run_virtual(self._main(scene))

    async def _main(self, scene: Scene) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self.scheduler = AsyncIOScheduler(loop) if self._named else None
        loop.set_exception_handler(self._reported)
        scene.begin()
        await asyncio.sleep(scene.until)
        scene.curtain()
        await asyncio.sleep(1.0)
        tasks = len(asyncio.all_tasks(loop)) - 1
        handles = [h for h in loop._scheduled if not h.cancelled()]
        left = tasks + len(handles) - self._pending
        self.book.note(self.now(), "world", "end", f"{left} left")
        if left:
            self.book.broken("nothing is left", "loop", f"{tasks} tasks, timers {handles}")

    def _reported(self, _: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None:
            text = f"{context['message']} {context.get('task')}"
            self.book.broken("nothing else is raised", "loop", text)
        else:
            self.book.surfaced(error, f"loop ({context['message'][:40]})")
