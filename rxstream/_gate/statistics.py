"""The statistics of a gate."""

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
    """Seconds until a poll may go out, after a 429 or with no requests left; 0.0 if it is open."""
    paced_for: float
    """Seconds until the window ends, while polls are spread over it; else 0.0."""
    limit: int | None
    """Requests in a window, by the newest answer; None until an answer tells it."""
    remaining: int | None
    """Requests left in the window, by the newest answer; None until an answer tells it."""
    reset_after: float | None
    """Seconds until the window ends; None if no window is known."""
    rate_limited: int
    """How many polls were answered with a 429."""
    per_minute: int | None = None
    """The rate of the gate's own (`Gate(per_minute=…)`); None if it has none."""
