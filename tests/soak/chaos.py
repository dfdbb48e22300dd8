"""A server process that is killed at random moments, and comes back."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    import threading
    from collections.abc import Sequence

__all__ = ["Chaos"]

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 60.0


class Chaos:
    """Runs the server, and kills it."""

    def __init__(self, rng: random.Random) -> None:
        self.kills = 0
        self._rng = rng
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._ids: Sequence[str] = ()
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, ids: Sequence[str]) -> None:
        """Serve other tasks from now on."""
        self._ids = ids
        self.stop()
        self._start()

    def reign(self, end: threading.Event, every: float) -> None:
        """Kill it again and again until the end."""
        while not end.wait(self._rng.uniform(0.3, 1.7) * every):
            self.stop()
            self.kills += 1
            end.wait(self._rng.uniform(0, 0.5))
            self._start()

    def stop(self) -> None:
        """Kill it; not even its sockets are closed by itself."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.server", str(self.port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            text=True,
        )
        self._process = process
        assert process.stdin is not None
        with process.stdin:
            process.stdin.write("\n".join(self._ids))
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        msg = "the server did not start"
        raise RuntimeError(msg)
