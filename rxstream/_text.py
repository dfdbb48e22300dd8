"""Text and values that may come from anywhere, made fit for exceptions and logs.

Nothing here raises, whatever it is given, and nothing works on more than a part of a long text.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Final, SupportsIndex, TypeAlias, TypeVar, cast

from typing_extensions import override

__all__ = [
    "Cut",
    "Hidden",
    "SecretKeeper",
    "bounded",
    "brief",
    "cut",
    "cut_of",
    "hidden",
    "is_nested_deeply",
    "labelled",
    "one_line",
    "picklable",
    "printable",
    "rebuilt",
    "shown",
]

T = TypeVar("T")

Cut: TypeAlias = "Callable[[str], str]"
"""Cuts a text to what an exception keeps of it, and may blot out secrets."""

_TEXT_LENGTH: Final = 4_000
_LINE_LENGTH: Final = 500
_VALUE_LENGTH: Final = 80
# An id takes 36 of it, and the reason stands behind it.
_ERROR_LENGTH: Final = 240
_DEPTH: Final = 10
# What a copy may hold: characters, each entry counting as some.
_SIZE: Final = 16_000
_ENTRY: Final = 16
_DATA: Final = (type(None), str, int, float, Mapping, list, tuple)
_INTEGER_BITS: Final = 256
# Deeper than any answer of Stream's, and much less than what Python can recurse into.
_DEEP: Final = 100


class SecretKeeper:
    """A client that knows its own secrets, and keeps them out of texts."""

    def _cut(self, text: str) -> str:
        """Cut a text as `cut` does, with the secrets blotted out."""
        return cut(text)


class Hidden(str):
    """A text that no `repr` shows, so that it can be a local variable of a traceback."""

    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return repr("***")

    @override
    def __getitem__(self, key: SupportsIndex | slice) -> str:
        # Tracebacks with locals cut long texts before they take the `repr`.
        return Hidden(super().__getitem__(key))


def hidden(value: T) -> T:
    """Hide a text; an argument of the wrong type is for others to refuse."""
    return cast("T", Hidden(value)) if isinstance(value, str) else value


def cut(text: str) -> str:
    """Cut a text to what an exception keeps of it."""
    return text[:_TEXT_LENGTH]


def cut_of(client: object) -> Cut:
    """Give what cuts the texts of a client's exceptions."""
    if isinstance(client, SecretKeeper):
        return client._cut  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- from users only
    return cut


def one_line(text: object) -> str:
    """Give one line that a terminal prints and does not obey."""
    folded = " ".join(shown(text).split())
    line = printable(folded[: _LINE_LENGTH + 1])
    return line if len(line) <= _LINE_LENGTH else f"{line[: _LINE_LENGTH - 1]}…"


def printable(text: str) -> str:
    r"""Escape what a terminal or a log would obey or could not encode.

    Control characters, those that turn the direction of writing, line separators and lone
    surrogates become `\x1b`, `\u202e` and so on.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def shown(value: object, by: Cut = cut) -> str:
    """Give the text of any value, cut."""
    try:
        if isinstance(value, str):
            return by(value)
        return by(str(value if isinstance(value, BaseException) else bounded(value, by)))
    except Exception:  # noqa: BLE001 -- a foreign exception's __str__ may raise anything
        return f"<{type(value).__name__}>"


def bounded(value: object, by: Cut = cut) -> Any:
    """Copy a value as JSON could hold it, and no more of it than an exception should keep."""
    return _Copy(by).of(value, 0)


def brief(value: object) -> str:
    """Give the `repr` of any value, cut."""
    try:
        is_data = issubclass(type(value), _DATA)
        return cut(repr(bounded(value) if is_data else value))
    except Exception:  # noqa: BLE001 -- a foreign __repr__ may raise anything
        return f"<{type(value).__name__}>"


def labelled(name: str, told: Mapping[str, object]) -> str:
    """Give `name(field=value, …)` on one line, long values cut."""
    return f"{name}({', '.join(f'{field}={_short(value)}' for field, value in told.items())})"


def _short(value: object) -> str:
    text = printable(brief(value))
    room = _ERROR_LENGTH if isinstance(value, BaseException) else _VALUE_LENGTH
    return text if len(text) <= room else f"{text[: room - 1]}…"


def picklable(value: Any) -> Any:
    """Give a tuple or a dict for `pickle`, with None in place of what cannot be pickled."""
    if _pickles(value):
        return value
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {name: item if _pickles(item) else None for name, item in fields.items()}
    return tuple(item if _pickles(item) else None for item in value)


def rebuilt(
    cls: type[BaseException], args: tuple[object, ...], state: dict[str, Any]
) -> BaseException:
    """Make an exception of what was pickled of it, without calling its constructor."""
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def is_nested_deeply(value: object) -> bool:
    """Whether a value holds containers in containers, more of them than is safe to recurse into."""
    level = [value]
    for _ in range(_DEEP):
        inner = {id(item): item for outer in level for item in _containers_in(outer)}
        if not inner:
            return False
        level = list(inner.values())
    return True


class _Copy:
    """One copy that is being made, and how much may still go into it."""

    def __init__(self, by: Cut) -> None:
        self._cut = by
        self._left = _SIZE

    def of(self, value: object, depth: int) -> Any:
        self._left -= _ENTRY
        try:
            return self._plain(value, depth)
        except Exception:  # noqa: BLE001 -- a foreign object's methods may raise anything
            return f"<{type(value).__name__}>"

    def _plain(self, value: object, depth: int) -> Any:
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            bits = value.bit_length()
            return value if bits <= _INTEGER_BITS else f"<an integer of {bits} bits>"
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            pairs = self._some(cast("Mapping[object, object]", value).items(), depth)
            return {shown(key, self._text): self.of(item, depth + 1) for key, item in pairs}
        if isinstance(value, list | tuple):
            items = self._some(cast("Iterable[object]", value), depth)
            return [self.of(item, depth + 1) for item in items]
        return self._text(repr(value))

    def _some(self, items: Iterable[Any], depth: int) -> Iterable[Any]:
        for item in islice(items, _SIZE // _ENTRY):
            if depth == _DEPTH or self._left <= 0:
                return
            yield item

    def _text(self, value: str) -> str:
        text = self._cut(value)[: max(self._left, 0)]
        self._left -= len(text)
        return text


def _pickles(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 -- whatever a foreign object raises, it is not to be pickled
        return False
    return True


def _containers_in(value: object) -> Iterable[object]:
    items: Iterable[object] = ()
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).values()
    elif isinstance(value, list | tuple):
        items = cast("Iterable[object]", value)
    return (item for item in items if issubclass(type(item), dict | list | tuple))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
