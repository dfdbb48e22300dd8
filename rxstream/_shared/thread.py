"""Threads that are started while an interrupt may come."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["start_thread"]

_T = TypeVar("_T")


def start_thread(name: str, run: Callable[[], object], undo: Callable[[], object]) -> None:
    """Start a daemon thread.

    Args:
        name: Its name.
        run: What it does.
        undo: Called if this raises and the thread will do nothing.

    Raises:
        BaseException: No thread can be started, or Ctrl-C came. After Ctrl-C the thread may have
            begun all the same, and then it goes on.
    """
    # Who takes it out, the thread or whoever was interrupted, decides.
    turn = [run]

    def begin() -> None:
        if (mine := _taken(turn)) is not None:
            mine()

    try:
        threading.Thread(target=begin, name=name, daemon=True).start()
    except BaseException:
        if _taken(turn) is not None:
            undo()
        raise


def _taken(turn: list[_T]) -> _T | None:
    try:
        return turn.pop()
    except IndexError:
        return None
