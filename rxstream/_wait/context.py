"""What all waits, or all starts, of one subscription share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from .._call.call import Caller
    from .._gate.admission import Admission
    from .._text import Cut
    from .._time.clock import Clock
    from ..backoff import ByAnswer, Delays
    from .closing import KnownWaits

__all__ = ["CallContext", "WaitContext"]


@dataclass(slots=True, kw_only=True)
class CallContext:
    """What all calls of one subscription share."""

    retry: Delays | None
    clock: Clock
    caller: Caller
    gate: Admission
    lock: threading.RLock
    """Held for moments only, so that one serves all."""
    is_interrupted: Callable[[], bool]
    """Whether this thread holds the lock already."""
    open_waits: KnownWaits
    """Where a wait is known to its client, which ends it on closing."""
    is_closed: bool = False
    """Whether all of them are being disposed: one that leaves the gate must not admit another."""


@dataclass(slots=True, kw_only=True)
class WaitContext(CallContext):
    """What all waits of one subscription share: how long to wait, and what to wait with."""

    cadence: Delays | ByAnswer | float
    timeout: float | None
    cut: Cut
    """Cuts the texts of exceptions; a client of ours blots out its secrets in them."""

    def deadline(self, began: float) -> float:
        """When a wait that began at this moment has to end."""
        return math.inf if self.timeout is None else began + self.timeout
