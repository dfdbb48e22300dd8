"""CPU per poll over HTTP, next to Stream's official SDK, to bare loops and to reactivex alone."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

from .over_http_sync import THREADS
from .processes import Server, alternate, contend, installed
from .report import Note, Plot, Table, require, spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .processes import Options
    from .report import Part

__all__ = ["delayed", "run"]

_INTERVAL: Final = 0.5
_DELAY: Final = 0.05
# The official client takes tens of milliseconds for each poll of a thousand waits.
_POLLS: Final = {100: 4, 300: 3}
_FEW_POLLS: Final = 2
_ROUNDS: Final = {100: 3, 300: 2}
_NAMES: Final = {
    "official": "`getstream.AsyncStream.wait_for_task`, gathered",
    "naive": "reactivex alone, `interval` and `flat_map`, on httpx",
    "httpx-loop": "bare loop, `httpx.AsyncClient`",
    "client-loop": "bare loop, `AsyncStreamClient.get_task`",
    "rxstream-wait": "rxstream, `wait_for_task`, gathered",
    "rxstream-tasks": "rxstream, `tasks_observable`",
    "httpx-aiohttp-loop": "bare loop, `HttpxAiohttpClient`",
    "rxstream-aiohttp-wait": "rxstream on aiohttp, `wait_for_task`, gathered",
    "rxstream-aiohttp-tasks": "rxstream on aiohttp, `tasks_observable`",
    "aiohttp-loop": "bare loop, `aiohttp.ClientSession`",
    "official-sync": "`getstream.Stream.wait_for_task`, threads",
    "httpx-sync-loop": "bare loop, `httpx.Client`, threads",
    "rxstream-sync-tasks": "rxstream, `StreamClient`, `tasks_observable`",
}
# It polls whether or not the last answer has come, so it may send more.
_OVERLAPS: Final = ("naive",)
_LOOPS: Final = {
    "rxstream-wait": "client-loop",
    "rxstream-tasks": "client-loop",
    "rxstream-aiohttp-wait": "httpx-aiohttp-loop",
    "rxstream-aiohttp-tasks": "httpx-aiohttp-loop",
    "rxstream-sync-tasks": "httpx-sync-loop",
}
_DELAYED: Final = ("official", "client-loop", "rxstream-tasks", "httpx-aiohttp-loop")
_PLOTTED: Final = {
    "official": "official async helper",
    "naive": "reactivex alone, httpx",
    "httpx-loop": "bare loop, httpx",
    "official-sync": "official sync helper",
    "rxstream-tasks": "rxstream",
    "rxstream-aiohttp-tasks": "rxstream, aiohttp",
}


def run(options: Options) -> Iterator[Part]:
    """Run it; how many wait at once matters to a stock pool, so by default there are three."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for waits in options.waits:
        rounds = options.rounds
        if not options.all_rounds:
            rounds = min(rounds, _ROUNDS.get(waits, 1))
        costs = _measured(_available(_NAMES), waits, rounds, options.delay)
        yield _table(costs, waits, rounds, options.delay)
        for name, title in _PLOTTED.items():
            if name in costs:
                lines.setdefault(title, []).append((waits, statistics.median(costs[name])))
    yield Plot(
        "benchmark-cost",
        "CPU of the client per poll against the number of waits",
        "waits at once",
        "CPU of a poll",
        "ms",
        lines,
    )
    missing = [name for name in _NAMES if name not in _available(_NAMES)]
    if missing:
        yield Note(f"Not installed: {', '.join(_NAMES[name] for name in missing)}")


def delayed(options: Options) -> Iterator[Part]:
    """The same where the server takes its time."""
    waits = options.waits[min(1, len(options.waits) - 1)]
    names = _available([*_DELAYED, "rxstream-aiohttp-tasks"])
    yield _table(_measured(names, waits, 1, _DELAY), waits, 1, _DELAY)


def _available(names: Sequence[str] | dict[str, str]) -> list[str]:
    needs = {"official": "getstream", "official-sync": "getstream"}
    return [
        name
        for name in names
        if installed(needs.get(name, "httpx_aiohttp" if "aiohttp" in name else "httpx"))
    ]


def _measured(
    names: Sequence[str], waits: int, rounds: int, delay: float
) -> dict[str, list[float]]:
    """Milliseconds of CPU a poll of the client's process, by round."""
    polls = _POLLS.get(waits, _FEW_POLLS)
    costs: dict[str, list[float]] = {name: [] for name in names}
    with Server.running("--delay", str(delay)) as server:
        for number, name in enumerate(alternate(names, rounds)):
            options = {"waits": waits, "polls": polls, "interval": _INTERVAL}
            found = contend(name, url=server.url, tag=f"r{number}", **options)
            sent, wanted = found["polls"], waits * polls
            is_right = sent >= wanted if name in _OVERLAPS else sent == wanted
            require(is_right, f"{name} sent {sent:.0f} polls in place of {wanted}")
            costs[name].append(found["cpu"] / sent * 1e3)
    return costs


def _table(costs: dict[str, list[float]], waits: int, rounds: int, delay: float) -> Table:
    rows: list[list[str]] = []
    for name, found in costs.items():
        official = costs.get("official-sync" if "sync" in name else "official")
        loop = costs.get(_LOOPS.get(name, ""))
        rows.append(
            [
                _NAMES[name],
                spread(found, 2),
                _ratio(official, found, 1) if "official" not in name else "",
                _ratio(found, loop, 2),
            ]
        )
    polls = _POLLS.get(waits, _FEW_POLLS)
    after = f"answers after {delay * 1e3:.0f} ms" if delay else "answers at once"
    bounded = f"; threads: {THREADS} at most" if waits > THREADS else ""
    return Table(
        f"CPU per poll of {waits:,} waits at once, {polls} polls each, {after}, {rounds} round(s): "
        f"median (min to max){bounded}",
        ["", "CPU, ms a poll", "official helper ÷ this", "this ÷ bare loop on its transport"],
        rows,
    )


def _ratio(above: list[float] | None, below: list[float] | None, digits: int) -> str:
    """Round by round, so that what slows the machine down slows both."""
    if above is None or below is None:
        return ""
    ratios = [one / other for one, other in zip(above, below, strict=True)]
    return f"{spread(ratios, digits)} ×"
