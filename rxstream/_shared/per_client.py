"""One value for each client object; the value is dropped with the object."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Generic, TypeVar

from .fork import on_fork

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PerClient"]

V = TypeVar("V")


class PerClient(Generic[V]):
    """Keyed by identity, for objects that may define equality or be unhashable."""

    def __init__(self, otherwise: V) -> None:
        """Use `otherwise` for objects that cannot be referred to weakly."""
        self._otherwise = otherwise
        self._known: dict[int, tuple[weakref.ref[object], V]] = {}
        self._reset_lock()
        on_fork(self._reset_lock)

    def _reset_lock(self) -> None:
        # Re-entrant: making a value may collect garbage, and with it an object that is known.
        self._lock = threading.RLock()

    def get(self, key: object, make: Callable[[], V]) -> V:
        """Return the value of an object; the first call makes it."""
        number = id(key)
        with self._lock:
            known = self._known.get(number)
            if known is not None and known[0]() is key:
                return known[1]
            try:
                alive = weakref.ref(key, lambda ref: self._forget(number, ref))
            except TypeError:
                return self._otherwise
            value = make()
            self._known[number] = alive, value
            return value

    def _forget(self, number: int, ref: weakref.ref[object]) -> None:
        with self._lock:
            known = self._known.get(number)
            # A new object may have the same address by now.
            if known is not None and known[0] is ref:
                del self._known[number]
