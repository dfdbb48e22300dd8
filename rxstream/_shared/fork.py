"""What a forked child must not share with its parent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import MethodType

__all__ = ["on_fork"]

_methods: Final[WeakKeyDictionary[object, Callable[[Any], object]]] = WeakKeyDictionary()


def on_fork(method: Callable[[], object]) -> None:
    """Call a bound method in each forked child, as long as its object lives.

    One for each object. Without effect where processes do not fork.
    """
    bound = cast("MethodType", method)
    _methods[bound.__self__] = bound.__func__


def _start_afresh() -> None:
    for owner, function in list(_methods.items()):
        function(owner)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
