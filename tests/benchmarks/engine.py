"""The engine without HTTP: CPU per poll, and bytes per waiting task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .processes import alternate, python
from .report import show, spread, table

if TYPE_CHECKING:
    from .processes import Options

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
_FOOTPRINTS: Final = {
    "bytes-shared": "the wait alone",
    "bytes-parsed": "with a snapshot of its own, as from the wire",
}


def run(options: Options) -> None:
    """Run it."""
    waits = _WAITS // 5 if options.quick else _WAITS
    show(
        f"CPU per poll without HTTP: {waits:,} waits × {_POLLS} polls, the client's call included, "
        f"{options.rounds} round(s): median (min to max)"
    )
    costs: dict[str, list[float]] = {name: [] for name in _NAMES}
    for name in alternate(list(_NAMES), options.rounds):
        found = _contend(name, "--waits", str(waits), "--polls", str(_POLLS))
        costs[name].append(found["cpu"] / (waits * _POLLS) * 1e6)
    rows: list[list[str]] = []
    for name, title in _NAMES.items():
        scale = costs[_SCALES.get(name, name)]
        ratios = [cost / base for cost, base in zip(costs[name], scale, strict=True)]
        rows.append([title, spread(costs[name]), f"{spread(ratios)} ×" if name in _SCALES else ""])
    table(["", "CPU, µs a poll", "÷ the plain one above"], rows)
    asleep = _ASLEEP // 10 if options.quick else _ASLEEP
    show()
    show(f"Memory of {asleep:,} waits between two polls, async client")
    rows = []
    for name, title in _FOOTPRINTS.items():
        found = _contend(name, "--waits", str(asleep))
        rows.append([title, f"{found['bytes']:,.0f}", f"{found['left']:,.0f}"])
    table(["", "bytes a wait", "after dispose"], rows)


def _contend(*arguments: str) -> dict[str, float]:
    return python("-m", f"{__package__}.contender", *arguments)
