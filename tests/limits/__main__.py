"""Simulate every kind of limit: `python -m tests.limits [group …] [--write-docs]`."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.report import Table

from .rows import GROUPS, broken_laws
from .simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .simulation import Case, Found

PAGE: Final = Path(__file__).parent.parent.parent / "docs" / "explanation" / "limits.md"
_HEADINGS: Final = ["", "polls", "429s", "waits lost", "limit used"]
_TITLES: Final = {
    "processes": "1, 4 and 16 processes that know nothing of each other, 1,000 requests a minute",
    "others": "Other calls ask for half of the limit, at moments of chance",
    "half": "Only every other answer has headers",
    "clocks": "The server's clock is ahead of ours (+) or behind it (-)",
    "nothing": "No answer has headers, 600 requests a minute",
}


def main() -> int:
    """Run it; 1 if a law does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.limits", description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)}; none: all")
    parser.add_argument("--write-docs", action="store_true", help=f"write {PAGE.name} anew")
    options = parser.parse_args()
    logging.getLogger("rxstream").setLevel(logging.ERROR)
    broken = 0
    for name in options.groups or GROUPS:
        titles, cases = zip(*GROUPS[name], strict=True)
        with ProcessPoolExecutor() as pool:
            found = list(pool.map(simulate, cases))
        table = _table(name, titles, cases, found)
        sys.stdout.write(f"{table.text()}\n\n")
        for title, case, one in zip(titles, cases, found, strict=True):
            for law in broken_laws(case, one):
                broken += 1
                sys.stdout.write(f"BROKEN: {name}, {title}: {law}\n")
        if options.write_docs:
            _write(name, table)
    return min(broken, 1)


def _table(
    name: str, titles: Sequence[str], cases: Sequence[Case], found: Sequence[Found]
) -> Table:
    with_others = any(case.others for case in cases)
    rows: list[list[str]] = []
    for title, one in zip(titles, found, strict=True):
        row = [title, f"{one.polls:,}", f"{one.refused:,} ({one.refused_share:.1%})"]
        row += [f"{one.lost:,}", f"{one.used:.0%}"]
        rows.append([*row, f"{one.others_refused_share:.1%}"] if with_others else row)
    headings = [*_HEADINGS, "other calls refused"] if with_others else _HEADINGS
    return Table(_TITLES[name], headings, rows)


def _write(name: str, table: Table) -> None:
    page = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- simulated: {name} -->", "<!-- end -->"
    text = f"{begin}\n{table.markdown()}\n{end}"
    page, places = re.subn(f"{begin}.*?{end}", lambda _: text, page, flags=re.DOTALL)
    if not places:
        msg = f"{PAGE.name} has no place for {name}: put {begin} and {end} where it should stand"
        raise LookupError(msg)
    PAGE.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main())
