"""The quickstart without asyncio: three tasks at once, and no thread for each.

Without STREAM_API_KEY and STREAM_API_SECRET it starts an embedded server and needs no account:

    python examples/quickstart_sync.py
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import ExitStack
from textwrap import indent

from reactivex import operators as ops

from rxstream import StreamClient, TaskHandle, TaskSnapshot, task_observable
from rxstream.errors import StreamTaskException, TaskTimeoutException
from rxstream.testing import TaskServer, failed

DOOMED = failed(
    "no space left on device",
    error_type="storage",
    stack_trace="goroutine 7 [running]:\nexport.(*Worker).Run(worker.go:214)",
)


def main() -> int:
    """Start the tasks, watch them all at once, and see whether they ended as announced."""
    with ExitStack() as stack:
        embedded = not (os.environ.get("STREAM_API_KEY") and os.environ.get("STREAM_API_SECRET"))
        if embedded:
            server = stack.enter_context(TaskServer())
            doomed = server.add_task(["pending", "running", DOOMED])
            client = StreamClient(server.api_key, server.api_secret, base_url=server.url)
        else:
            doomed = "00000000-0000-0000-0000-000000000000"
            client = StreamClient()
        stack.enter_context(client)
        print(f"polling {client.base_url}{' (embedded)' if embedded else ''}\n")

        delete = client.delete_channels(["messaging:rxstream-quickstart"], hard_delete=True)
        export = client.export_users(["rxstream-quickstart"])
        watches = [
            Watch(client, "hard delete", delete),
            # The embedded server takes a second for an export, and is not given as much.
            Watch(client, "user export", export, timeout=0.8 if embedded else 60.0),
            Watch(client, "doomed task", doomed),
        ]
        ends = [watch.wait() for watch in watches]
    announced = ["completed", "timed out" if embedded else "completed", "failed"]
    print(f"\n{'all went' if ends == announced else 'NOT'} as announced: {', '.join(ends)}")
    return 0 if ends == announced else 1


class Watch:
    """Prints a line for each change of a task's status and a few about its end."""

    def __init__(
        self, client: StreamClient, name: str, task: TaskHandle | str, timeout: float = 60.0
    ) -> None:
        """Begin to poll."""
        self.name = name
        self.end = "not started"
        self.last: TaskSnapshot | None = None
        self.done = threading.Event()
        task_observable(client, task, poll_interval=0.1, timeout=timeout).pipe(
            ops.distinct_until_changed(status_of),
        ).subscribe(self.changed, self.failed, self.completed)

    def say(self, text: str) -> None:
        """Print one line."""
        print(f"{self.name:<12} {text}\n", end="")  # in one piece: these come from several threads

    def changed(self, snapshot: TaskSnapshot) -> None:
        """Another status."""
        self.last = snapshot
        self.say(snapshot.status)

    def completed(self) -> None:
        """The end, with the payload."""
        self.say(f"-> {self.last.result if self.last else None}")
        self.end = "completed"
        self.done.set()

    def failed(self, error: Exception) -> None:
        """The end, with an error."""
        self.end = "failed"
        if isinstance(error, StreamTaskException):
            trace = indent(error.stack_trace or "(no stack trace)", " " * 16)
            self.say(f"-> {error.error_type}: {error.description}\n{trace}")
        elif isinstance(error, TaskTimeoutException):
            self.say(f"-> {error}; it may still end on the server")
            self.end = "timed out"
        else:
            self.say(f"-> {error}")
        self.done.set()

    def wait(self) -> str:
        """Block until the end, and tell which it was."""
        self.done.wait()
        return self.end


def status_of(snapshot: TaskSnapshot) -> str:
    """Give what a change is a change of."""
    return snapshot.status


if __name__ == "__main__":
    sys.exit(main())
