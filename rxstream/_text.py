"""Makes foreign text fit to be shown."""

from __future__ import annotations

from typing import Final

__all__ = ["one_line"]

_LINE_LENGTH: Final = 500


def one_line(text: object) -> str:
    """Fold white space, and cut the text to 500 characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LINE_LENGTH else f"{line[: _LINE_LENGTH - 1]}…"
