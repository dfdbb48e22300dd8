"""Thousands of waits under one rate limit: requests, refusals and lateness, by policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .policies import DURATIONS, INTERVAL, LIMIT, MEAN, POLICIES
from .processes import contend
from .report import Plot, Table, require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .processes import Options
    from .report import Part

__all__ = ["run"]

_WAITS: Final = 5_000
_PLOTTED: Final = (1_000, 2_000, 5_000, 10_000)
_POLICIES: Final = {
    "uncoordinated": "each for itself, a refused poll again a second later",
    "official": "as the official helper: a refused poll ends the wait",
    "retrying": "the same with the SDK's opt-in retries",
    "paced": "the ideal: one queue, in turn, evenly at the limit",
    "rxstream": "rxstream, `tasks_observable`",
}
_DURATIONS: Final = {
    "lognormal": f"lognormal, mean {MEAN:.0f} s",
    "exponential": f"exponential, mean {MEAN:.0f} s",
    "uniform": "uniform, up to 10 min",
}


def run(options: Options) -> Iterator[Part]:
    """Run it."""
    require(set(_POLICIES) == set(POLICIES), "a policy has no title")
    waits = _WAITS // 5 if options.quick else _WAITS
    for kind in DURATIONS:
        rows: list[list[str]] = []
        for policy, title in _POLICIES.items():
            found = contend(f"limit-{policy}-{kind}", waits=waits)
            ended = found["lost"] < 1
            rows.append(
                [
                    title,
                    f"{found['requests']:,}",
                    f"{found['refused']:,}",
                    f"{found['lost']:.0%}",
                    f"{found['mean']:,.1f}" if ended else "—",
                    f"{found['p95']:,.1f}" if ended else "—",
                    f"{found['over']:,.0f}",
                ]
            )
        yield Table(
            f"{waits:,} tasks that begin at once ({_DURATIONS[kind]}), one poll a task each "
            f"{INTERVAL:g} s at most, {LIMIT:,} polls a minute, virtual time",
            [
                "",
                "requests",
                "of them 429",
                "waits lost",
                "late on average, s",
                "late, 95 %, s",
                "over after, s",
            ],
            rows,
        )
    yield from _plots(options)


def _plots(options: Options) -> Iterator[Part]:
    requests: dict[str, list[tuple[float, float]]] = {}
    lateness: dict[str, list[tuple[float, float]]] = {}
    sizes = _PLOTTED[:2] if options.quick else _PLOTTED
    for policy, title in _POLICIES.items():
        for size in sizes:
            found = contend(f"limit-{policy}-lognormal", waits=size)
            if not found["lost"]:
                name = title.partition(":")[0].partition(",")[0]
                requests.setdefault(name, []).append((size, found["requests"]))
                lateness.setdefault(name, []).append((size, found["mean"]))
    yield Plot(
        "benchmark-limit-requests",
        "Requests of all waits under a limit of 1,000 a minute",
        "waits at once",
        "requests until the last is over",
        "",
        requests,
    )
    yield Plot(
        "benchmark-limit-lateness",
        "Mean lateness under a limit of 1,000 requests a minute",
        "waits at once",
        "late, on average",
        "s",
        lateness,
    )
