"""All faults, from lists."""

from __future__ import annotations

from functools import cache

from .bodies import bodies
from .connections import connections
from .fault import Fault
from .framing import framing
from .limits import limits
from .statuses import statuses

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
