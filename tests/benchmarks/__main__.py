"""Run the benchmarks; the exit status tells only whether their results were right."""

from __future__ import annotations

import argparse
import platform
import sys
from typing import TYPE_CHECKING, Final

from . import cost, deadline, dispose, engine, imports
from .processes import Options
from .report import WrongResultError, show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BENCHMARKS: Final[dict[str, Callable[[Options], None]]] = {
    "cost": cost.run,
    "engine": engine.run,
    "deadline": deadline.run,
    "dispose": dispose.run,
    "imports": imports.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run some benchmarks or all, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(_BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="fewer of everything; rough")
    parser.add_argument(
        "--waits",
        type=int,
        action="append",
        help="waits at once of `cost`, may be repeated; 100 and 300, or 100 if quick",
    )
    parser.add_argument("--rounds", type=int, help="rounds of each contender; 3, or 1 if quick")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(_BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    options = Options(
        quick=given.quick,
        waits=tuple(given.waits or ([100] if given.quick else [100, 300])),
        rounds=given.rounds or (1 if given.quick else 3),
    )
    show(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    wrong = False
    for name in given.names or _BENCHMARKS:
        show(f"\n{name}\n{'=' * len(name)}")
        try:
            _BENCHMARKS[name](options)
        except (WrongResultError, TimeoutError) as error:
            wrong = True
            show(f"  WRONG: {error!r}")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
