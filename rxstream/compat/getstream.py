"""Exceptions that an `except` clause for Stream's official SDK catches too.

The official SDK's `except StreamTaskException` catches nothing of rxstream, since the two classes
only share a name. Here you get exceptions that are both. This module needs `getstream` 7, which
rxstream does not install.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from getstream import (  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs] -- it has no types
    exceptions as _official,
)

from ..errors import StreamException

if TYPE_CHECKING:
    from collections.abc import Generator, Hashable

__all__ = ["as_official", "official_errors"]

E = TypeVar("E", bound=Exception)


@contextmanager
def official_errors() -> Generator[None]:
    """Raise what the block raises as an exception of both libraries.

    ::

        from rxstream.compat.getstream import official_errors

        with official_errors():
            last = await observable

    Raises:
        StreamException: What the block raised, as `as_official` gives it. Other exceptions pass as
            they are.
    """
    try:
        yield
    except StreamException as error:
        raise as_official(error) from error.__cause__


def as_official(error: E) -> E:
    """Give an exception that is of its own class and of the official SDK's class of that name.

    What the official SDK lacks is of the nearest class that it has: `TaskTimeoutException` is its
    `StreamTransportException`, the others are its `StreamException`.

    Args:
        error: Any exception, such as the `error` of a `TaskOutcome`.

    Returns:
        A copy with the same text, fields, notes, cause and traceback. An exception that is not of
        `rxstream.errors` is returned as it is.
    """
    if not isinstance(error, StreamException) or isinstance(error, _Both):
        return error
    kind = _class_of(cast("Hashable", type(error)))  # mypy takes no type for hashable
    return cast("E", _copied(error, kind))


class _Both:
    """What an exception of both libraries does its own way."""

    _plain: type[StreamException]

    # The official SDK's texts are neither bounded nor on one line.
    __str__ = Exception.__str__

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the exception of rxstream."""
        return as_official, (_copied(cast("StreamException", self), self._plain),)


@cache
def _class_of(kind: type[StreamException]) -> type[StreamException]:
    """The class that derives from one of ours and from the official one that is nearest to it."""
    names = [base.__name__ for base in kind.__mro__ if issubclass(base, StreamException)]
    nearest = next(getattr(_official, name) for name in names if hasattr(_official, name))
    body = {"__module__": kind.__module__, "__doc__": kind.__doc__, "_plain": kind}
    return type(kind.__name__, (_Both, kind, nearest), body)


def _copied(error: StreamException, kind: type[StreamException]) -> StreamException:
    copy = kind.__new__(kind, *error.args)
    copy.args = error.args
    copy.__dict__.update(error.__dict__)
    copy.__cause__, copy.__context__ = error.__cause__, error.__context__
    copy.__suppress_context__ = error.__suppress_context__
    return copy.with_traceback(error.__traceback__)
