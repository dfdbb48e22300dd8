"""What a forked child must not share with its parent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from weakref import WeakMethod

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["on_fork"]

_methods: Final[dict[int, WeakMethod[Callable[[], object]]]] = {}


def on_fork(method: Callable[[], object]) -> None:
    """Call a bound method in each forked child, as long as its object lives.

    Without effect where processes do not fork.
    """
    reference = WeakMethod(method, lambda _: _methods.pop(number, None))
    number = id(reference)
    _methods[number] = reference


def _start_afresh() -> None:
    for reference in list(_methods.values()):
        method = reference()
        if method is not None:
            method()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
