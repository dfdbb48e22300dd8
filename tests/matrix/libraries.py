"""What the library beneath a foreign client decides, so that rxstream is not held to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .clients import Column
    from .fault import Fault

__all__ = ["REASONS", "libraries_decide"]

REASONS: Final = (
    "How much of an answer the SDKs read, how long they go on after a wait has ended, and what "
    "they log and keep in their frames.",
    "A request on an httpx client of your own, or of an SDK, is left to finish: cancelling it could "
    "damage the connection pool. It ends at that client's own time-out.",
    "Whether a broken answer is refused or read: the end has to be typed and the payload right, "
    "no more.",
    "The SDKs time each read of a request, not all of it.",
    "`stream_chat` follows redirects, wherever they lead, and `requests` tries a connection a second time, so that a "
    "single bad certificate is not seen.",
    "`stream_chat.StreamChat` sleeps out a `Retry-After` inside `get_task`, where nobody can end it.",
    "Bytes after an answer: httpx, requests and aiohttp take them for the next one.",
    "The thread that aiohttp's resolver keeps.",
)
_SDKS: Final = frozenset({"getstream", "stream_chat"})
_THEIRS: Final = frozenset({"memory", "quiet", "secrets", "locals", "texts"})
_READING: Final = frozenset(
    {
        "200, odd fields",
        "200, no task",
        "HTTP 4xx",
        "Content-Length",
        "chunks",
        "compression",
        "connections",
        "heads",
        "odd statuses",
        "redirects",
        "too much",
    }
)


def libraries_decide(column: Column, fault: Fault, what: str) -> bool:
    """Whether something that is not as designed is the library's doing."""
    if column.is_own:
        return False
    if what == "request ends":
        return True
    if what == "place" and fault.is_big:
        return True
    if fault.group == "surplus bytes" and what in {"end: a wrong payload", "next"}:
        return True
    if column.owner not in _SDKS:
        return False
    if what in _THEIRS or (what == "in time" and fault.is_big):
        return True
    if what in {"nothing is left", "place"} and column.name == "StreamChat":
        return fault.group in {"Retry-After", "too much", "odd statuses"}
    if what == "nothing is left":
        return column.name == "StreamChatAsync" or fault.is_big
    if what == "end: completed" and column.name == "StreamChat":
        return fault.group in {"TLS", *_READING}
    if what.startswith("end: ") and column.owner == "stream_chat" and fault.group == "redirects":
        return True
    end = what.removeprefix("end: ")
    if fault.group == "silence" and end == "deadline":
        return True
    if fault.group == "HTTP 5xx" and end == "invalid answer":
        return column.name == "StreamChatAsync"
    return fault.group in _READING and (
        end in {"completed", "invalid answer", "no answer", "deadline"} or end.startswith("HTTP")
    )
