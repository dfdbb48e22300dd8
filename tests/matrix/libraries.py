"""What the library beneath a foreign client decides, so that rxstream is not held to it."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .clients import Column
    from .fault import Fault

__all__ = ["RULES", "Rule", "libraries_decide"]

CHAT: Final = ("StreamChat", "StreamChatAsync")
SDKS: Final = ("Stream", "AsyncStream", *CHAT)
FOREIGN: Final = ("http_client sync", "http_client async", *SDKS)
ANY: Final = ("*",)
TYPED: Final = tuple(
    f"end: {end}" for end in ("completed", "invalid answer", "no answer", "deadline", "HTTP *")
)
BROKEN: Final = (
    "200, *",
    "HTTP 4xx",
    "Content-Length",
    "chunks",
    "compression",
    "connections",
    "heads",
    "odd statuses",
    "redirects",
    "too much",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that is a library's doing."""

    reason: str
    columns: tuple[str, ...]
    what: tuple[str, ...]
    """Patterns of what is not as designed."""
    groups: tuple[str, ...] = ANY
    """Patterns of groups of faults."""
    is_big: bool = False
    """Only of faults that are too much for memory."""

    def holds(self, column: Column, fault: Fault, what: str) -> bool:
        """Whether it explains something."""
        return (
            column.name in self.columns
            and any(fnmatchcase(what, pattern) for pattern in self.what)
            and any(fnmatchcase(fault.group, pattern) for pattern in self.groups)
            and (fault.is_big or not self.is_big)
        )


RULES: Final = (
    Rule(
        "How much the SDKs read of an answer, and what they log and keep in their frames.",
        (*SDKS, "helper sync", "helper async"),
        ("memory", "quiet", "secrets", "locals", "texts", "pickles"),
    ),
    Rule(
        "How long an SDK is busy with an answer of megabytes, or one without end.",
        SDKS,
        ("in time", "nothing is left", "next"),
        ("too much", "heads", "odd statuses", "surplus bytes"),
    ),
    Rule(
        "The SDKs read an answer without end, or nested 100,000 deep, until there is no memory.",
        SDKS,
        ("end: a bare MemoryError", "in time"),
        ("200, *", "too much"),
    ),
    Rule(
        "`getstream` ends the whole process at an integer of 4,301 digits, and hangs at brackets "
        "nested 100,000 deep.",
        ("Stream", "AsyncStream"),
        ("process",),
        ("200, *",),
    ),
    Rule(
        "`getstream` cannot read an answer whose rate-limit headers are out of range.",
        ("Stream", "AsyncStream"),
        ("end: invalid answer",),
        ("limits *",),
    ),
    Rule(
        "A request on an httpx client of your own, or of an SDK, is left to finish until that "
        "client's own time-out: cancelling it could damage the connection pool.",
        FOREIGN,
        ("request ends",),
    ),
    Rule(
        "Until then an answer without end keeps its place at the gate.",
        FOREIGN,
        ("place",),
        is_big=True,
    ),
    Rule(
        "Whether an SDK refuses a broken answer or reads it. The end has to be typed and the "
        "payload right, no more.",
        SDKS,
        TYPED,
        BROKEN,
    ),
    Rule("`stream_chat` follows redirects, wherever they lead.", CHAT, ("end: *",), ("redirects",)),
    Rule(
        "`stream_chat` on aiohttp loses the status of an error whose body is broken JSON.",
        ("StreamChatAsync",),
        ("end: invalid answer",),
        ("HTTP 5xx", "Retry-After"),
    ),
    Rule(
        "`requests` tries a connection a second time, so that one bad certificate is not seen.",
        ("StreamChat",),
        ("end: completed",),
        ("TLS",),
    ),
    Rule(
        "`stream_chat` on requests sleeps out a `Retry-After` inside `get_task`, where nobody can "
        "end it.",
        ("StreamChat",),
        ("place", "nothing is left"),
        ("Retry-After",),
    ),
    Rule("The SDKs time each read of a request, not all of it.", SDKS, TYPED, ("silence",)),
    Rule(
        "Bytes after an answer: httpx, requests and aiohttp take them for the next one.",
        FOREIGN,
        ("end: a wrong payload", "end: HTTP 400", "next"),
        ("surplus bytes",),
    ),
    Rule(
        "aiohttp takes a reset for the end of a body that says no length.",
        ("aiohttp",),
        ("end: invalid answer",),
        ("Content-Length",),
    ),
    Rule(
        "The thread of the resolver that aiohttp chooses where aiodns is installed.",
        ("StreamChatAsync",),
        ("nothing is left",),
    ),
)


def libraries_decide(column: Column, fault: Fault, what: str) -> bool:
    """Whether something that is not as designed is the library's doing."""
    return any(rule.holds(column, fault, what) for rule in RULES)
