"""Rate-limit and date headers, on good answers and on 429s."""

from __future__ import annotations

import time
from itertools import product
from typing import TYPE_CHECKING, Final

from .fault import Fault, Kind, running
from .statuses import envelope, error, say

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["limits"]

DATES: Final = {
    "": b"",
    ", Date 1970": b"Date: Thu, 01 Jan 1970 00:00:00 GMT",
    ", Date 9999": b"Date: Fri, 31 Dec 9999 23:59:59 GMT",
    ", Date is a word": b"Date: today",
}


def _headers(limit: object, remaining: object, reset: object) -> list[bytes]:
    values = {"Limit": limit, "Remaining": remaining, "Reset": reset}
    return [f"X-RateLimit-{name}: {value}".encode() for name, value in values.items()]


def limits() -> Iterator[Fault]:
    """All of them."""
    now = int(time.time())
    # What they say, and whether the gate may be closed by it for longer than a wait has time.
    triples: dict[str, tuple[object, object, object, bool]] = {
        "as usual": (60, 59, now + 60, False),
        "doubled": ("60, 60", "59, 59", f"{now + 60}, {now + 60}", False),
        "nothing left": (60, 0, now + 3_600, True),
        "nothing left, reset is over": (60, 0, now - 60, True),
        "nothing left, reset in 10**12": (60, 0, 10**12, True),
        "nothing left, reset in the year 9999": (60, 0, 253_402_300_799, True),
        "nothing left, reset 10**400": (60, 0, 10**400, True),
        "limit 10**400": (10**400, 10**400, now + 60, False),
        "limit 10**300": (10**300, 10**300, now + 60, False),
        "limit of 5,000 digits": ("9" * 5_000, 5, now + 60, False),
        "remaining 10**400": (60, 10**400, now + 60, False),
        "limit 0": (0, 0, now + 60, True),
        "limit 1": (1, 0, now + 60, True),
        "negative": (-60, -1, -1, True),
        "remaining above limit": (60, 6_000, now + 60, False),
        "words": ("many", "some", "soon", False),
        "NaN": ("nan", "nan", "nan", False),
        "infinite": ("inf", "inf", "inf", False),
        "empty": ("", "", "", False),
        "other digits": ("\u0664\u0662", "\u0664\u0661", "\u0661", False),
    }
    for (name, (*triple, closes)), (dated, date) in product(triples.items(), DATES.items()):
        headers = [*_headers(*triple), *([date] if date else [])]
        typical = not dated and name in {"limit 10**400", "nothing left, reset in the year 9999"}
        yield Fault(
            "limits on a good answer",
            f"{name}{dated}",
            Kind.CLOSING if closes else Kind.HARMLESS,
            say(running(*headers)),
            is_typical=typical,
        )
        if dated and dated != ", Date 1970":
            continue
        yield Fault(
            "limits on a 429",
            f"{name}{dated}",
            Kind.CLOSING,
            say(error(429, envelope(429), *headers)),
            status=429,
            is_typical=not dated and name == "nothing left, reset in 10**12",
        )
