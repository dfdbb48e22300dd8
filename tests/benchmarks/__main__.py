"""Run the benchmarks; the exit status tells only whether their results were right."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Final

from . import (
    batch,
    cost,
    deadline,
    dispose,
    engine,
    imports,
    journal,
    limit,
    merge,
    page,
    sockets,
)
from .processes import Options
from .report import Note, Plot, Table, WrongResultError, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .report import Part

_BENCHMARKS: Final[dict[str, Callable[[Options], Iterator[Part]]]] = {
    "cost": cost.run,
    "delayed": cost.delayed,
    "batch": batch.run,
    "sites": batch.sites,
    "batch-http": sockets.batch,
    "threads": sockets.threads,
    "endless": batch.endless,
    "merge": merge.run,
    "limit": limit.run,
    "limited": sockets.limited,
    "engine": engine.run,
    "deadline": deadline.run,
    "dispose": dispose.run,
    "imports": imports.run,
    "journal": journal.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run some benchmarks or all, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(_BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="fewer of everything; rough")
    parser.add_argument("--full", action="store_true", help="100,000 waits over HTTP too")
    parser.add_argument(
        "--waits",
        type=int,
        action="append",
        help="waits at once of `cost`, may be repeated; 100, 300 and 1,000, or 100 if quick",
    )
    parser.add_argument(
        "--rounds", type=int, help="rounds of each contender; 3 at most, 1 if quick"
    )
    parser.add_argument(
        "--delay", type=float, default=0.0, help="seconds that the server of `cost` takes to answer"
    )
    parser.add_argument(
        "--write-docs", action="store_true", help=f"put tables and plots into {page.PAGE.name}"
    )
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(_BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    options = Options(
        quick=given.quick,
        full=given.full,
        delay=given.delay,
        waits=tuple(given.waits or ([100] if given.quick else [100, 300, 1000])),
        rounds=given.rounds or (1 if given.quick else 3),
        all_rounds=given.rounds is not None,
    )
    show(page.machine())
    wrong = False
    for name in given.names or _BENCHMARKS:
        show(f"\n{name}\n{'=' * len(name)}")
        start = time.monotonic()
        parts: list[Part] = []
        try:
            for part in _BENCHMARKS[name](options):
                _show(part)
                parts.append(part)
        except (WrongResultError, TimeoutError) as error:
            wrong = True
            show(f"  WRONG: {error!r}")
            continue
        show(f"({time.monotonic() - start:.0f} s)")
        if given.write_docs:
            page.write(name, parts, quick=options.quick)
    return int(wrong)


def _show(part: Part) -> None:
    match part:
        case Table():
            show(f"{part.text()}\n")
        case Note():
            show(f"{part.line}\n")
        case Plot():
            pass


if __name__ == "__main__":
    sys.exit(main())
