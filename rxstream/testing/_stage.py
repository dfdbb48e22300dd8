"""The tasks of a fake or a server, and the scripts that they play."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ._faults import http_error
from ._render import render

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._answers import Quota
    from ._render import Rendered
    from ._script import Playback, Script

__all__ = ["Moment", "Stage"]

_UNKNOWN: Final = http_error(404)


@dataclass(frozen=True, slots=True)
class Moment:
    """Now: by the clock of the scripts, and as the date that answers show."""

    clock: float
    calendar: datetime


class Stage:
    """Plays a script for each task id. Thread-safe."""

    def __init__(self, script_for: Callable[[str], Script | None]) -> None:
        """Make a stage without tasks.

        Args:
            script_for: Returns the script of a task at its first poll; None: an unknown task.
        """
        self._script_for = script_for
        self._lock = threading.Lock()
        self._playing: dict[str, tuple[Playback, datetime]] = {}

    def begin(self, task_id: str, script: Script, now: Moment) -> None:
        """Start a task now; it replaces an older one with the same id."""
        with self._lock:
            self._playing[task_id] = script.play(now.clock), now.calendar

    def poll(
        self, task_id: str, now: Moment, *, quota: Quota | None = None, legacy: bool = False
    ) -> Rendered:
        """Answer a poll; a task that has not begun begins with it."""
        with self._lock:
            playing = self._playing.get(task_id)
            if playing is None and (script := self._script_for(task_id)) is not None:
                playing = self._playing[task_id] = script.play(now.clock), now.calendar
            if playing is None:
                answer, began, changed = _UNKNOWN, now.calendar, 0.0
            else:
                playback, began = playing
                answer = playback.next(now.clock)
                changed = playback.changed - playback.start
        return render(
            answer,
            task_id=task_id,
            created_at=began,
            updated_at=began + timedelta(seconds=changed),
            now=now.calendar,
            quota=quota,
            legacy=legacy,
        )
