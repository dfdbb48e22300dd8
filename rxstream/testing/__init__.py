"""Tools to test code that waits for tasks: scripts, fakes, a server, virtual time.

Each name is imported when it is first asked for, since pytest imports this package in every run. A
new one stands twice: for type checkers and for Python.
"""

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from ._answers import Answer as Answer
    from ._answers import Quota as Quota
    from ._answers import completed as completed
    from ._answers import delayed as delayed
    from ._answers import drip as drip
    from ._answers import failed as failed
    from ._answers import hang as hang
    from ._answers import rate_limited as rate_limited
    from ._answers import reset as reset
    from ._answers import status as status
    from ._fake import FakeAsyncClient as FakeAsyncClient
    from ._fake import FakeClient as FakeClient
    from ._faults import garbage as garbage
    from ._faults import http_error as http_error
    from ._faults import raw as raw
    from ._faults import redirect as redirect
    from ._left import assert_nothing_left as assert_nothing_left
    from ._log import RequestRecord as RequestRecord
    from ._loop import VirtualLoop as VirtualLoop
    from ._loop import run_virtual as run_virtual
    from ._marbles import draw_marbles as draw_marbles
    from ._marbles import marbles as marbles
    from ._render import Rendered as Rendered
    from ._render import render as render
    from ._script import Playback as Playback
    from ._script import Script as Script
    from ._server import TaskServer as TaskServer
    from ._virtual import Emission as Emission
    from ._virtual import VirtualTime as VirtualTime
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "Answer": "_answers",
            "Emission": "_virtual",
            "FakeAsyncClient": "_fake",
            "FakeClient": "_fake",
            "Playback": "_script",
            "Quota": "_answers",
            "Rendered": "_render",
            "RequestRecord": "_log",
            "Script": "_script",
            "TaskServer": "_server",
            "VirtualLoop": "_loop",
            "VirtualTime": "_virtual",
            "assert_nothing_left": "_left",
            "completed": "_answers",
            "delayed": "_answers",
            "draw_marbles": "_marbles",
            "drip": "_answers",
            "failed": "_answers",
            "garbage": "_faults",
            "hang": "_answers",
            "http_error": "_faults",
            "marbles": "_marbles",
            "rate_limited": "_answers",
            "raw": "_faults",
            "redirect": "_faults",
            "render": "_render",
            "reset": "_answers",
            "run_virtual": "_loop",
            "status": "_answers",
        },
    )
