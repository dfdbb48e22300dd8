"""Kill processes that wait with a journal, and say what they have lost."""

from __future__ import annotations

import argparse
import random
import sys
from typing import TYPE_CHECKING

from .matrix import matrix

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill; the exit status tells whether anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=250, help="how many processes are killed")
    parser.add_argument("--ids", type=int, default=300, help="how many waits each of them has")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--each", type=int, default=8, help="kills of one journal, at most")
    parser.add_argument("--quiet", action="store_true", help="only the end")
    given = parser.parse_args(arguments)

    def tell(line: str) -> None:
        if not given.quiet:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    sys.stdout.write(f"seed {given.seed}\n")
    figures = matrix(given.kills, given.seed, given.ids, tell, each=given.each)
    sys.stdout.write("".join(f"{line}\n" for line in figures.lines()))
    faults = (figures.lost, figures.twice, figures.changed, figures.early)
    return int(any(faults) or bool(figures.wrong))


if __name__ == "__main__":
    sys.exit(main())
