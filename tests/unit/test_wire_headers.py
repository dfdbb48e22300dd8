"""Rate limits and pauses in the headers of answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxstream._wire import headers as wire_headers
from rxstream._wire.headers import read_rate_limit
from rxstream._wire.messages import api_exception, read_task
from rxstream.errors import StreamRateLimitException

DATE = "Wed, 01 May 2024 12:00:00 GMT"
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
RESET = int(NOW.timestamp()) + 20
LIMITS = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "3", "x-ratelimit-reset": str(RESET)}
GOOD = b'{"task_id": "t1", "status": "running"}'


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *[("0", 0), ("7", 7), (" 30 ", 30), ("86400", 86400)],
        ("Wed, 01 May 2024 12:00:09 GMT", 9),
        ("Wed, 01 May 2024 14:00:09 +0200", 9),
        ("Wed, 01 May 2024 12:00:09 -0000", 9),
        *[(DATE, 0), ("Wed, 01 May 2024 11:59:00 GMT", 0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)],
        *[("", None), ("soon", None), ("-5", None), ("1.5", None), ("5 s", None), ("²", None)],
        ("9" * 30, 86400),
        *[("9" * 5_000, None), ("NaN", None), ("2024-05-01", None)],
        ("Wed, 01 May 99999999999999999999 12:00:09 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_servers_clock(
    value: str, seconds: int | None
) -> None:
    with pytest.raises(StreamRateLimitException) as caught:
        read_task(429, {"retry-after": value, "date": DATE}, b"{}", "t1")
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert caught.value.retry_after == expected


def test_retry_after_is_read_on_every_error() -> None:
    assert api_exception(503, {"retry-after": "3"}, b"").retry_after == timedelta(seconds=3)
    assert api_exception(503, {}, b"").retry_after is None


@pytest.mark.parametrize("date", [{}, {"date": "never"}, {"date": ""}])
def test_without_a_server_clock_ours_serves(date: dict[str, str]) -> None:
    past = api_exception(429, {"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT", **date}, b"")
    assert past.retry_after == timedelta(0)
    far = api_exception(429, {"retry-after": "Fri, 31 Dec 9999 00:00:00 GMT", **date}, b"")
    assert far.retry_after == timedelta(days=1)


@pytest.mark.parametrize(
    ("limit", "remaining", "reset"),
    [
        ("60", "3", str(RESET)),
        ("60, 60", "3, 2", f"{RESET}, {RESET}"),
        ("60,60", " 3 ,3", f" {RESET}"),
    ],
)
def test_rate_limits_are_read_doubled_or_not(limit: str, remaining: str, reset: str) -> None:
    headers = {
        "X-RateLimit-Limit": limit,
        "X-RateLimit-Remaining": remaining,
        "X-RateLimit-Reset": reset,
        "Date": DATE,
    }
    found = read_rate_limit(httpx.Headers(headers))
    assert found is not None
    assert (found.limit, found.remaining) == (60, 3)
    assert found.reset == NOW + timedelta(seconds=20)
    assert found.reset_after == timedelta(seconds=20)


def test_a_reset_that_is_past_is_now() -> None:
    found = read_rate_limit({**LIMITS, "date": "Wed, 01 May 2024 12:01:00 GMT"})
    assert found is not None
    assert found.reset_after == timedelta(0)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [None, "", "many", "1.5", ",60", "9" * 5_000, "\u00b2"])
def test_a_missing_or_bad_rate_limit_counts_as_none(name: str, value: str | None) -> None:
    headers = {key: text for key, text in LIMITS.items() if key != name}
    if value is not None:
        headers[name] = value
    assert read_rate_limit(headers) is None
    assert read_task(200, headers, GOOD, "t1").rate_limit is None


@pytest.mark.parametrize("reset", ["9" * 30, "-" + "9" * 30, "253402300800"])
def test_a_reset_beyond_the_calendar_counts_as_none(reset: str) -> None:
    assert read_rate_limit({**LIMITS, "x-ratelimit-reset": reset}) is None


@given(st.text(), st.text(), st.text(), st.text(), st.text())
def test_no_header_raises(limit: str, remaining: str, reset: str, date: str, retry: str) -> None:
    names = [*LIMITS, "date", "retry-after"]
    headers = dict(zip(names, (limit, remaining, reset, date, retry), strict=True))
    assert read_task(200, {**headers, **LIMITS}, GOOD, "t1").rate_limit is not None
    assert isinstance(api_exception(429, headers, b""), StreamRateLimitException)


@pytest.mark.parametrize(
    "date", ["Wed, 01 May 99999999999999999999 12:00:00 GMT", "Wed, 01 May 2024 12:00 +99999999999"]
)
def test_a_servers_impossible_clock_is_ignored(date: str) -> None:
    assert read_rate_limit({**LIMITS, "date": date}) is not None


YEAR_9999 = "253402300799"


@pytest.mark.parametrize(
    ("limit", "remaining", "expected"),
    [
        (str(10**400), str(10**400), (10**9, 10**9)),
        ("-5", "-1", (0, 0)),
        ("60", str(-(10**400)), (60, 0)),
    ],
    ids=["huge", "negative", "very negative"],
)
def test_counts_are_cut_to_what_arithmetic_can_take(
    limit: str, remaining: str, expected: tuple[int, int]
) -> None:
    headers = {**LIMITS, "x-ratelimit-limit": limit, "x-ratelimit-remaining": remaining}
    found = read_rate_limit({**headers, "date": DATE})
    assert found is not None
    assert (found.limit, found.remaining) == expected


@pytest.mark.parametrize("date", [{}, {"date": DATE}])
def test_no_reset_is_further_than_a_day(date: dict[str, str]) -> None:
    found = read_rate_limit({**LIMITS, "x-ratelimit-reset": YEAR_9999, **date})
    assert found is not None
    assert found.reset.year == 9999
    assert found.reset_after == timedelta(days=1)


AN_HOUR_AND_MORE = timedelta(hours=1, minutes=1)


@pytest.mark.parametrize(
    ("server", "local", "after"),
    [
        # The server's clock is believed where it goes with what it names, whatever ours says.
        (NOW, NOW, 20),
        (NOW, NOW + timedelta(days=400), 20),
        (NOW - timedelta(seconds=90), NOW, 110),
        # It is believed where it goes with ours: the limit is just a long one.
        (NOW - AN_HOUR_AND_MORE, NOW - AN_HOUR_AND_MORE, 3_680),
        # Far from both, it was not written when the answer was.
        (datetime(1970, 1, 1, tzinfo=UTC), NOW, 20),
        (datetime(1970, 1, 1, tzinfo=UTC), NOW - timedelta(seconds=30), 50),
        (NOW + AN_HOUR_AND_MORE, NOW, 20),
    ],
)
def test_a_date_that_is_far_from_both_clocks_is_not_believed(
    server: datetime, local: datetime, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_headers, "utc_now", lambda: local)
    date = format_datetime(server, usegmt=True)
    found = read_rate_limit({**LIMITS, "date": date})
    assert found is not None
    assert found.reset_after == timedelta(seconds=after)
    retry = {"retry-after": format_datetime(NOW + timedelta(seconds=20), usegmt=True)}
    assert api_exception(429, {**retry, "date": date}, b"").retry_after == found.reset_after
