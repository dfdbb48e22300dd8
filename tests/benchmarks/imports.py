"""What importing rxstream costs, next to the libraries that it stands on."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from .processes import alternate, python
from .report import Table, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .processes import Options
    from .report import Part

__all__ = ["run"]

_ROUNDS: Final = 15
_NOTHING: Final = "time"
_BASE: Final = "reactivex, reactivex.operators, httpx"
# PyJWT imports cryptography where it is installed; rxstream does not ask for it.
_ALONE: Final = " (cryptography not installed)"
_ALL: Final = "rxstream, each of its names"
_NAMES: Final = (_NOTHING, "reactivex, httpx", _BASE, "rxstream", _ALL, f"{_ALL}{_ALONE}")
_PRELUDE: Final = {f"{_ALL}{_ALONE}": "import sys; sys.modules['cryptography'] = None\n"}
_REPORT: Final = "import time\nprint('{\"cpu\":', time.process_time(), '}')"


def run(options: Options) -> Iterator[Part]:
    """Run it."""
    rounds = 3 if options.quick else _ROUNDS
    costs: dict[str, list[float]] = {name: [] for name in _NAMES}
    with TemporaryDirectory() as byte_code:
        for modules in _NAMES:  # once unmeasured, which writes the byte code
            _cpu_of(modules, byte_code)
        for modules in alternate(_NAMES, rounds):
            costs[modules].append(_cpu_of(modules, byte_code))
    rows: list[list[str]] = []
    for modules in _NAMES:
        whole = [cost / base for cost, base in zip(costs[modules], costs[_BASE], strict=True)]
        alone = [
            (cost - empty) / (base - empty)
            for cost, base, empty in zip(costs[modules], costs[_BASE], costs[_NOTHING], strict=True)
        ]
        rows.append([modules, spread(costs[modules]), spread(whole, 2), spread(alone, 2)])
    yield Table(
        f"CPU of a fresh process that imports, {rounds} rounds: median (min to max)",
        ["import", "CPU, ms", f"÷ {_BASE}", "the same, less the interpreter"],
        rows,
    )


def _cpu_of(modules: str, byte_code: str) -> float:
    statement = "from rxstream import *" if modules.startswith(_ALL) else f"import {modules}"
    code = f"{_PRELUDE.get(modules, '')}{statement}\n{_REPORT}"
    # An empty value switches the writing of byte code back on, should it be off.
    found = python("-c", code, PYTHONPYCACHEPREFIX=byte_code, PYTHONDONTWRITEBYTECODE="")
    return float(found["cpu"]) * 1e3
