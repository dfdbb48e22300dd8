"""What all operations share: how they are declared, the checks and the encoding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, cast, overload

from typing_extensions import TypeVar

from .._checks import text, to_mapping
from .._wire.messages import Request, segment

if TYPE_CHECKING:
    from .._batch import Batch
    from .._wait.handles import AsyncTaskHandle, TaskHandle

__all__ = ["AsyncStarter", "Start", "SyncStarter", "body", "listed", "operation", "path"]

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Start(Generic[T_co]):
    """What an operation sends to start a task whose payload is `T_co`."""

    request: Request
    items: tuple[Any, ...] = ()
    """What the task is started with."""


class SyncStarter(ABC):
    """A client whose operations return handles."""

    @abstractmethod
    def _start(self, name: str, start: Start[T]) -> TaskHandle[T]:
        """Send the request of the operation `name`."""


class AsyncStarter(ABC):
    """A client whose operations are awaited."""

    @abstractmethod
    def _start(self, name: str, start: Start[T]) -> Coroutine[Any, Any, AsyncTaskHandle[T]]:
        """Send the request of the operation `name`."""


class Operation(Generic[P, T_co]):
    """What type checkers see of an operation: what it returns depends on the client."""

    @overload
    def __get__(
        self, client: SyncStarter, owner: object = None
    ) -> Callable[P, TaskHandle[T_co]]: ...
    @overload
    def __get__(
        self, client: AsyncStarter, owner: object = None
    ) -> Callable[P, Coroutine[Any, Any, AsyncTaskHandle[T_co]]]: ...
    @overload
    def __get__(self, client: None, owner: object = None) -> Callable[Concatenate[Any, P], Any]: ...
    def __get__(self, client: Any, owner: object = None) -> Any:
        """Return the method of a client."""


def operation(
    batch: Batch | None = None,
) -> Callable[[Callable[Concatenate[Any, P], Start[T]]], Operation[P, T]]:
    """Make an operation of a method that returns what to send.

    Args:
        batch: The list that it takes, if it takes one.
    """

    def decorator(prepare: Callable[Concatenate[Any, P], Start[T]]) -> Operation[P, T]:
        name = prepare.__name__

        @wraps(prepare)
        def start(self: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
            # Not in a coroutine, so that bad arguments are refused at the call.
            return self._start(name, prepare(self, *args, **kwargs))

        vars(start)["batch"] = batch
        return cast("Operation[P, T]", start)

    return decorator


def listed(values: Any, batch: Batch) -> list[Any]:
    """Check a list of ids.

    Raises:
        TypeError: It is a string, or not a list at all, or an entry has the wrong type.
        ValueError: It is empty, longer than Stream takes, or an entry is empty or has a line break.
    """
    name, maximum = batch.items, batch.maximum
    kind = type(cast("object", values))
    if issubclass(kind, str | bytes | Mapping) or not hasattr(kind, "__iter__"):
        msg = f"{name} must be a list, not {kind.__name__}"
        raise TypeError(msg)
    found = list(values)
    if not found:
        msg = f"{name} must not be empty"
        raise ValueError(msg)
    if maximum is not None and len(found) > maximum:
        msg = (
            f"{name} holds {len(found)} entries, and Stream takes at most {maximum} in one request;"
            " send them in several, as rxstream.start_tasks does"
        )
        raise ValueError(msg)
    for number, entry in enumerate(found):
        if not isinstance(entry, Mapping):
            _check_entry(entry, f"{name}[{number}]")
    return found


def _check_entry(entry: object, name: str) -> None:
    # The lines of a file end with a line break, and Stream knows nobody by such an id.
    if not {"\n", "\r"}.isdisjoint(text(entry, name)):
        msg = f"{name} must not hold a line break: strip the lines of a file, as in line.strip()"
        raise ValueError(msg)


def path(template: str, **values: str) -> str:
    """Fill in a path; each value is percent-encoded as one segment."""
    return template.format(**{name: segment(text(value, name)) for name, value in values.items()})


def body(**fields: Any) -> dict[str, Any]:
    """Make the JSON object of a request, without fields that are None; times are ISO 8601.

    Raises:
        ValueError: A time has no zone.
    """
    return {key: _encoded(value, key) for key, value in fields.items() if value is not None}


def _encoded(value: Any, name: str) -> Any:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            msg = (
                f"{name} must be a datetime with a zone, which {value} lacks: write "
                "datetime(…, tzinfo=UTC), or value.astimezone() if it is local time"
            )
            raise ValueError(msg)
        return value.isoformat()
    fields = to_mapping(value)
    if fields is not None:  # a mapping of the caller's: a None in it has a meaning
        return {key: _encoded(item, f"{key} of {name}") for key, item in fields.items()}
    if isinstance(value, list | tuple):
        return [_encoded(item, name) for item in cast("list[Any]", value)]
    return value
