"""A rate limit per endpoint and window, counted as Stream counts it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .._checks import seconds, whole
from ._answers import Quota
from ._faults import http_error

if TYPE_CHECKING:
    from ._answers import Answer

__all__ = ["Limiter", "Ticket"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """The answer of the limit to one request."""

    quota: Quota
    refusal: Answer | None
    """The 429, if the window has no requests left."""


class Limiter:
    """Counts requests in windows, each of which begins with the first request in it.

    Not thread-safe.
    """

    def __init__(self, limit: int, window: float, *, retry_after: bool = True) -> None:
        """Make a limiter; its windows begin with the first requests.

        Args:
            limit: Requests per endpoint and window, 1 or more.
            window: The length of a window in seconds.
            retry_after: Whether a 429 has a `Retry-After`.

        Raises:
            TypeError: `limit` is not a whole number.
            ValueError: `limit` is less than 1, or `window` is NaN, infinite, negative or 0.
        """
        self._limit: Final = whole(limit, "limit")
        self._window: Final = seconds(window, "window")
        if not self._window:
            msg = "window must be more than 0"
            raise ValueError(msg)
        self._retry_after: Final = retry_after
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, endpoint: str, now: float) -> Ticket:
        """Count a request.

        Args:
            endpoint: The endpoint that it counts for.
            now: The time in seconds.
        """
        began, used = self._windows.get(endpoint, (now, 0))
        if not 0 <= now - began < self._window:
            began, used = now, 0
        self._windows[endpoint] = began, used + 1
        reset_after = began + self._window - now
        refusal = None
        if used >= self._limit:
            # Whole seconds, rounded up so that the client does not come back too early.
            pause = max(math.ceil(reset_after), 1) if self._retry_after else None
            refusal = http_error(429, retry_after=pause)
        return Ticket(Quota(self._limit, max(self._limit - used - 1, 0), reset_after), refusal)
