"""When nobody may poll: after a 429, for as long as it names, or for longer and longer."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["LONGEST_PAUSE", "Closing"]

LONGEST_PAUSE: Final = 300.0
"""How long a server may stop everybody with one answer, unless told otherwise."""

# A 429 that names nothing closes the gate for so long, and each further one for twice as long.
_FIRST_PAUSE: Final = 1.0
_LAST_PAUSE: Final = 30.0


class Closing:
    """Until when polls are not welcome. Not thread-safe."""

    __slots__ = ("_longest_pause", "_next_pause", "until")

    def __init__(self, longest_pause: float) -> None:
        self._longest_pause = longest_pause
        self._next_pause = _FIRST_PAUSE
        self.until = -math.inf
        """The moment."""

    def close(self, now: float, seconds: float) -> None:
        """Close for as long as a 429 names, or for longer if it is closed already."""
        self.until = max(self.until, now + min(seconds, self._longest_pause))

    def back_off(self, now: float) -> None:
        """Close after a 429 that names no time."""
        # Those that were under way when it closed say nothing new.
        if now >= self.until:
            self.close(now, self._next_pause)
            self._next_pause = min(self._next_pause * 2, _LAST_PAUSE)

    def succeeded(self) -> None:
        """Take in that an answer was a good one: the next 429 is the first of its kind."""
        self._next_pause = _FIRST_PAUSE

    def shift(self, seconds: float) -> None:
        """Carry the moment over to another clock."""
        self.until += seconds
