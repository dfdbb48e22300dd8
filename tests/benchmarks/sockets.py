"""Many waits at once over a socket: outcomes, threads, and a limit that the server enforces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .processes import Server, contend, installed
from .report import Table, require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .processes import Options
    from .report import Part

__all__ = ["batch", "limited", "threads"]

_POLLS: Final = 3
_INTERVAL: Final = 1.0
_BATCH: Final = 10_000
_FULL: Final = 100_000
_THREADS: Final = 10_000
_LIMIT: Final = 1000
_LIMITED: Final = 400


def batch(options: Options) -> Iterator[Part]:
    """10,000 waits over HTTP, or 100,000."""
    waits = _BATCH // 10 if options.quick else _FULL if options.full else _BATCH
    transports = ["httpx", *(["aiohttp"] if installed("httpx_aiohttp") else [])]
    rows: list[list[str]] = []
    with Server.running() as server:
        for transport in transports:
            before = server.stats()["polls"]
            found = contend(
                "batch-http",
                transport=transport,
                url=server.url,
                waits=waits,
                polls=_POLLS,
                interval=_INTERVAL,
            )
            sent = server.stats()["polls"] - before - 100
            require(sent == waits * _POLLS, f"{sent:.0f} polls for {waits} waits")
            per_poll = found["cpu"] / sent * 1e3
            rows.append([transport, f"{sent:,.0f}", f"{per_poll:.2f}", f"{found['wall']:.1f}"])
    yield Table(
        f"{waits:,} waits at once over HTTP, `tasks_observable`, {_POLLS} polls each, every "
        "outcome checked",
        ["transport", "polls", "CPU, ms a poll", "wall, s"],
        rows,
    )


def threads(options: Options) -> Iterator[Part]:
    """How many threads a sync client takes."""
    waits = _THREADS // 10 if options.quick else _THREADS
    rows: list[list[str]] = []
    # Two pauses, in which the last wait has to begin: what one poll takes, several times over.
    options_of = {"waits": waits, "polls": _POLLS, "interval": waits * 1.5e-3}
    with Server.running() as server:
        for name, url in (("a client that blocks for 0.5 ms", ""), ("`StreamClient`", server.url)):
            found = contend("threads-sync", **options_of, **({"url": url} if url else {}))
            rows.append([name, f"{found['threads']:.0f}", f"{found['wall']:.1f}"])
    yield Table(
        f"{waits:,} waits at once with a sync client, {_POLLS} polls each, all of them begun "
        "before the first one ended, every outcome checked",
        ["", "most threads alive, besides the main one", "wall, s"],
        rows,
    )


def limited(options: Options) -> Iterator[Part]:
    """A server that refuses polls beyond 1,000 a minute, in real time."""
    waits = _LIMITED // 10 if options.quick else _LIMITED
    limit = _LIMIT // 10 if options.quick else _LIMIT
    names = {"limited": "rxstream, `tasks_observable`"}
    if installed("getstream"):
        names["limited-official"] = "`getstream.AsyncStream.wait_for_task`, gathered"
    rows: list[list[str]] = []
    for name, title in names.items():
        with Server.running("--limit", str(limit)) as server:
            found = contend(name, url=server.url, waits=waits, polls=_POLLS + 1, interval=_INTERVAL)
            stats = server.stats()
        rows.append(
            [
                title,
                f"{stats['polls']:,.0f}",
                f"{stats['refused']:,.0f}",
                f"{found['lost']:.0f}",
                f"{found['wall']:.0f}",
            ]
        )
    yield Table(
        f"{waits} waits, {_POLLS + 1} polls each, on a server that refuses what is beyond "
        f"{limit:,} polls in a minute; over HTTP, in real time",
        ["", "polls", "of them 429", "waits lost", "wall, s"],
        rows,
    )
