"""How a client keeps its secrets: no `repr` shows them, and no text of an exception holds them."""

from __future__ import annotations

import re
import sys
from base64 import b64encode, urlsafe_b64encode
from functools import cached_property
from typing import TYPE_CHECKING, Final

from .._text import Hidden, brief, cut, hidden, shown
from .._wire.foreign import chain
from ..errors import StreamException

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Hidden", "Redactor", "WithoutSecrets", "hidden"]

_BLOT: Final = "***"
# A shorter secret may be a part of any word, and is looked for as a word of its own only.
_LONG: Final = 8
# The longest that one character is taken to be written as: `\\\\\\\\u002e`, `&#x000002e;`.
_WIDEST: Final = 12
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
# One character as JSON, Python, URLs or HTML write it, be it twice over. A backslash alone, and the
# zeros of an answer in UTF-16, stand for nothing.
_ESCAPED: Final = re.compile(
    r"\\+u([0-9a-f]{4})|\\+x([0-9a-f]{2})|%(?:25)*([0-9a-f]{2})"
    r"|&#0{0,5}([0-9]{1,4});|&#x0{0,5}([0-9a-f]{1,4});|&(amp|lt|gt|quot|apos);|\\+|\0",
    re.IGNORECASE,
)


class Redactor:
    """Cuts a text to what an exception keeps of it, and blots out secrets in it.

    A secret is found as it is, and with any of its characters escaped as in JSON, a URL, HTML or
    Python; and in base64.
    """

    def __init__(self, *, token: str, secret: str) -> None:
        # Whoever has the signature has the token: the rest of it is the same for everybody.
        self._secrets = tuple(map(Hidden, (token, token.rpartition(".")[2], secret)))
        # A secret that the cut would halve is looked for as a whole.
        self._reach = _WIDEST * max(map(len, self._secrets))

    def __call__(self, text: str) -> str:
        """Cut a text, and blot out the secrets in what is kept."""
        whole = cut(text)
        looked_at = text[: len(whole) + self._reach]
        found = sorted(self._found(_ESCAPED.sub(_unescaped, looked_at)))
        if not found:
            return whole
        places = _places(looked_at)
        parts: list[str] = []
        end = 0
        for first, after in found:
            start = places[first]
            if start >= end:
                parts += [whole[end:start], _BLOT if start < len(whole) else ""]
            end = max(end, places[after])
        return cut("".join([*parts, whole[end:]]))

    def _found(self, plain: str) -> Iterator[tuple[int, int]]:
        for form in self._forms:
            start = plain.find(form)
            while start >= 0:
                end = start + len(form)
                around = plain[max(start - 1, 0) : start] + plain[end : end + 1]
                if len(form) >= _LONG or not any(map(str.isalnum, around)):
                    yield start, end
                start = plain.find(form, start + 1)

    @cached_property
    def _forms(self) -> tuple[str, ...]:
        forms: set[str] = set()
        for secret in self._secrets:
            as_bytes = secret.encode(errors="replace")
            forms |= {secret, as_bytes.decode("latin-1"), *_base64(as_bytes)}
        forms |= {_ESCAPED.sub(_unescaped, form) for form in forms}
        return tuple(map(Hidden, forms - {""}))


class WithoutSecrets:
    """Takes the secrets out of what is raised inside, but for a fault of the program.

    An exception of ours gets the id of the request.

    The frames beneath go too: their local variables are the headers of the request, which hold the
    token, and the answer, which may repeat it. What the caller was handling is left alone.
    """

    __slots__ = ("_handled", "_redactor", "_request_id")

    def __init__(self, redactor: Redactor, request_id: str | None = None) -> None:
        self._redactor = redactor
        self._request_id = request_id
        self._handled = sys.exception()

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        """Take the secrets out of an exception, and of what lies beneath it."""
        if error is None or (
            isinstance(error, Exception) and not isinstance(error, StreamException)
        ):
            return
        if isinstance(error, StreamException):
            error.request_id = self._request_id
        handled = () if self._handled is None else tuple(chain(self._handled))
        for cause in [found for found in chain(error) if found not in handled]:
            cause.__traceback__ = None
            said = shown(cause, str)
            clean = self._redactor(said)
            if clean != said or self._is_told_by(cause.args):
                cause.args = (clean,)
            for name, value in list(vars(cause).items()):
                if self._is_told_by(value):
                    setattr(cause, name, None)

    def _is_told_by(self, value: object) -> bool:
        text = brief(value)
        return self._redactor(text) != text


def _unescaped(match: re.Match[str]) -> str:
    unicode, byte, percent, decimal, hexadecimal, name = match.groups()
    digits = unicode or byte or percent or hexadecimal
    if digits:
        return chr(int(digits, 16))
    return chr(int(decimal)) if decimal else _NAMED.get(name, "")


def _places(text: str) -> list[int]:
    """Where each character of the unescaped text begins, and where the text ends."""
    places: list[int] = []
    end = 0
    for match in _ESCAPED.finditer(text):
        places += range(end, match.start())
        places += [match.start()] * len(_unescaped(match))
        end = match.end()
    return [*places, *range(end, len(text) + 1)]


def _base64(secret: bytes) -> Iterator[str]:
    """What base64 makes of a secret, wherever in the encoded text it stands."""
    if len(secret) < _LONG:
        return
    for before in range(3):
        plain = b"\0" * before + secret
        # The characters at either end depend on what stands beside it.
        start, cut_off = (0, 2, 3)[before], (0, 2, 3)[len(plain) % 3]
        for encoded in (b64encode(plain), urlsafe_b64encode(plain)):
            bare = encoded.rstrip(b"=").decode()
            yield bare[start : len(bare) - (cut_off and 1)]
