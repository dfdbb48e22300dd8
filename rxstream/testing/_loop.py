"""Virtual time for asyncio: a loop that jumps to its next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


__all__ = ["VirtualLoop", "run_virtual"]

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

# How long, in real seconds, another thread may take to wake the loop.
_PATIENCE: Final = 1.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` starts at 0 and jumps from timer to timer.

    It waits in real time only if there is no timer to jump to, or for `run_in_executor`. So do not
    combine timers with real sockets or your own threads: the timers win. If nothing can happen any
    more, it raises RuntimeError instead of hanging.
    """

    def __init__(self) -> None:
        """Make a loop at second 0."""
        self._virtual_now = 0.0
        self._jobs = 0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Let virtual time pass; the loop itself calls this.

        Args:
            seconds: How much time.
        """
        self._virtual_now += seconds

    @property
    def waits_for_jobs(self) -> bool:
        """Whether a job of `run_in_executor` is under way; time stands still meanwhile."""
        return self._jobs > 0

    def run_in_executor(
        self, executor: Any, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """Call in another thread; virtual time stands still until it returns.

        Args:
            executor: The executor, or None for the loop's own.
            func: What to call.
            args: Its arguments.
        """
        future = super().run_in_executor(executor, func, *args)
        self._jobs += 1
        future.add_done_callback(self._job_ended)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 -- the signature of Python 3.12
        """End the threads of `run_in_executor`, in real time.

        Args:
            timeout: Not used; these threads have nothing left to do.
        """
        del timeout
        self._jobs += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._jobs -= 1

    def _job_ended(self, _future: asyncio.Future[Any]) -> None:
        self._jobs -= 1


class _Jumping(selectors.DefaultSelector):
    """A selector that lets virtual time pass instead of real time."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._loop.waits_for_jobs and timeout != 0:
            return super().select(None)
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            self._loop.jump(timeout)
            return []
        ready = super().select(_PATIENCE)
        if not ready:
            msg = "nothing left to wait for: no timer, no callback and no thread can wake this loop"
            raise RuntimeError(msg)
        return ready


def run_virtual(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end in virtual time, like `asyncio.run`.

    Args:
        main: The coroutine.

    Returns:
        The result of `main`.

    Raises:
        RuntimeError: A loop runs in this thread already, or `main` can never end.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
