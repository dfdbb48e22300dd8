"""All faults, from lists."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from .bodies import bodies
from .connections import connections
from .framing import framing
from .limits import limits
from .statuses import statuses

if TYPE_CHECKING:
    from .fault import Fault

__all__ = ["every_fault"]


@cache
def every_fault() -> dict[str, Fault]:
    """Each by its label."""
    found: dict[str, Fault] = {}
    for fault in (*statuses(), *limits(), *bodies(), *framing(), *connections()):
        if fault.label in found:
            msg = f"there are two faults {fault.label!r}"
            raise ValueError(msg)
        found[fault.label] = fault
    return found
