"""One contender in a process of its own: it prints its CPU seconds as JSON."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from typing import TYPE_CHECKING, Any, Final

from . import in_memory
from .over_http import CONTENDERS
from .report import require, show

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

ENGINES: Final[dict[str, Callable[[Sequence[str], int], Awaitable[None]]]] = {
    "engine-async": in_memory.engine_async,
    "engine-sync": in_memory.engine_sync,
    "loop": in_memory.loop,
    "threads": in_memory.threads,
}
FOOTPRINTS: Final = {"bytes-shared": False, "bytes-parsed": True}


async def _over_http(options: argparse.Namespace) -> dict[str, float]:
    """Wait for all once to open the connections, and then once by the clock."""
    async with CONTENDERS[options.name](options.url) as wait:

        async def all_of(running: int) -> None:
            ids = [f"{running}-{options.tag}-{number}" for number in range(options.waits)]
            results = await asyncio.gather(*(wait(each, options.interval) for each in ids))
            require([result["task_id"] for result in results] == ids, "a wait had a wrong result")

        start = time.process_time()
        await all_of(0)
        warm_up = time.process_time() - start
        return {**await _measured(all_of, options.polls - 1), "warm_up": warm_up}


async def _in_memory(options: argparse.Namespace) -> dict[str, float]:
    engine = ENGINES[options.name]
    ids = [f"{options.tag}-{number}" for number in range(options.waits)]
    await engine(ids[:100], 2)
    return await _measured(lambda polls: engine(ids, polls), options.polls)


async def _measured(work: Callable[[int], Awaitable[None]], polls: int) -> dict[str, float]:
    gc.collect()
    cpu, wall = time.process_time(), time.monotonic()
    await work(polls)
    return {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}


async def _footprint(options: argparse.Namespace) -> dict[str, float]:
    parsed = FOOTPRINTS[options.name]
    ids = [f"{options.tag}-{number}" for number in range(options.waits)]
    await in_memory.footprint(ids[:100], parsed=parsed)
    return await in_memory.footprint(ids, parsed=parsed)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one contender."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=[*CONTENDERS, *ENGINES, *FOOTPRINTS])
    parser.add_argument("--url", default="")
    parser.add_argument("--tag", default="x")
    parser.add_argument("--waits", type=int, default=300)
    parser.add_argument("--polls", type=int, default=5)
    parser.add_argument("--interval", type=float, default=0.5)
    options = parser.parse_args(arguments)
    work: Any = _over_http
    if options.name in ENGINES:
        work = _in_memory
    elif options.name in FOOTPRINTS:
        work = _footprint
    show(json.dumps(asyncio.run(work(options))))


if __name__ == "__main__":
    main()
