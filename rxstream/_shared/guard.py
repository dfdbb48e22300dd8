"""Whether a lock is held by this very thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

__all__ = ["interruption_of"]


def interruption_of(lock: threading.RLock) -> Callable[[], bool]:
    """Give what tells whether this thread holds a lock already.

    If it does, a signal handler or a finaliser has interrupted the code that the lock protects.
    What must not run in the middle of that code is posted instead.
    """
    return cast("Callable[[], bool]", cast("Any", lock)._is_owned)  # noqa: SLF001 -- what `Condition` asks its locks for
