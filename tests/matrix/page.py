"""The page of the documentation: a table of all cells, and what deviates in plain English."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.benchmarks.page import machine

from .clients import COLUMNS
from .fault import Kind
from .faults import every_fault
from .libraries import RULES
from .moments import MOMENTS
from .run import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .run import Played

__all__ = ["PAGE", "deviations", "write"]

PAGE: Final = ROOT / "docs" / "explanation" / "faults.md"
_BEGIN: Final = "<!-- measured: faults -->"
_END: Final = "<!-- end -->"
_NUMBER: Final = re.compile(r"\d[\d,.]*\d|\d{4,}")
_NAMED: Final = 6
_TITLES: Final = {
    "sync": "`StreamClient`",
    "httpx": "`AsyncStreamClient`",
    "aiohttp": "… on aiohttp",
    "http_client sync": "`http_client=` sync",
    "http_client async": "`http_client=` async",
    "Stream": "`getstream` sync",
    "AsyncStream": "`getstream` async",
    "StreamChat": "`stream_chat` sync",
    "StreamChatAsync": "`stream_chat` async",
    "helper sync": "official helper, sync",
    "helper async": "official helper, async",
}
_HEAD: Final = """\
# What goes wrong, and how a wait ends then

A server on a raw socket plays each of these faults to each client.
It plays it as the first answer, in the middle, as the last answer before the deadline,
and again and again until the deadline.
One command plays all of them and writes this page:

```sh
python -m tests.matrix --full --write-docs
```

A cell of the matrix is one fault at one moment with one client.
A cell is as designed if all of this holds:

- The wait ends in the way that the kind of the fault calls for.
  A transient fault is retried, and the task completes.
  What is no answer of Stream's ends in `InvalidResponseException`.
  Silence ends in `TaskTimeoutException`.
- The wait ends by its deadline.
- Its request ends with it, and its place at the gate is given back.
- The next wait on the same client gets its own answer.
- No thread, task, timer or socket is left.
- What it reads is bounded.
- Neither the secret nor the token is in an error, a log, a warning, or the locals of a traceback.
- The error prints on one line without control codes, and pickles.

The last two columns are `wait_for_task` of Stream's official SDK.
They show how often it ends as a wait here would, in time, with nothing left,
and with the next wait in order.
It does not promise that: these columns are for comparison only.
"""
_FOREIGN: Final = """\
A client that you hand over reads its answers itself.
It may be an httpx client of your own, or an official SDK.
These things are its library's, and are not held against a cell:
"""


def deviations(played: Iterable[Played]) -> list[str]:
    """What deviates, one line for each group of faults and way to deviate."""
    found: dict[tuple[str, str], _Deviation] = defaultdict(_Deviation)
    for each in played:
        if COLUMNS[each.column].is_helper:
            continue
        group, _, name = each.fault.partition(": ")
        for words in each.wrong:
            deviation = found[group, _NUMBER.sub("…", words)]
            deviation.faults[name] = None
            deviation.columns[_TITLES[each.column]] = None
            deviation.cells += 1
    return [
        f"- **{group}** ({deviation.faults_named()}): {_escaped(words)}. "
        f"{deviation.cells} cell{'s' * (deviation.cells > 1)}, with {', '.join(deviation.columns)}."
        for (group, words), deviation in sorted(found.items())
    ]


@dataclass
class _Deviation:
    faults: dict[str, None] = field(default_factory=dict)
    columns: dict[str, None] = field(default_factory=dict)
    cells: int = 0

    def faults_named(self) -> str:
        names = list(self.faults)
        more = f"; and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return "; ".join(names[:_NAMED]) + more


def _escaped(words: str) -> str:
    return words.replace("*", "\\*").replace("<", "&lt;").replace("_", "\\_")


def write(played: Sequence[Played]) -> None:
    """Write the page anew."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    groups = {fault.label: fault.group for fault in every_fault().values()}
    for each in played:
        for row in (groups[each.fault], "all"):
            good_and_all = counts[row, each.column]
            good_and_all[0] += not each.wrong
            good_and_all[1] += 1
    columns = [name for name in COLUMNS if ("all", name) in counts]
    size = f"{len(groups)} faults, {len(MOMENTS)} moments and {len(columns)} columns"
    lines = [_HEAD, _BEGIN]
    lines += [
        f"{len(played):,} cells of {size}.",
        "Each number says how many cells were as designed, and of how many if not all were.",
        "",
        f"| faults | {' | '.join(_TITLES[name] for name in columns)} |",
        f"| --- |{' ---: |' * len(columns)}",
    ]
    for group in (*dict.fromkeys(groups.values()), "all"):
        cells = [_cell(*counts[group, name]) for name in columns]
        lines.append(f"| {group} | {' | '.join(cells)} |")
    found = deviations(played)
    lines += ["", "## What deviates", ""]
    lines += found or ["Nothing: every cell was as designed."]
    lines += ["", "## What a library decides", ""]
    lines += [
        _FOREIGN,
        *(f"- {rule.reason}" for rule in RULES),
    ]
    lines += ["", "## Kinds of faults", "", "| kind | means |", "| --- | --- |"]
    lines += [f"| {kind.name.lower().replace('_', ' ')} | {kind.value} |" for kind in Kind]
    lines += ["", f"Played {machine()}.", _END, ""]
    PAGE.write_text("\n".join(lines), encoding="utf-8", newline="\n")


def _cell(good: int, of: int) -> str:
    return f"{good}" if good == of else f"{good} of {of}"
