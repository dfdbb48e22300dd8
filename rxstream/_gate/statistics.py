"""What a gate tells of itself."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GateStatistics"]


@dataclass(frozen=True, slots=True)
class GateStatistics:
    """What a gate is doing at one moment, and what it knows of the rate limit."""

    in_flight: int
    """Polls that are under way."""
    queued: int
    """Polls that wait for their turn."""
    closed_for: float
    """Seconds until anybody may poll, after a 429 or with the window used up; 0.0 if it is open."""
    paced_for: float
    """Seconds until the window ends, while polls are spread over it; 0.0 while they are not."""
    limit: int | None
    """Requests in a window, as the newest answer said; None before any has."""
    remaining: int | None
    """Requests left in the window, as the newest answer said; None before any has."""
    reset_after: float | None
    """Seconds until the window ends; None where no window is known."""
    rate_limited: int
    """How many polls were answered with a 429."""
