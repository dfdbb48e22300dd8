"""What the library beneath a foreign client decides, so that rxstream is not held to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .fault import Kind

if TYPE_CHECKING:
    from .clients import Column
    from .fault import Fault

__all__ = ["REASONS", "libraries_decide"]

REASONS: Final[dict[str, str]] = {}


def libraries_decide(column: Column, fault: Fault, what: str) -> bool:
    """Whether something that is not as designed is the library's doing."""
    return False
