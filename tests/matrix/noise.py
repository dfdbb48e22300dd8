"""What is said where nobody asked: logs, warnings, and exceptions that nobody catches."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
import warnings
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

if TYPE_CHECKING:
    import asyncio

__all__ = ["NOISE"]

_LOOK_EVERY: Final = 0.05


class _Noise(logging.Handler):
    """Hears all of it, and how late a thread is woken on this machine."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        """Exceptions and warnings that reached nobody."""
        self.said: list[str] = []
        """All texts, those of the log included."""
        self.lag = 0.0
        """The latest that a sleeping thread woke, in seconds."""

    def listen(self) -> None:
        """Begin; for the whole process."""
        logging.getLogger().addHandler(self)
        logging.getLogger("rxstream").setLevel(logging.DEBUG)
        warnings.simplefilter("always", ResourceWarning)
        warnings.showwarning = self._on_warning
        threading.excepthook = lambda args: self._add(args.exc_value)
        sys.unraisablehook = lambda args: self._add(args.exc_value)
        threading.Thread(target=self._watch, daemon=True, name="lag").start()

    def forget(self) -> None:
        """Begin anew for the next cell."""
        self.lines, self.said, self.lag = [], [], 0.0

    def on_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Hear what a loop has to say."""
        error = context.get("exception")
        self.lines.append(f"{context.get('message')}: {error!r}")
        self.said.append(repr(context))

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))

    def _on_warning(self, message: Warning | str, *_: Any, **__: Any) -> None:
        self.lines.append(f"warning: {message}")
        self.said.append(str(message))

    def _add(self, error: BaseException | None) -> None:
        self.lines.append(repr(error))
        self.said += traceback.format_exception(error)

    def _watch(self) -> None:
        while True:
            before = time.monotonic()
            time.sleep(_LOOK_EVERY)
            self.lag = max(self.lag, time.monotonic() - before - _LOOK_EVERY)


NOISE: Final = _Noise()
