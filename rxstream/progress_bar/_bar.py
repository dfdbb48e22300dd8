"""The bar of one subscription, as rich draws it."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from .._time.clock import utc_now

if TYPE_CHECKING:
    from .._gate.gate import Gate
    from .._gate.statistics import GateStatistics
    from .._wait.tally import Tally

__all__ = ["Bar"]

_DAY: Final = 86_400


class Bar:
    """Draws the state of one subscription; drawing does not change that state."""

    def __init__(self, tally: Tally, gate: Gate | None, description: str) -> None:
        self._tally = tally
        self._gate = gate
        self._how: str | None = None
        self._row = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[count]}", markup=False),
            TextColumn("{task.fields[elapsed]}", style="progress.elapsed", markup=False),
            TextColumn("{task.fields[end]}", style="progress.remaining", markup=False),
            auto_refresh=False,
            disable=True,
            expand=True,
        )
        self._id = self._row.add_task(description, total=None, count="", elapsed="", end="")

    def end(self, how: str) -> None:
        self._how = how

    def __rich__(self) -> Group:
        gate = None if self._gate is None else self._gate.statistics()
        now = self._tally.progress(gate)
        self._row.update(
            self._id,
            total=now.total,
            completed=now.done,
            count=_count(now.done, now.total),
            elapsed=_duration(math.floor(now.elapsed)),
            end=self._how or self._end(now.eta, now.total, now.done, gate),
        )
        details = _counts(now.completed, now.failed, now.timed_out)
        if gate is None or self._how is not None:
            return Group(self._row.get_renderable(), details)
        details.append(f" | {gate.in_flight:,} in flight, {gate.queued:,} queued")
        return Group(self._row.get_renderable(), details, *_limit(gate))

    def _end(
        self, eta: float | None, total: int | None, done: int, gate: GateStatistics | None
    ) -> str:
        if eta is not None:
            if eta >= _DAY:
                return f"ETA {_duration(math.ceil(eta))}"
            at = (utc_now() + timedelta(seconds=eta)).astimezone()
            return f"ETA {_duration(math.ceil(eta))} ({at:%H:%M})"
        least = 0.0 if total is None else self._tally.at_least(total - done, gate)
        return f"at least {_duration(math.ceil(least))}" if least >= 1 else ""


def _count(done: int, total: int | None) -> str:
    # Rounded down: 100 % means that nothing is left.
    return f"{done:,}" if not total else f"{done:,}/{total:,} {done * 100 // total:3}%"


def _counts(completed: int, failed: int, timed_out: int) -> Text:
    return Text.assemble(
        (f"{completed:,} completed", "green" if completed else ""),
        ", ",
        (f"{failed:,} failed", "red" if failed else ""),
        ", ",
        (f"{timed_out:,} timed out", "yellow" if timed_out else ""),
    )


def _limit(gate: GateStatistics) -> list[Text]:
    """The line about the rate limit, or no line."""
    said: list[str | tuple[str, str]] = []
    if gate.limit is not None and gate.remaining is not None:
        window = f", {gate.reset_after:.0f} s" if gate.reset_after else ""
        said.append(f"limit {gate.limit:,}/min, {gate.remaining:,} left{window}")
    if gate.closed_for > 0:
        said.append((f"waiting {math.ceil(gate.closed_for)} s for the rate limit", "red"))
    elif gate.paced_for > 0:
        said.append(("paced", "yellow"))
    if gate.rate_limited:
        said.append((f"{gate.rate_limited:,} x 429", "red"))
    return [Text(" | ").join(Text.assemble(part) for part in said)] if said else []


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
