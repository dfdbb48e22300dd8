"""What a journal costs: an id, a replay, a million ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .journalled import CONTENDERS
from .many import ROOM
from .processes import alternate, contend
from .report import Note, Table, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .processes import Options
    from .report import Part

__all__ = ["run"]

_IDS: Final = 100_000
_MANY: Final = 1_000_000


def run(options: Options) -> Iterator[Part]:
    """Run it."""
    ids = _IDS // 10 if options.quick else _IDS
    costs: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    replays: list[float] = []
    size = 0.0
    for name in alternate(CONTENDERS, options.rounds):
        found = contend(name, waits=ids)
        costs[name].append(found["cpu"])
        if name != CONTENDERS[0]:
            replays.append(found["replay"])
            size = found["bytes"]
    none, file = costs.values()
    more = [each - without for each, without in zip(file, none, strict=True)]
    ratio = [each / without for each, without in zip(file, none, strict=True)]
    yield Table(
        f"{ids:,} ids on an event loop without HTTP, max_concurrent={ROOM:,}, two polls each, "
        f"{options.rounds} round(s): median (min to max)",
        ["", "µs of CPU an id", "÷ without"],
        [
            ["without a journal", spread(none), "1"],
            ["with `Journal(path)`", spread(file), spread(ratio, 2)],
            ["the difference", spread(more), ""],
        ],
    )
    yield Note(
        f"Replaying {ids:,} outcomes takes {spread(replays, 2)} s. The file has {size:.0f} bytes "
        "an id."
    )
    many = _MANY // 10 if options.quick else _MANY
    samples = contend(CONTENDERS[1], waits=many, repeat=0)["samples"]
    yield Table(
        f"{many:,} ids with a journal: resident memory",
        ["ids done", "MB"],
        [[f"{done:,}", f"{size / 1e6:.1f}"] for done, size in samples[:: len(samples) // 5]]
        + [[f"{done:,}", f"{size / 1e6:.1f}"] for done, size in samples[-1:]],
    )
    middle = samples[len(samples) // 2][1]
    yield Note(f"Growth over the second half: {(samples[-1][1] - middle) / 1e3:,.0f} kB.")
