"""Waits with a journal and without: the same ids, the same answers, one process each."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import tempfile
import time
import uuid
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rxstream import tasks_observable
from rxstream._wire.fields import snapshot_of
from rxstream.journal import Journal

from .many import ROOM, resident
from .report import require

if TYPE_CHECKING:
    from argparse import Namespace

    from rxstream import TaskOutcome, TaskSnapshot

__all__ = ["CONTENDERS", "journalled"]

CONTENDERS: Final = ("journal-none", "journal-file")
_SAMPLES: Final = 20
_CREATED: Final = 1_754_000_000_000_000_000


class _Client:
    """Each task runs at its first poll, and is done at its second."""

    def __init__(self) -> None:
        self.polls = 0
        self._running: set[str] = set()

    async def get_task(self, task_id: str) -> TaskSnapshot:
        self.polls += 1
        said: dict[str, Any] = {"task_id": task_id, "status": "running", "duration": "1.23ms"}
        if task_id in self._running:
            self._running.remove(task_id)
            said |= {"status": "completed", "result": {f"user-{task_id[-12:]}": {"status": "ok"}}}
        else:
            self._running.add(task_id)
        said |= {"created_at": _CREATED, "updated_at": _CREATED}
        snapshot = snapshot_of(json.loads(json.dumps(said)), task_id=task_id)
        assert snapshot is not None
        return snapshot


def journalled(options: Namespace) -> dict[str, Any]:
    """Wait on all of them, `options.name` with a journal; then, with one, once more."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.db"
        if options.name == CONTENDERS[0]:
            return asyncio.run(_run(options.waits, None))
        asyncio.run(_run(100, path.with_name("warm.db")))
        found = asyncio.run(_run(options.waits, path))
        found["bytes"] = path.stat().st_size / options.waits
        if options.repeat:
            found["replay"] = asyncio.run(_run(options.waits, path, polls=0))["wall"]
        return found


def _id_of(number: int) -> str:
    """Random, as Stream's are, and the same each time: an index has no order to profit from."""
    return str(uuid.UUID(bytes=hashlib.md5(number.to_bytes(8)).digest()))


async def _run(total: int, path: Path | None, polls: int = 2) -> dict[str, Any]:
    over, client = asyncio.Event(), _Client()
    samples: list[tuple[int, int]] = []
    done = wrong = 0
    every = max(total // _SAMPLES, 1)

    def outcome(outcome: TaskOutcome) -> None:
        nonlocal done, wrong
        done += 1
        wrong += not outcome.ok or outcome.result != {
            f"user-{outcome.task_id[-12:]}": {"status": "ok"}
        }
        if done % every == 0:
            samples.append((done, resident()))

    gc.collect()
    cpu, wall = time.process_time(), time.monotonic()
    with nullcontext() if path is None else Journal(path) as journal:
        outcomes = tasks_observable(
            client,
            map(_id_of, range(total)),
            max_concurrent=ROOM,
            poll_interval=0.001,
            journal=journal,
        )
        with outcomes.subscribe(outcome, on_completed=over.set):
            await over.wait()
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    require(not wrong, f"{wrong} wrong outcomes")
    require(done == total, f"{done} outcomes of {total}")
    require(client.polls == polls * total, f"{client.polls} polls of {polls * total}")
    return {"cpu": cpu / total * 1e6, "wall": wall, "samples": samples}
