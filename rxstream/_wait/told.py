"""Which wait an operator stands behind: told while it subscribes, on the thread that does.

An operator knows its source only as an Observable, and the first answer may never come. So a wait
that begins tells those who are subscribing right then, through whatever stands in between.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .._values import TaskSnapshot

__all__ = ["JoinedWait", "ToldWait", "hearing_of_waits", "tell_of_wait"]


class ToldWait(Protocol):
    """What is told of a wait."""

    @property
    def task_id(self) -> str:
        """What it waits for."""
        ...

    @property
    def polls(self) -> int:
        """How many of its polls were answered, well or badly."""
        ...

    @property
    def last(self) -> TaskSnapshot | None:
        """Its last good answer."""
        ...


class JoinedWait(NamedTuple):
    """What is told to those who join a wait that others began: whose it is, and no more."""

    task_id: str
    polls: int = 0
    last: TaskSnapshot | None = None


_Hear: TypeAlias = "Callable[[ToldWait], None]"


class _Subscribing(threading.local):
    who: tuple[_Hear, ...] = ()


_subscribing: Final = _Subscribing()


@contextmanager
def hearing_of_waits(hear: _Hear) -> Generator[None]:
    """Call `hear` with each wait that begins in this block, on this thread."""
    before = _subscribing.who
    _subscribing.who = (*before, hear)
    try:
        yield
    finally:
        _subscribing.who = before


def tell_of_wait(wait: ToldWait) -> None:
    """Tell those who are subscribing that a wait begins."""
    for hear in _subscribing.who:
        hear(wait)
