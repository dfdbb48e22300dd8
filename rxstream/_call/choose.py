"""Chooses how a subscription calls its client; only here do sync and async differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._time.clock import LoopClock, loop_or_raise
from .._time.schedulers import VirtualClock
from .on_loop import LoopCaller, PostingCaller
from .on_thread import ThreadCaller, workers_of
from .virtual import VirtualCaller

if TYPE_CHECKING:
    from .._time.clock import Clock
    from .call import Caller

__all__ = ["caller_of"]


def caller_of(client: Any, clock: Clock, *, is_async: bool) -> Caller:
    """Choose how one subscription calls its client.

    Raises:
        RuntimeError: The client is async, and there is no loop to call it on.
    """
    if isinstance(clock, VirtualClock):
        return VirtualCaller(client.get_task, clock)
    if not is_async:
        return ThreadCaller(client, workers_of(client))
    cancels = getattr(client, "cancel_safe", False) is True
    if isinstance(clock, LoopClock):
        return LoopCaller(client.get_task, clock.loop, cancels=cancels)
    msg = (
        "an async client needs an event loop, and this scheduler has none: "
        "subscribe inside a coroutine, or pass scheduler=AsyncIOScheduler(loop)"
    )
    return PostingCaller(client.get_task, loop_or_raise(msg), cancels=cancels)
