"""`python -m tests.simulation`: runs seeds by hand, or replays one."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from .draws import HAZARDS
from .play import play
from .report import show, told


def main() -> int:
    """Run until there were as many steps as asked for; 1 if any law was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000, help="stop after so many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="replay this one, with its whole trace")
    parser.add_argument("--without", default="", help=f"hazards to leave out: {', '.join(HAZARDS)}")
    parser.add_argument("--seconds", type=float, default=500.0, help="stop after so long")
    options = parser.parse_args()
    without = frozenset(filter(None, options.without.split(",")))
    if options.seed is not None:
        result = play(options.seed, without)
        show(told(result, 10**9, without))
        return int(bool(result.violations))
    began = time.monotonic()
    counts: Counter[str] = Counter()
    broken: dict[str, list[int]] = {}
    seed = options.first
    while counts["steps"] < options.steps and time.monotonic() - began < options.seconds:
        result = play(seed, without)
        counts += result.counts
        counts["steps"] += result.steps
        counts["seeds"] += 1
        for law in {violation.law for violation in result.violations}:
            broken.setdefault(law, []).append(seed)
        if result.violations and sum(map(len, broken.values())) <= 3:
            show(told(result, without=without))
        seed += 1
    took = time.monotonic() - began
    names = ("seeds", "steps", "waits", "batch", "poll", "refused", "wake", "dispose", "raise")
    show(", ".join(f"{counts[name]:,} {name}" for name in names) + f" in {took:.0f} s")
    for law, seeds in sorted(broken.items()):
        show(f"BROKEN in {len(seeds)} seeds: {law}: {seeds[:8]}")
    show(f"{sum(len(seeds) for seeds in broken.values())} violations by law and seed")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
