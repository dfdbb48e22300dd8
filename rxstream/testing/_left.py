"""An assertion that nothing was left behind."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from .._time.clock import monotonic, running_loop
from .._time.timer_thread import TIMER_THREAD

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from types import TracebackType


__all__ = ["assert_nothing_left"]

_GRACE: Final = 1.0
_LOOK_EVERY: Final = 0.01
_DESCRIPTORS: Final = Path("/proc/self/fd")


class assert_nothing_left:  # noqa: N801 -- reads as the statement that it is
    """Assert that a block leaves no thread, timer, asyncio task or open socket behind.

    ::

        with assert_nothing_left():
            ...

    Things that were there before do not count, and threads get a second to end. Inside a running
    loop use `async with`, which waits without blocking; a plain `with` there looks only once. If
    the block raises, nothing is checked.

    Raises:
        AssertionError: Something is left; the message names it.
    """

    def __enter__(self) -> Self:
        """Note what is there before the block."""
        self._before = _everything()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait up to a second until nothing is left, else raise."""
        if kind is not None:
            return
        deadline = monotonic() + (_GRACE if running_loop() is None else 0.0)
        while self._left() and monotonic() < deadline:
            threading.Event().wait(_LOOK_EVERY)
        self._complain()

    async def __aenter__(self) -> Self:
        """Note what is there before the block."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the loop run up to a second until nothing is left, else raise."""
        if kind is not None:
            return
        deadline = monotonic() + _GRACE
        while self._left() and monotonic() < deadline:
            await _pause()
        self._complain()

    def _left(self) -> list[str]:
        left = self._added()
        if left:
            gc.collect()  # cycles may hold it; if nothing is left, a collection is too slow
            left = self._added()
        return left

    def _added(self) -> list[str]:
        return [name for thing, name in _everything().items() if thing not in self._before]

    def _complain(self) -> None:
        if left := self._left():
            msg = "left behind: " + "; ".join(left)
            raise AssertionError(msg)


async def _pause() -> None:
    try:
        async with asyncio.timeout(_LOOK_EVERY):
            await asyncio.Event().wait()
    except TimeoutError:
        pass


def _everything() -> Mapping[Hashable, str]:
    found: dict[Hashable, str] = {}
    current: asyncio.Task[Any] | None = None
    if (loop := running_loop()) is not None:
        current = asyncio.current_task(loop)
        for task in asyncio.all_tasks(loop):
            if task is not current:
                found[task] = f"task {task.get_name()} ({task.get_coro()!r})"
    for thread in threading.enumerate():
        found[thread] = f"thread {thread.name}"
    return found | _timers() | _sockets()


def _timers() -> dict[Hashable, str]:
    return {timer: f"timer ({timer!r})" for timer in TIMER_THREAD.pending}


def _sockets() -> dict[Hashable, str]:
    if not _DESCRIPTORS.is_dir():
        return {
            ("socket", thing.fileno()): f"socket ({thing!r})"
            for thing in gc.get_objects()
            # By its type: some proxies raise where they are asked for their class.
            if issubclass(type(thing), socket.socket) and thing.fileno() >= 0
        }
    found: dict[Hashable, str] = {}
    for descriptor in _DESCRIPTORS.iterdir():
        try:
            link = str(descriptor.readlink())
        except OSError:
            continue  # the descriptor that listed the directory
        if link.startswith("socket:"):
            found[link] = f"socket (descriptor {descriptor.name}, {link})"
    return found
