"""100,000 waits in one process: what each costs, in time and in memory, and that none is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .many import POLLS, ROOM
from .processes import alternate, contend
from .report import Note, Plot, Table, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .processes import Options
    from .report import Part

__all__ = ["endless", "run", "sites"]

_SIZES: Final = (1_000, 10_000, 100_000)
_QUICK: Final = (1_000, 10_000)
_LEAST: Final = 10_000
_ENDLESS: Final = 1_000_000
_UNCOLLECTED: Final = "-uncollected"
_MEMORY: Final[dict[str, tuple[str, ...]]] = {
    "the wait alone": (),
    "with a snapshot of its own": ("--parsed",),
}


def run(options: Options) -> Iterator[Part]:
    """Run it."""
    sizes = _QUICK if options.quick else _SIZES
    names = [f"{size}{how}" for size in sizes for how in ("", _UNCOLLECTED)]
    costs: dict[str, list[float]] = {name: [] for name in names}
    for name in alternate(names, options.rounds):
        size = int(name.removesuffix(_UNCOLLECTED))
        flags = ["--uncollected"] if name.endswith(_UNCOLLECTED) else []
        repeat = max(_LEAST // size, 1)
        found = contend("batch", *flags, waits=size, interval=1.0, repeat=repeat)
        costs[name].append(found["cpu"] / size * 1e6)
    least = costs[str(sizes[0])]
    rows: list[list[str]] = []
    for size in sizes:
        cost, uncollected = costs[str(size)], costs[f"{size}{_UNCOLLECTED}"]
        growth = [each / first for each, first in zip(cost, least, strict=True)]
        a_poll = spread([each / POLLS for each in cost])
        rows.append(
            [f"{size:,}", spread(cost), a_poll, f"{spread(growth, 2)} ×", spread(uncollected)]
        )
    yield Table(
        f"CPU of `tasks_observable` without HTTP, all wait at once, {POLLS} polls each, every "
        f"outcome checked, {options.rounds} round(s): median (min to max)",
        [
            "waits",
            "µs a wait",
            "µs a poll",
            f"÷ the same at {sizes[0]:,}",
            "µs a wait, cyclic garbage collector off",
        ],
        rows,
    )
    yield from _memory(sizes)


def _memory(sizes: tuple[int, ...]) -> Iterator[Part]:
    rows: list[list[str]] = []
    lines: dict[str, list[tuple[float, float]]] = {}
    for size in sizes:
        row = [f"{size:,}"]
        for title, flags in _MEMORY.items():
            resident = contend("memory", *flags, waits=size)["rss"]
            traced = contend("memory", "--traced", *flags, waits=size)["traced"]
            row += [f"{resident:,.0f}", f"{traced:,.0f}"]
            lines.setdefault(title, []).append((float(size), resident))
        rows.append(row)
    headings = [
        f"{title}: {how}" for title in _MEMORY for how in ("resident", "allocated, tracemalloc")
    ]
    yield Table(
        "Memory of `tasks_observable` while all wait for their next poll, bytes a wait, over the "
        "same process before",
        ["waits", *headings],
        rows,
    )
    yield Plot(
        "benchmark-memory",
        "Resident bytes of a wait against the number of waits",
        "waits at once",
        "resident memory of a wait",
        "B",
        lines,
    )


def sites(options: Options) -> Iterator[Part]:
    """Where the bytes of a wait are allocated."""
    size = _QUICK[0] if options.quick else _QUICK[-1]
    found = contend("memory", "--traced", "--parsed", waits=size)
    yield Table(
        f"Where {size:,} waits of `tasks_observable` have allocated what they hold between two "
        f"polls: {found['traced']:,.0f} bytes a wait in all (tracemalloc), in "
        f"{found['tracked']:.0f} objects that the cyclic garbage collector walks",
        ["line", "bytes a wait", "objects a wait"],
        [[place, f"{size:,.0f}", f"{count:.1f}"] for place, size, count in found["sites"]],
    )


def endless(options: Options) -> Iterator[Part]:
    """Whether an endless source is waited on in constant memory."""
    total = _ENDLESS // 10 if options.quick else _ENDLESS
    found = contend("endless", waits=total)
    samples = found["samples"]
    yield Table(
        f"An endless source of ids, max_concurrent={ROOM:,}, two polls each: resident memory",
        ["ids done", "MB"],
        [[f"{done:,}", f"{size / 1e6:.1f}"] for done, size in samples[:: len(samples) // 5]]
        + [[f"{done:,}", f"{size / 1e6:.1f}"] for done, size in samples[-1:]],
    )
    middle = samples[len(samples) // 2][1]
    yield Note(
        f"Growth over the second half: {(samples[-1][1] - middle) / 1e3:,.0f} kB. "
        f"CPU: {found['cpu'] / total * 1e6:.0f} µs an id."
    )
