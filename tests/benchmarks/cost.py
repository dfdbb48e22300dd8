"""CPU per poll over HTTP, next to Stream's official SDK and to bare loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .processes import Server, alternate, contend, installed
from .report import Note, Table, require, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .processes import Options
    from .report import Part

__all__ = ["run"]

_POLLS: Final = 5
_INTERVAL: Final = 0.5
_NAMES: Final = {
    "rxstream": "rxstream, AsyncStreamClient",
    "client-loop": "bare loop, AsyncStreamClient",
    "httpx-loop": "bare loop, httpx.AsyncClient",
    "official": "getstream.AsyncStream.wait_for_task",
    "rxstream-aiohttp": "rxstream on httpx-aiohttp",
    "aiohttp-loop": "bare loop on httpx-aiohttp",
}
_NEEDS: Final = {
    "official": "getstream",
    "rxstream-aiohttp": "httpx_aiohttp",
    "aiohttp-loop": "httpx_aiohttp",
}


def run(options: Options) -> Iterator[Part]:
    """Run it; how many wait at once matters to a stock pool, so by default there are two."""
    for waits in options.waits:
        yield from _run(waits, options.rounds)


def _run(waits: int, rounds: int) -> Iterator[Part]:
    missing = [name for name, module in _NEEDS.items() if not installed(module)]
    names = [name for name in _NAMES if name not in missing]
    costs: dict[str, list[float]] = {name: [] for name in names}
    firsts: dict[str, list[float]] = {name: [] for name in names}
    walls: dict[str, list[float]] = {name: [] for name in names}
    busy: dict[str, list[float]] = {name: [] for name in names}
    with Server.running() as server:
        for number, name in enumerate(alternate(names, rounds)):
            before = server.stats()
            found = _contend(server, name, waits, f"r{number}")
            after = server.stats()
            # The warm-up is one poll each.
            polls = waits * (_POLLS + 1)
            sent = after["polls"] - before["polls"]
            require(sent == polls, f"{name} sent {sent:.0f} polls instead of {polls}")
            costs[name].append(found["cpu"] / (waits * _POLLS) * 1e3)
            firsts[name].append(found["warm_up"] / waits * 1e3)
            walls[name].append(found["wall"])
            busy[name].append((after["cpu"] - before["cpu"]) / polls * 1e3)
    rows: list[list[str]] = []
    for name in names:
        ratios = [cost / ours for cost, ours in zip(costs[name], costs["rxstream"], strict=True)]
        rows.append(
            [
                _NAMES[name],
                spread(costs[name], 2),
                f"{spread(ratios, 2)} ×",
                spread(firsts[name], 2),
                spread(walls[name]),
                spread(busy[name], 2),
            ]
        )
    yield Table(
        f"CPU per poll of {waits} waits at once, {_POLLS} polls each, "
        f"{_INTERVAL} s apart, {rounds} round(s): median (min to max)",
        [
            "",
            "CPU, ms a poll",
            "÷ rxstream, by round",
            "first poll, ms",
            "wall, s",
            "server's CPU, ms",
        ],
        rows,
    )
    if missing:
        yield Note(f"Not installed: {', '.join(_NAMES[name] for name in missing)}")


def _contend(server: Server, name: str, waits: int, tag: str) -> dict[str, float]:
    return contend(name, url=server.url, tag=tag, waits=waits, polls=_POLLS, interval=_INTERVAL)
