"""What a poll is answered, as the model and the client both see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rxstream.errors import StreamRateLimitException

if TYPE_CHECKING:
    from rxstream import RateLimitInfo

__all__ = ["BELIEVED", "Answer", "Kind"]

Kind = Literal["progress", "completed", "failed", "transient", "final", "hang"]
"""What it means for the wait: `transient` is tried again, `final` ends it."""

# No pause that a header names is relied upon for longer than this.
BELIEVED = 300.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    kind: Kind
    value: Any
    """What the client returns, or the exception that it raises."""
    latency: float = 0.0
    told: RateLimitInfo | None = None
    """What it says of the rate limit."""
    named: float = 0.0
    """The pause that it names."""

    @property
    def is_refusal(self) -> bool:
        """Whether it is a 429."""
        return isinstance(self.value, StreamRateLimitException)

    def is_emitted_as(self, snapshot: object) -> bool:
        """Whether a snapshot is this answer."""
        return snapshot is self.value or getattr(snapshot, "raw", None) is self.value

    def is_reason_of(self, error: object) -> bool:
        """Whether an error is this answer, or was made of it."""
        reasons = (self.value, getattr(self.value, "fault", self.value))
        return error in reasons or getattr(error, "__cause__", None) in reasons
