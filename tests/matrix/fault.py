"""What a fault is, and what kinds there are."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from .server import Peer

__all__ = ["TASK", "Fault", "Kind", "Level", "answer", "running", "task_body"]

TASK = "5a1f0c9e-task"
"""The id that a cell waits for."""

Level: TypeAlias = Literal["answer", "connect", "port", "tls"]


class Kind(enum.Enum):
    """What a fault means, and so how a wait has to end."""

    HARMLESS = "an odd answer that says that the task is running"
    COMPLETED = "an odd answer that says that the task is done"
    FAILED = "an odd answer that says that the task failed"
    TRANSIENT = "worth another try"
    CLOSING = "asks for a longer pause than the wait has time"
    API = "an HTTP error that stays"
    INVALID = "no answer of Stream's"
    CERTIFICATE = "a certificate that is not to be trusted"
    HANG = "no whole answer, ever"
    EITHER = "refused or asked again; never believed, and never read without end"
    OTHER_TASK = "an answer about another task"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, or only looks odd."""

    group: str
    name: str
    kind: Kind
    play: Callable[[Peer], None]
    level: Level = "answer"
    """Played in place of an answer, of a connection, of the port, or of a TLS handshake."""
    status: int | None = None
    """The HTTP status, where the kind is `API`."""
    payload: Any = None
    """What the wait gives, where the kind is `COMPLETED`; None: the task's own."""
    is_big: bool = False
    """Whether memory is measured."""
    request_timeout: float | None = None
    """How long one request may take; None: longer than the wait."""
    poll_interval: float = 0.02
    context: Callable[[ssl.SSLContext], ssl.SSLContext] | None = None
    """For the level `tls`: makes the bad context."""
    fills_backlog: bool = False
    """For the level `port`: connecting hangs; else it is refused."""
    is_typical: bool = False
    """Whether it stands for its group in the short form."""

    @property
    def label(self) -> str:
        """Names it among all."""
        return f"{self.group}: {self.name}"


def task_body(status: str = "running", task_id: str = TASK, /, **fields: Any) -> bytes:
    """A task as Stream says it; its payload carries its id."""
    said: dict[str, Any] = {
        "task_id": task_id,
        "status": status,
        "created_at": 1_750_000_000_000_000_000,
        "updated_at": 1_750_000_001_000_000_000,
        "duration": "1.00ms",
    }
    if status == "completed":
        said["result"] = {"id": task_id}
    return json.dumps({**said, **fields}).encode()


def answer(
    body: bytes = b"",
    *headers: bytes,
    status: bytes = b"200 OK",
    kind: bytes = b"application/json",
    length: bool = True,
) -> bytes:
    """An HTTP answer, byte for byte."""
    lines = [b"HTTP/1.1 " + status, b"Content-Type: " + kind, *headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def running(*headers: bytes) -> bytes:
    """A good answer with odd headers."""
    return answer(task_body(), *headers)
