"""Run the matrix, and print what is not as designed."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from . import page
from .clients import COLUMNS
from .run import cells, play

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .run import Played


def main(arguments: Sequence[str] | None = None) -> int:
    """Run cells; the exit status tells whether all of them were as designed."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every fault at every moment")
    parser.add_argument("--write-docs", action="store_true", help="write the page of the table")
    parser.add_argument("--sample", type=int, default=1, help="only one cell of so many")
    parser.add_argument("--workers", type=int, default=4, help="processes at once")
    parser.add_argument("--only", default="", help="faults whose name contains this")
    parser.add_argument("--client", action="append", choices=COLUMNS, help="may be repeated")
    parser.add_argument("--json", type=Path, help="write all cells to this file")
    given = parser.parse_args(arguments)
    todo = list(
        cells(
            full=given.full,
            columns=given.client or (),
            only=given.only,
            sample=given.sample,
        )
    )
    started = time.monotonic()

    def on_played(played: Played) -> None:
        if played.wrong and not COLUMNS[played.column].is_helper:
            show(f"{played.column} | {played.fault} | {played.moment}: {'; '.join(played.wrong)}")

    done = asyncio.run(play(todo, given.workers, on_played))
    held = [played for played in done if not COLUMNS[played.column].is_helper]
    wrong = [played for played in held if played.wrong]
    show(f"\n{len(done)} cells in {time.monotonic() - started:.0f} s; {len(wrong)} deviate")
    for column, count in Counter(played.column for played in wrong).items():
        show(f"  {column}: {count}")
    if given.write_docs:
        page.write(done)
    if given.json:
        given.json.write_text(json.dumps([asdict(played) for played in done]))
    return int(bool(wrong))


def show(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
