"""When a fault comes, and how a wait has to end then: rules, not a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .fault import Kind
from .server import FAULT

if TYPE_CHECKING:
    from .fault import Fault

__all__ = ["MOMENTS", "Moment", "designed"]

PATIENT: Final = 6.0
BRIEF: Final = 0.6


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in the conversation."""

    name: str
    roles: tuple[str, ...]
    """What the polls of the task are answered; after that, that it is completed."""
    is_last: bool = False
    """Whether the fault is the last poll before the deadline."""
    goes_on: bool = False
    """Whether the fault comes again and again."""

    def deadline(self, fault: Fault) -> float:
        """How long the wait may take; short where it is known to use all of it."""
        is_over = self.is_last or self.goes_on or fault.kind in {Kind.HANG, Kind.CLOSING}
        return BRIEF if is_over else PATIENT

    def concerns(self, fault: Fault, *, helper: bool = False) -> bool:
        """Whether it makes a difference: what ends a wait at once does not come again."""
        again = {Kind.TRANSIENT, Kind.CLOSING, Kind.HANG, Kind.EITHER, Kind.HARMLESS}
        return not self.goes_on or (fault.kind in again and not helper)

    def poll_interval(self, fault: Fault) -> float:
        """The pause; longer than the wait where there is to be one last poll."""
        return 1_000.0 if self.is_last else fault.poll_interval


MOMENTS: Final = {
    moment.name: moment
    for moment in (
        Moment("first", (FAULT, "running")),
        Moment("middle", ("running", FAULT, "running")),
        Moment("last", ("running", FAULT), is_last=True),
        Moment("ever", ("running", FAULT), goes_on=True),
    )
}


def designed(fault: Fault, moment: Moment) -> frozenset[str]:
    """The ends that a wait may have, by the fault's kind and the moment."""
    one: dict[Kind, str] = {
        Kind.COMPLETED: "completed",
        Kind.FAILED: "task failed",
        Kind.API: f"HTTP {fault.status}",
        Kind.INVALID: "invalid answer",
        Kind.CERTIFICATE: "bad certificate",
        Kind.HANG: "deadline",
    }
    if fault.kind in one:
        # What comes at the last moment may come too late.
        return frozenset({one[fault.kind], *(["deadline"] if moment.is_last else [])})
    if moment.goes_on:
        ends = {"deadline"}
    elif moment.is_last or fault.kind is Kind.CLOSING:
        ends = {"deadline", "completed"}
    else:
        ends = {"completed"}
    if fault.kind is Kind.OTHER_TASK:
        ends |= {"invalid answer"}
    if fault.kind is Kind.EITHER:
        ends |= {"deadline", "completed", "invalid answer", "no answer"}
        ends |= {f"HTTP {fault.status}"} if fault.status else set()
    return frozenset(ends)
