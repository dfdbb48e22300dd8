"""Watch three of Stream's background tasks at once, until each has ended in its own way.

Without STREAM_API_KEY and STREAM_API_SECRET it starts an embedded server and needs no account:

    python examples/quickstart.py
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from textwrap import indent

from reactivex import operators as ops

from rxstream import AsyncStreamClient, AsyncTaskHandle, TaskSnapshot, task_observable
from rxstream.errors import StreamApiException, StreamTaskException, TaskTimeoutException
from rxstream.testing import TaskServer, failed

DOOMED = failed(
    "no space left on device",
    error_type="storage",
    stack_trace="goroutine 7 [running]:\nexport.(*Worker).Run(worker.go:214)",
)


async def main() -> int:
    """Start the tasks, watch them all at once, and see whether they ended as announced."""
    async with AsyncExitStack() as stack:
        embedded = not (os.environ.get("STREAM_API_KEY") and os.environ.get("STREAM_API_SECRET"))
        if embedded:
            server = await stack.enter_async_context(TaskServer())
            doomed = server.add_task(["pending", "running", DOOMED])
            client = AsyncStreamClient(server.api_key, server.api_secret, base_url=server.url)
        else:
            doomed = "00000000-0000-0000-0000-000000000000"
            client = AsyncStreamClient()
        await stack.enter_async_context(client)
        print(f"polling {client.base_url}{' (embedded)' if embedded else ''}\n")

        delete = await client.delete_channels(["messaging:rxstream-quickstart"], hard_delete=True)
        export = await client.export_users(["rxstream-quickstart"])
        ends = await asyncio.gather(
            watch(client, "hard delete", delete),
            # The embedded server takes a second for an export, and is not given as much.
            watch(client, "user export", export, timeout=0.8 if embedded else 60.0),
            watch(client, "doomed task", doomed),
        )
    announced = ["completed", "timed out" if embedded else "completed", "failed"]
    as_announced = list(ends) == announced
    print(f"\n{'all went' if as_announced else 'NOT'} as announced: {', '.join(ends)}")
    return 0 if as_announced else 1


async def watch(
    client: AsyncStreamClient,
    name: str,
    task: AsyncTaskHandle | str,
    timeout: float = 60.0,  # noqa: ASYNC109 -- of the task, not of this coroutine
) -> str:
    """Print a line for each change of a task's status and a few about its end."""

    def print_change(snapshot: TaskSnapshot) -> None:
        print(f"{name:<12} {snapshot.status}")

    try:
        last = await task_observable(client, task, poll_interval=0.1, timeout=timeout).pipe(
            ops.distinct_until_changed(status_of),
            ops.do_action(print_change),
        )
    except StreamTaskException as error:
        print(f"{name:<12} -> {error.error_type}: {error.description}")
        print(indent(error.stack_trace or "(no stack trace)", " " * 16))
        return "failed"
    except TaskTimeoutException as error:
        print(f"{name:<12} -> {error}; it may still end on the server")
        return "timed out"
    except StreamApiException as error:
        print(f"{name:<12} -> {error}")
        return "failed"
    print(f"{name:<12} -> {last.result}")
    return "completed"


def status_of(snapshot: TaskSnapshot) -> str:
    """Give what a change is a change of."""
    return snapshot.status


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
