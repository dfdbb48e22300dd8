"""The server of one round, in a process of its own that somebody is going to kill."""

from __future__ import annotations

import sys
import threading

from rxstream.testing import TaskServer

from .tasks import API_KEY, API_SECRET, plan_of


def main() -> None:
    """Serve the ids of standard input on a port until killed."""
    server = TaskServer(port=int(sys.argv[1]), limit=10**9, api_key=API_KEY, api_secret=API_SECRET)
    for line in sys.stdin:
        task_id = line.strip()
        server.add_task(plan_of(task_id).answers, task_id)
    with server:
        threading.Event().wait()


if __name__ == "__main__":
    main()
