"""What is told of a seed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .play import Result

__all__ = ["show", "told"]


def show(text: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def told(result: Result, lines: int = 25, without: frozenset[str] = frozenset()) -> str:
    """A seed's violations, and what came before the first of them."""
    said = [f"seed {result.seed} ({result.setting}): {len(result.violations)} violations"]
    said += [f"  {violation}" for violation in result.violations[:10]]
    trace = result.trace
    first = next((n for n, entry in enumerate(trace) if entry[2] == "BROKEN"), len(trace) - 1)
    shown = trace if lines > len(trace) else trace[max(first - lines, 0) : first + 1]
    said += [f"  {at:10.4f} {who:8} {what:10} {detail!s:.140}" for at, who, what, detail in shown]
    if result.violations:
        rest = f" --without {','.join(sorted(without))}" if without else ""
        said.append(f"replay: python -m tests.simulation --seed {result.seed}{rest}")
    return "\n".join(said)
