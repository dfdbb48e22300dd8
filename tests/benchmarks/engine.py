"""The engine without HTTP: CPU per poll, and bytes per waiting task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .processes import alternate, contend
from .report import Table, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .processes import Options
    from .report import Part

__all__ = ["run"]

_WAITS: Final = 1000
_POLLS: Final = 20
_ASLEEP: Final = 10_000
_NAMES: Final = {
    "loop": "plain asyncio loop",
    "engine-async": "rxstream, async client",
    "threads": "plain loop, a thread each",
    "engine-sync": "rxstream, sync client",
}
_SCALES: Final = {"engine-async": "loop", "engine-sync": "threads"}
_FOOTPRINTS: Final[dict[str, tuple[str, ...]]] = {
    "the wait alone": (),
    "with a snapshot of its own, as from the wire": ("--parsed",),
}


def run(options: Options) -> Iterator[Part]:
    """Run it."""
    waits = _WAITS // 5 if options.quick else _WAITS
    costs: dict[str, list[float]] = {name: [] for name in _NAMES}
    for name in alternate(list(_NAMES), options.rounds):
        found = contend(name, waits=waits, polls=_POLLS)
        costs[name].append(found["cpu"] / (waits * _POLLS) * 1e6)
    rows: list[list[str]] = []
    for name, title in _NAMES.items():
        scale = costs[_SCALES.get(name, name)]
        ratios = [cost / base for cost, base in zip(costs[name], scale, strict=True)]
        rows.append([title, spread(costs[name]), f"{spread(ratios)} ×" if name in _SCALES else ""])
    yield Table(
        f"CPU per poll without HTTP, {waits:,} waits × {_POLLS} polls, the client's call included, "
        f"{options.rounds} round(s): median (min to max)",
        ["", "CPU, µs a poll", "÷ the plain one above"],
        rows,
    )
    asleep = _ASLEEP // 10 if options.quick else _ASLEEP
    rows = []
    for title, flags in _FOOTPRINTS.items():
        found = contend("bytes", *flags, waits=asleep)
        rows.append([title, f"{found['bytes']:,.0f}", f"{found['left']:,.0f}"])
    yield Table(
        f"Allocated by {asleep:,} waits of `task_observable` between two polls, async client",
        ["", "bytes a wait", "after dispose"],
        rows,
    )
