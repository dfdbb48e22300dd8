"""One contender in a process of its own: it prints what it found as JSON."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from typing import TYPE_CHECKING, Any, Final

from . import in_memory
from .journalled import CONTENDERS, journalled
from .many import batch, endless, memory
from .many_http import batch_http, limited, limited_official, threads
from .merging import MERGES, merge
from .over_http import ASYNC, looped
from .over_http_sync import SYNC
from .policies import DURATIONS, POLICIES, limit
from .processes import Server
from .report import require, show

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

_OVER_HTTP: Final = {**{name: looped(name) for name in ASYNC}, **SYNC}
_ENGINES: Final[dict[str, Callable[[Sequence[str], int], Awaitable[None]]]] = {
    "engine-async": in_memory.engine_async,
    "engine-sync": in_memory.engine_sync,
    "loop": in_memory.loop,
    "threads": in_memory.threads,
}


def _over_http(options: argparse.Namespace) -> dict[str, float]:
    """Wait for all once to open the connections, and then once by the clock."""
    with _OVER_HTTP[options.name](options.url) as wait_for_all:

        def all_of(running: int) -> None:
            ids = [f"{running}-{options.tag}-{number}" for number in range(options.waits)]
            results = wait_for_all(ids, options.interval)
            require([result["task_id"] for result in results] == ids, "a wait had a wrong result")

        all_of(0)
        server = Server(options.url)
        polls = server.stats()["polls"]
        gc.collect()
        cpu, wall = time.process_time(), time.monotonic()
        all_of(options.polls - 1)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        return {"cpu": cpu, "wall": wall, "polls": server.stats()["polls"] - polls}


async def _in_memory(options: argparse.Namespace) -> dict[str, float]:
    engine = _ENGINES[options.name]
    ids = [f"{options.tag}-{number}" for number in range(options.waits)]
    await engine(ids[:100], 2)
    gc.collect()
    cpu = time.process_time()
    await engine(ids, options.polls)
    return {"cpu": time.process_time() - cpu}


async def _footprint(options: argparse.Namespace) -> dict[str, float]:
    ids = [f"{options.tag}-{number}" for number in range(options.waits)]
    await in_memory.footprint(ids[:100], parsed=options.parsed)
    return await in_memory.footprint(ids, parsed=options.parsed)


def _awaited(
    work: Callable[[argparse.Namespace], Awaitable[dict[str, Any]]],
) -> Callable[[argparse.Namespace], dict[str, Any]]:
    def run(options: argparse.Namespace) -> dict[str, Any]:
        async def main() -> dict[str, Any]:
            return await work(options)

        return asyncio.run(main())

    return run


WORKS: Final[dict[str, Callable[[argparse.Namespace], dict[str, Any]]]] = {
    **dict.fromkeys(_OVER_HTTP, _over_http),
    **dict.fromkeys(_ENGINES, _awaited(_in_memory)),
    "bytes": _awaited(_footprint),
    "batch": batch,
    "memory": memory,
    "endless": endless,
    **dict.fromkeys(CONTENDERS, journalled),
    "batch-http": batch_http,
    "threads-sync": threads,
    "limited": limited,
    "limited-official": limited_official,
    **{f"merge-ready-{name}": merge for name in (*MERGES, "tasks")},
    **{f"merge-live-{name}": merge for name in MERGES if name != "merge"},
    **{f"limit-{policy}-{kind}": limit for policy in POLICIES for kind in DURATIONS},
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one contender."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=WORKS)
    parser.add_argument("--url", default="")
    parser.add_argument("--tag", default="x")
    parser.add_argument("--waits", type=int, default=300)
    parser.add_argument("--polls", type=int, default=5)
    parser.add_argument("--interval", type=float, default=0.5)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--transport", default="httpx")
    parser.add_argument("--parsed", action="store_true", help="answers as from the wire")
    parser.add_argument("--traced", action="store_true", help="count allocations")
    parser.add_argument("--uncollected", action="store_true", help="without the cyclic collector")
    options = parser.parse_args(arguments)
    show(json.dumps(WORKS[options.name](options)))


if __name__ == "__main__":
    main()
