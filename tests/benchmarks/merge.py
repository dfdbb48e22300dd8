"""What it costs to merge many observables into one, next to reactivex's own operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .processes import contend
from .report import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .processes import Options
    from .report import Part

__all__ = ["run"]

_SIZES: Final = (1_000, 10_000, 100_000, 300_000)
_QUICK: Final = (1_000, 10_000)
_LEAST: Final = 10_000
# Where reactivex keeps those that are alive in a list, the square of their number sets a limit.
_AT_MOST: Final = {"merge-live-flat_map": 10_000}
_NAMES: Final = {
    "merge-ready-fan_in": "`rxs.fan_in`, each ready at once",
    "merge-ready-flat_map": "reactivex `flat_map`, the same",
    "merge-ready-merge": "reactivex `map`, `merge(max_concurrent=1000)`, the same",
    "merge-live-fan_in": "`rxs.fan_in`, all alive at once, ending in any order",
    "merge-live-flat_map": "reactivex `flat_map`, the same",
    "merge-ready-tasks": "`tasks_observable`, each completed at its first poll",
}


def run(options: Options) -> Iterator[Part]:
    """Run it."""
    sizes = _QUICK if options.quick else _SIZES
    rows: list[list[str]] = []
    for name, title in _NAMES.items():
        row = [title]
        for size in sizes:
            if size > _AT_MOST.get(name, size):
                row.append("—")
                continue
            found = contend(name, waits=size, repeat=max(_LEAST // size, 1))
            row.append(f"{found['cpu'] / size * 1e6:.1f}")
        rows.append(row)
    yield Table(
        "CPU of merging so many observables, µs each", ["", *(f"{n:,}" for n in sizes)], rows
    )
