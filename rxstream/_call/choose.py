"""Chooses how a subscription calls its client; only here do sync and async differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._time.clock import LoopClock, loop_or_raise
from .._time.schedulers import VirtualClock
from .call import read_poll
from .on_loop import LoopCaller, PostingCaller
from .on_thread import ThreadCaller, workers_of
from .virtual import VirtualCaller

if TYPE_CHECKING:
    from .._time.clock import Clock
    from .call import Caller, Function, Reader

__all__ = ["caller_of"]


def caller_of(
    client: Any,
    clock: Clock,
    *,
    is_async: bool,
    function: Function | None = None,
    by: Reader = read_poll,
) -> Caller:
    """Choose how one subscription calls its client.

    Args:
        client: Whose function it is; that says how its calls are ended.
        clock: The clock of the subscription.
        is_async: Whether calls are awaited on a loop.
        function: What to call with one argument; None: the client's `get_task`.
        by: Reads the answers.

    Raises:
        RuntimeError: The client is async, and there is no loop to call it on.
    """
    if isinstance(clock, VirtualClock):
        return VirtualCaller(client.get_task if function is None else function, clock, by)
    if not is_async:
        return ThreadCaller(client, workers_of(client), function, by)
    cancels = getattr(client, "cancel_safe", False) is True
    called = client.get_task if function is None else function
    if isinstance(clock, LoopClock):
        return LoopCaller(called, clock.loop, cancels=cancels, by=by)
    msg = (
        "an async client needs an event loop, and this scheduler has none: "
        "subscribe inside a coroutine, or pass scheduler=AsyncIOScheduler(loop)"
    )
    return PostingCaller(called, loop_or_raise(msg), cancels=cancels, by=by)
