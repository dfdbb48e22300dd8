"""The bars on a console, and when they are drawn."""

from __future__ import annotations

import atexit
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console, Group
from rich.errors import LiveError
from rich.live import Live

if TYPE_CHECKING:
    from ._bar import Bar

__all__ = ["hide", "show"]

_REFRESHES_PER_SECOND: Final = 5
# What a terminal raises after it was closed.
_NO_TERMINAL: Final = (OSError, ValueError)


class _Display:
    """The bars on one console, and the thread that draws them."""

    def __init__(self, console: Console) -> None:
        self.console: Final = console
        # Replaced as a whole, so that it can be drawn without a lock.
        self.bars: tuple[Bar, ...] = ()
        self._over = threading.Event()
        self._live = Live(
            self,
            console=console,
            auto_refresh=False,
            transient=True,
            # Output to a file or a pipe must not land on the terminal.
            redirect_stdout=_is_terminal(console.file) and _is_terminal(sys.stdout),
            redirect_stderr=_is_terminal(console.file) and _is_terminal(sys.stderr),
        )
        # Not rich's own thread: you cannot join it, and it reports a closed terminal.
        self._thread = threading.Thread(target=self._run, name="rxstream-progress", daemon=True)

    def __rich__(self) -> Group:
        return Group(*self.bars)

    def start(self) -> None:
        # Whoever interrupts `run()` disposes nothing, and wants the last state all the same.
        atexit.register(self._abandon)
        self._live.start()
        # rich hides the cursor. A process that is killed could not bring it back.
        self.console.show_cursor()
        self._live.refresh()
        self._thread.start()

    def stop(self) -> None:
        atexit.unregister(self._abandon)
        self._over.set()
        # An interrupt may come before the thread is started.
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()
        self._live.stop()

    def _run(self) -> None:
        while not self._over.wait(1 / _REFRESHES_PER_SECOND):
            try:
                self._live.refresh()
            except _NO_TERMINAL:
                return

    def _abandon(self) -> None:
        with suppress(*_NO_TERMINAL):
            self.stop()
            for bar in self.bars:
                bar.end("interrupted")
                self.console.print(bar)


# By console; None is standard error. A console takes one live display, which its bars share.
_displays: Final[dict[Console | None, _Display]] = {}
# Reentrant: a signal handler may dispose while this thread holds it.
_lock: Final = threading.RLock()


def show(bar: Bar, console: Console | None) -> None:
    with _lock:
        display = _displays.get(console)
        if display is not None:
            display.bars += (bar,)
            return
        target = console if console is not None else _stderr()
        if target is None or not (target.is_terminal and target.is_interactive):
            return
        display = _Display(target)
        display.bars = (bar,)
        _displays[console] = display
        try:
            display.start()
        except (LiveError, *_NO_TERMINAL):
            del _displays[console]
            with suppress(LookupError, *_NO_TERMINAL):  # rich may have got half-way
                display.stop()


def hide(bar: Bar, console: Console | None, how: str) -> None:
    with _lock:
        display = _displays.get(console)
        if display is None or bar not in display.bars:
            return
        bar.end(how)
        display.bars = tuple(other for other in display.bars if other is not bar)
        with suppress(*_NO_TERMINAL):
            if not display.bars:
                del _displays[console]
                display.stop()
            display.console.print(bar)


def _stderr() -> Console | None:
    # We ask the stream: with FORCE_COLOR, which many CI systems set, rich sees a terminal
    # everywhere. A stream that rich has replaced belongs to a live display on another console.
    if not _is_terminal(sys.stderr) or hasattr(sys.stderr, "rich_proxied_file"):
        return None
    return Console(stderr=True)


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # None under pythonw; closed
        return False
