"""Wait on thousands of tasks of a server that is killed again and again."""

from __future__ import annotations

import argparse
import logging
import random
import sys
from typing import TYPE_CHECKING

from .soak import MOST_GROWTH, soak

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak; the exit status tells whether anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--size", type=int, default=600, help="tasks a round and kind of client")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args(arguments)
    logging.disable()  # each kill fails the polls of all waits
    sys.stdout.write(f"seed {given.seed}\n")

    def tell(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    figures = soak(given.minutes * 60, size=given.size, seed=given.seed, tell=tell)
    grown = len(figures.memory) >= 10 and figures.last > MOST_GROWTH * figures.base
    for line in figures.lines():
        tell(line)
    if grown:
        tell("WRONG: it grew")
    return int(grown or bool(figures.wrong))


if __name__ == "__main__":
    sys.exit(main())
