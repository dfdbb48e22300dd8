"""The page of the documentation that shows what was measured, and its pictures."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.pictures.plot import plot

from .processes import ROOT
from .report import Note, Plot, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .report import Part

__all__ = ["PAGE", "machine", "write"]

PAGE: Final = ROOT / "docs" / "explanation" / "performance.md"
PICTURES: Final = ROOT / "docs" / "pictures"

_PACKAGES: Final = ("rxstream", "reactivex", "httpx", "httpx-aiohttp", "aiohttp", "getstream")
# A vertical axis of a decade and a half at least.
_SPAN: Final = 30.0
_CPUINFO: Final = Path("/proc/cpuinfo")


def machine() -> str:
    """Where and with what this is measured, in one line."""
    model = platform.processor() or platform.machine()
    if _CPUINFO.exists():
        named = re.search(r"^model name\s*:\s*(.+)$", _CPUINFO.read_text(), re.MULTILINE)
        model = named[1] if named else model
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()}, {os.cpu_count()} × {model}, "
        f"Python {platform.python_version()}, {', '.join(map(_named, _PACKAGES))}"
    )


def _named(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


def write(name: str, parts: Sequence[Part], *, quick: bool) -> None:
    """Put what a benchmark found between its two comments.

    Raises:
        LookupError: The page has no place for it.
    """
    begin, end = f"<!-- measured: {name} -->", "<!-- end -->"
    page = PAGE.read_text(encoding="utf-8")
    if begin not in page:
        msg = f"{PAGE.name} has no place for {name}: put {begin} and {end} where it should stand"
        raise LookupError(msg)
    lines: list[str] = []
    for part in parts:
        match part:
            case Table():
                lines += [part.markdown(), ""]
            case Note():
                lines += [part.line, ""]
            case Plot():
                file = PICTURES / f"{part.name}.svg"
                file.write_text(_drawn(part), encoding="utf-8", newline="\n")
                lines += [f"![{part.title}](../pictures/{file.name})", ""]
    rough = " Rough: fewer of everything." if quick else ""
    text = "\n".join([begin, *lines, f"Measured {machine()}.{rough}", end])
    page = re.sub(f"{begin}.*?{end}", lambda _: text, page, flags=re.DOTALL)
    PAGE.write_text(page, encoding="utf-8", newline="\n")


def _drawn(part: Plot) -> str:
    return plot(
        part.series,
        title=part.title,
        x_title=part.x_title,
        y_title=part.y_title,
        y_span=_SPAN,
        x_label=lambda value: f"{value:,.0f}",
        y_label=lambda value: f"{value:,.10g} {part.unit}".rstrip(),
    )
