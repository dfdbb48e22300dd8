"""Tools to test code that waits for tasks: scripts, fakes, a server, virtual time."""

from ._answers import (
    Answer,
    Quota,
    completed,
    delayed,
    drip,
    failed,
    hang,
    rate_limited,
    reset,
    status,
)
from ._fake import FakeAsyncClient, FakeClient
from ._faults import garbage, http_error, raw, redirect
from ._left import assert_nothing_left
from ._log import RequestRecord
from ._loop import VirtualLoop, run_virtual
from ._marbles import draw_marbles, marbles
from ._render import Rendered, render
from ._script import Playback, Script
from ._virtual import Emission, VirtualTime

try:
    from ._server import TaskServer
except ModuleNotFoundError as _missing:
    if _missing.name is None or _missing.name.partition(".")[0] not in {"starlette", "uvicorn"}:
        raise

    def __getattr__(name: str) -> object:
        if name == "TaskServer":
            msg = "TaskServer needs starlette and uvicorn: pip install 'rxstream[testing]'"
            raise ImportError(msg)
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)


__all__ = [
    "Answer",
    "Emission",
    "FakeAsyncClient",
    "FakeClient",
    "Playback",
    "Quota",
    "Rendered",
    "RequestRecord",
    "Script",
    "TaskServer",
    "VirtualLoop",
    "VirtualTime",
    "assert_nothing_left",
    "completed",
    "delayed",
    "draw_marbles",
    "drip",
    "failed",
    "garbage",
    "hang",
    "http_error",
    "marbles",
    "rate_limited",
    "raw",
    "redirect",
    "render",
    "reset",
    "run_virtual",
    "status",
]
