"""`python -m rxstream.testing`: a server of Stream's task API, to try things out."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Final

from . import TaskServer
from ._planted import Planted, planted, turns

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["main"]

_EXAMPLES: Final = """\
a task is planted as ID=ANSWER[,ANSWER...]: each poll takes the next answer, and the last one is
repeated for ever. An answer is

  failed            the task failed; failed:TEXT says why (without a comma)
  404, 429, 503...  an HTTP error with Stream's envelope
  hang, reset       no answer, or a connection that is reset
  anything else     a task with this status: pending, running, completed...

example: one task fails, one completes after a 503, and one never ends

  python -m rxstream.testing --task 'export-1=running,failed:no such channel' \\
    --task export-2=503,completed --task export-3=running

getstream does not read STREAM_BASE_URL: pass base_url, or its clients talk to Stream itself.
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        arguments: The command line; None: that of the process.

    Returns:
        The exit status: 0, or 1 if the server cannot listen at the address.
    """
    options = _parser().parse_args(arguments)
    try:
        server = TaskServer(
            options.started,
            host=options.host,
            port=options.port,
            pending=options.pending,
            running=options.running,
            limit=options.limit,
        )
        for task in options.task:
            server.add_task(task.script, task.task_id)
        with _told_to_end() as end, server:
            print(f"export STREAM_BASE_URL={server.url}")
            print(f"export STREAM_API_KEY={server.api_key}")
            print(f"export STREAM_API_SECRET={server.api_secret}", flush=True)
            end.wait()
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


@contextmanager
def _told_to_end() -> Generator[Event]:
    """Set an event at Ctrl-C and at SIGTERM; give the handlers of before back at the end."""
    end = Event()

    def stop(_number: int, _frame: object) -> None:
        end.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield end
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rxstream.testing",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", type=int, default=0, help="0: any port that is free")
    parser.add_argument(
        "--task",
        type=planted,
        action="append",
        default=list[Planted](),
        metavar="ID=ANSWER,...",
        help="plant a task; repeat it for more",
    )
    parser.add_argument(
        "--started",
        type=turns,
        metavar="ANSWER,...",
        help="what the tasks answer that calls of the API start, instead of --pending, --running",
    )
    parser.add_argument("--pending", type=float, default=0.3, help="seconds that a task is pending")
    parser.add_argument("--running", type=float, default=0.7, help="seconds that it is running")
    parser.add_argument("--limit", type=int, default=6000, help="requests per endpoint and minute")
    return parser


if __name__ == "__main__":
    sys.exit(main())
