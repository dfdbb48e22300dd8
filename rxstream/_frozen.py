"""Frozen dataclasses that are generic and have slots."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import NoReturn, TypeVar

__all__ = ["frozen"]

T = TypeVar("T")


def frozen(cls: type[T]) -> type[T]:
    """Let a frozen dataclass with slots be made as `TaskSnapshot[X](…)`.

    `typing` tries to set an attribute there and expects an AttributeError. The method that a
    dataclass makes fails in another way, because slots make it look for a class of the past.
    """
    type.__setattr__(cls, "__setattr__", _refuse)
    return cls


def _refuse(_: object, name: str, __: object) -> NoReturn:
    msg = f"cannot assign to field {name!r}"
    raise FrozenInstanceError(msg)
