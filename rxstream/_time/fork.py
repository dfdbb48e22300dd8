"""What a forked child must do before it goes on."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["on_fork"]

# Weakly, and registered once: at-fork handlers cannot be taken back.
_methods: Final[set[weakref.WeakMethod[Callable[[], object]]]] = set()


def on_fork(method: Callable[[], object]) -> None:
    """Call a bound method in each forked child, as long as its object lives.

    Without effect where processes do not fork.
    """
    _methods.add(weakref.WeakMethod(method, _methods.discard))


def _after_in_child() -> None:
    for reference in list(_methods):
        method = reference()
        if method is not None:
            method()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_in_child)
