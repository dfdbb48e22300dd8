"""Virtual time for asyncio: a loop that jumps to its next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import selectors
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple
from weakref import WeakSet

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context


__all__ = ["VirtualLoop", "run_virtual"]

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

# How long, in real seconds, nothing may come before nothing is believed to come any more.
_PATIENCE: Final = 1.0
_AT_ONCE: Final = 500_000
_JUMPS: Final = 1_000_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` starts at 0 and jumps from timer to timer.

    Time stands still while a job of `run_in_executor` is under way. A job that has called the loop
    back (`call_soon_threadsafe`) may be waiting for it: there, time passes after a real second in
    which nothing came.

    Threads of your own and real sockets do not go together with timers: the timers win. Where there
    is no timer, the loop waits for jobs, and for threads that were started after it was made. Where
    nothing can happen any more, it raises RuntimeError instead of hanging. It does so too where
    time stands still because something repeats without a pause, and where there is always one more
    timer.
    """

    def __init__(self, *, max_at_once: int = _AT_ONCE, max_jumps: int = _JUMPS) -> None:
        """Make a loop at second 0.

        Args:
            max_at_once: How many turns at one instant count as endless.
            max_jumps: How many jumps to the next timer count as endless.
        """
        self._virtual_now = 0.0
        self._jobs = 0
        # Threads that run a job now, and those of them that have called back.
        self._working: set[int] = set()
        self._called_back: set[int] = set()
        # Those that were there before, and those of executors, which live on without a job.
        self._others = WeakSet(threading.enumerate())
        super().__init__(_Jumping(self, max_at_once, max_jumps))

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
        """Whether a job of `run_in_executor` is under way."""
        return self._jobs > 0

    @property
    def stands_still(self) -> bool:
        """Whether one of the jobs has never called back, so that it waits for no timer."""
        return self._jobs > len(self._called_back)

    @property
    def may_be_woken(self) -> bool:
        """Whether a job, or a thread that was started since, could still call."""
        return self.waits_for_jobs or any(
            thread not in self._others for thread in threading.enumerate()
        )

    def run_in_executor(
        self, executor: Any, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """Call in another thread; virtual time stands still until it returns, or calls back.

        Args:
            executor: The executor, or None for the loop's own.
            func: What to call.
            args: Its arguments.
        """

        def job(*args: *_Ts) -> _T:
            self._others.add(threading.current_thread())
            number = threading.get_ident()
            self._working.add(number)
            try:
                return func(*args)
            finally:
                self._working.discard(number)
                self._called_back.discard(number)

        # What goes to another process has to be the function itself.
        in_thread = executor is None or isinstance(executor, ThreadPoolExecutor)
        future = super().run_in_executor(executor, job if in_thread else func, *args)
        self._jobs += 1
        future.add_done_callback(self._job_ended)
        return future

    @override
    def call_soon_threadsafe(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call in the next turn, from any thread.

        Args:
            callback: What to call.
            args: What with.
            context: In which context; None: a copy of the caller's.
        """
        number = threading.get_ident()
        if number in self._working:
            self._called_back.add(number)
        return super().call_soon_threadsafe(callback, *args, context=context)

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

    def __init__(self, loop: VirtualLoop, max_at_once: int, max_jumps: int) -> None:
        super().__init__()
        self._loop = loop
        self._max_at_once = max_at_once
        self._max_jumps = max_jumps
        self._at_once = 0
        self._jumps = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self._loop
        if timeout == 0:
            self._count()
            return super().select(0)
        self._at_once = 0
        if loop.stands_still:
            return super().select(None)
        ready = super().select(_PATIENCE if loop.waits_for_jobs else 0)
        if not ready and timeout is not None:
            self._jump(timeout)
            return []
        while not ready:
            ready = super().select(_PATIENCE)
            if not ready and not loop.may_be_woken:
                msg = (
                    "nothing left to wait for: no timer, no callback, no job and no thread can "
                    "wake this loop"
                )
                raise RuntimeError(msg)
        return ready

    def _jump(self, seconds: float) -> None:
        self._jumps += 1
        if self._jumps > self._max_jumps:
            self._jumps = 0
            msg = (
                f"{self._max_jumps} jumps from timer to timer, and there is one more at "
                f"{self._loop.time() + seconds} s: something never ends, such as a wait with "
                "timeout=None for a task that never does; end it, or raise max_jumps"
            )
            raise RuntimeError(msg)
        self._loop.jump(seconds)

    def _count(self) -> None:
        self._at_once += 1
        if self._at_once > self._max_at_once and not self._loop.waits_for_jobs:
            self._at_once = 0
            msg = (
                f"{self._max_at_once} turns at {self._loop.time()} s, where time stands still: "
                "something repeats without a pause, such as poll_interval=0 with a client that "
                "answers at once"
            )
            raise RuntimeError(msg)


def run_virtual(
    main: Coroutine[Any, Any, _T], *, max_at_once: int = _AT_ONCE, max_jumps: int = _JUMPS
) -> _T:
    """Run a coroutine to its end in virtual time, like `asyncio.run`.

    Args:
        main: What to run.
        max_at_once: How many turns of the loop at one instant count as endless.
        max_jumps: How many jumps to the next timer count as endless.

    Returns:
        The result of `main`.

    Raises:
        RuntimeError: A loop runs in this thread already, `main` waits for what cannot come, time
            stands still, or there is always one more timer.
    """
    with asyncio.Runner(
        loop_factory=lambda: VirtualLoop(max_at_once=max_at_once, max_jumps=max_jumps)
    ) as runner:
        return runner.run(main)
