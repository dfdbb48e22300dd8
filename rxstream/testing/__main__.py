"""`python -m rxstream.testing`: a server of Stream's task API, to try things out."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from . import TaskServer

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        arguments: The command line; None: that of the process.

    Returns:
        The exit status: 0, or 1 if the server cannot listen at the address.
    """
    options = _parser().parse_args(arguments)
    end = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        end.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        server = TaskServer(
            host=options.host,
            port=options.port,
            pending=options.pending,
            running=options.running,
            limit=options.limit,
        ).start()
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    with server:
        print(f"export STREAM_BASE_URL={server.url}")
        print(f"export STREAM_API_KEY={server.api_key}")
        print(f"export STREAM_API_SECRET={server.api_secret}", flush=True)
        end.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rxstream.testing", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", type=int, default=0, help="0: any port that is free")
    parser.add_argument("--pending", type=float, default=0.3, help="seconds that a task is pending")
    parser.add_argument("--running", type=float, default=0.7, help="seconds that it is running")
    parser.add_argument("--limit", type=int, default=6000, help="requests per endpoint and minute")
    return parser


if __name__ == "__main__":
    sys.exit(main())
