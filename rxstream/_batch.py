"""How many items one request of an operation takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

__all__ = ["Batch", "batch_of"]


@dataclass(frozen=True, slots=True)
class Batch:
    """The list that an operation takes: `batch` of each method of the clients that has one."""

    items: str
    """The name of the parameter."""
    maximum: int | None = None
    """How many Stream takes in one request; None: no limit is known."""
    size: int | None = None
    """How many to send in one request by default; None: `maximum`."""

    @property
    def default_size(self) -> int | None:
        """How many to send in one request by default; None: all."""
        return self.maximum if self.size is None else self.size


def batch_of(operation: Any) -> Batch | None:
    """The list that an operation takes, also within `functools.partial`; None: it takes none."""
    while isinstance(operation, partial):
        operation = operation.func
    batch = getattr(operation, "batch", None)
    return batch if isinstance(batch, Batch) else None
