"""Delete all users of a file: batches, a plain loop, a report, and what became of each id.

Without STREAM_API_KEY and STREAM_API_SECRET it starts an embedded server and needs no account:

    python examples/many_ids.py [users.txt [report.jsonl]]
"""

import json
import os
import sys
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from rxstream import StreamClient, TaskOutcome, start_tasks
from rxstream.results import Deleted
from rxstream.testing import TaskServer, completed

DEADLINE = 600.0  # seconds, for the whole file
# What the embedded server says of each batch: one of these users could not be deleted.
ANSWER = completed({"user-7": {"status": "user is locked"}, "user-8": {"status": "ok"}})


def main(file: str = "", report: str = os.devnull) -> int:
    """Delete the users; the exit status is 0 if all of them are deleted."""
    sample = [f"user-{number}" for number in range(250)]
    lines = Path(file).read_text(encoding="utf-8").splitlines() if file else sample
    # Each id once, in the order of the file, without empty lines.
    users = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    unknown = dict.fromkeys(users, "not known")
    bad: dict[str, str] = {}
    with ExitStack() as stack:
        out = stack.enter_context(Path(report).open("w", encoding="utf-8"))
        client = connect(stack)
        delete = partial(client.delete_users, user="hard", messages="hard")
        # In batches of 100, as Stream takes them, and never faster than the rate limit allows.
        started = start_tasks(delete, users)
        outcomes = stack.enter_context(client.wait_for_tasks(started, timeout=DEADLINE))
        alarm = threading.Timer(DEADLINE, outcomes.close)  # ends the loop
        stack.callback(alarm.cancel)
        alarm.start()
        try:
            for outcome in outcomes:
                print(json.dumps(outcome.to_dict()), file=out, flush=True)
                bad |= failures(outcome)
                for user in outcome.items:
                    unknown.pop(user, None)
        except KeyboardInterrupt:
            print("interrupted: what was started goes on at Stream", file=sys.stderr)
    for user, reason in (bad | unknown).items():
        print(f"{user}: {reason}")
    print(f"{len(users)} users, {len(bad)} not deleted, {len(unknown)} not known")
    return 1 if bad or unknown else 0


def failures(outcome: TaskOutcome[Deleted]) -> dict[str, str]:
    """Tell which users of a batch are not deleted, and why."""
    if outcome.error is not None:
        return dict.fromkeys(outcome.items, str(outcome.error))
    # A task that is completed may hold users that it could not delete.
    told = (outcome.result or {}).items()
    return {user: item["status"] for user, item in told if item["status"] != "ok"}


def connect(stack: ExitStack) -> StreamClient:
    """Make a client of the environment's Stream, else of an embedded server."""
    if os.environ.get("STREAM_API_KEY") and os.environ.get("STREAM_API_SECRET"):
        return stack.enter_context(StreamClient())
    server = stack.enter_context(TaskServer(["pending", "running", ANSWER]))
    client = StreamClient(server.api_key, server.api_secret, base_url=server.url)
    return stack.enter_context(client)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
