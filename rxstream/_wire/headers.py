"""What the headers of an answer say of time and of the rate limit.

Whatever they say, nothing that reads it further can fail on it: counts and pauses are cut to what
makes sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

from .._time.clock import utc_now
from .._values import RateLimitInfo

__all__ = ["Headers", "read_rate_limit", "read_retry_after"]

Headers = Mapping[str, str]
"""With names in lower case, or found in any case."""

# What is larger is no count, and not all arithmetic could take it.
_MOST: Final = 10**9
# What is longer is no pause, and not every clock could take it.
_LONGEST: Final = timedelta(days=1)
# A `Date` that is further than that from what it is measured against, and from our own clock, was
# not written when the answer was.
_FAR: Final = timedelta(hours=1)


def read_rate_limit(headers: Headers) -> RateLimitInfo | None:
    """Read the `X-RateLimit-*` headers; a missing or bad one gives None, never an error.

    Counts are cut to 0 to a billion, and the time until the reset to a day.
    """
    try:
        limit = _first_number(headers["x-ratelimit-limit"])
        remaining = _first_number(headers["x-ratelimit-remaining"])
        reset = datetime.fromtimestamp(_first_number(headers["x-ratelimit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    return RateLimitInfo(
        limit=min(max(limit, 0), _MOST),
        remaining=min(max(remaining, 0), _MOST),
        reset=reset,
        reset_after=_until(reset, headers),
    )


def read_retry_after(headers: Headers) -> timedelta | None:
    """Read `Retry-After`: whole seconds or an HTTP date; a bad one counts as missing.

    It is cut to a day.
    """
    value = headers.get("retry-after", "").strip()
    try:
        if value[:1].isdecimal():
            return timedelta(seconds=min(_first_number(value), _LONGEST.total_seconds()))
        return _until(_http_date(value), headers)
    except (ValueError, OverflowError):
        return None


def _until(moment: datetime, headers: Headers) -> timedelta:
    """How long it was from the answer until a moment that it names; a day at most."""
    return min(max(moment - _answered_at(headers, moment), timedelta(0)), _LONGEST)


def _answered_at(headers: Headers, named: datetime) -> datetime:
    # The server's own clock where it tells: ours may be wrong by more than a rate-limit window.
    try:
        told = _http_date(headers.get("date", ""))
    except (ValueError, OverflowError):
        return utc_now()
    if abs(named - told) <= _FAR:
        return told
    ours = utc_now()
    return told if abs(ours - told) <= _FAR else ours


@lru_cache(maxsize=16)  # all answers of one second have the same
def _http_date(value: str) -> datetime:
    moment = parsedate_to_datetime(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _first_number(value: str) -> int:
    """A proxy may double a header: `"60, 60"`."""
    return int(value.split(",", 1)[0])
