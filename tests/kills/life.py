"""What a process does until it is killed: it waits on all ids with a journal, and says so.

Each thing it says is one line of a file, written without a buffer, so that a kill takes nothing of
it back.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

from rxstream import TaskOutcome, tasks_observable
from rxstream._records import to_record
from rxstream.errors import StreamApiException
from rxstream.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["MOMENTS", "ROOM", "live"]

MOMENTS: Final = (
    "before add",
    "between add and first poll",
    "in flight",
    "between answer and commit",
    "within a commit",
    "between commit and emit",
    "after emit",
)
"""Where a process kills itself. At random, others kill it."""

ROOM: Final = 40
"""How many waits there are at once, at most."""


class _Bomb:
    """Kills this process when a moment has come for the nth time."""

    def __init__(self, moment: str | None, times: int) -> None:
        self._moment = moment
        self._left = times

    def at(self, moment: str) -> None:
        if moment == self._moment:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class _Diary:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def say(self, *words: object) -> None:
        os.write(self._file, f"{' '.join(map(str, words))}\n".encode())


class _Tasks:
    """A client; each task needs two polls of a process, one in ten fails, and one is refused."""

    def __init__(self, diary: _Diary, bomb: _Bomb, seed: int) -> None:
        self._diary = diary
        self._bomb = bomb
        self._draw = random.Random(seed)
        self._seen: set[str] = set()

    def before(self, task_id: str) -> None:
        self._bomb.at("between add and first poll")
        self._diary.say("poll", task_id)
        self._bomb.at("in flight")

    def answer(self, task_id: str) -> dict[str, Any]:
        number = int(task_id[1:])
        if task_id not in self._seen:
            self._seen.add(task_id)
            return {"task_id": task_id, "status": "running"}
        if number % 10 == 1:
            return {"task_id": task_id, "status": "failed", "error": {"description": "no"}}
        if number % 10 == 2:
            raise StreamApiException(status_code=403, code=17, message="not allowed")
        return {"task_id": task_id, "status": "completed", "result": {"n": number}}

    def pause(self) -> float:
        return self._draw.uniform(0.0, 0.004)


class _Sync(_Tasks):
    def get_task(self, task_id: str) -> dict[str, Any]:
        self.before(task_id)
        threading.Event().wait(self.pause())
        return self.answer(task_id)


class _Async(_Tasks):
    async def get_task(self, task_id: str) -> dict[str, Any]:
        self.before(task_id)
        await asyncio.sleep(self.pause())
        return self.answer(task_id)


def live(
    kind: str, path: Path, diary_path: Path, ids: int, moment: str | None, times: int, seed: int
) -> None:
    """Wait on all ids.

    Args:
        kind: `sync` or `async`.
        path: The file of the journal.
        diary_path: Where to say what happens.
        ids: How many.
        moment: When to end, or None.
        times: For the how manyth time.
        seed: Of the server's pauses.
    """
    diary, bomb = _Diary(diary_path), _Bomb(moment, times)
    with Journal(path) as journal:
        _wire(journal, bomb)

        def emitted(outcome: TaskOutcome) -> None:
            word = "replayed" if outcome.replayed else "emitted"
            diary.say(word, outcome.task_id, to_record(outcome).replace(" ", "_"))
            bomb.at("after emit")

        make = _Sync if kind == "sync" else _Async
        outcomes = tasks_observable(
            make(diary, bomb, seed),
            (f"t{number}" for number in range(ids)),
            journal=journal,
            max_concurrent=ROOM,
            poll_interval=0.001,
            retry=None,
        )
        if kind == "sync":
            over = threading.Event()
            with outcomes.subscribe(emitted, on_completed=over.set):
                over.wait()
        else:
            asyncio.run(_wait(outcomes, emitted))
    diary.say("end")


async def _wait(outcomes: Any, emitted: Callable[[TaskOutcome], None]) -> None:
    over = asyncio.Event()
    with outcomes.subscribe(emitted, on_completed=over.set):
        await over.wait()


def _wire(journal: Any, bomb: _Bomb) -> None:
    """Put the bomb where a moment is inside the journal."""
    add, ledger = journal.add, journal._verbs._ledger

    def add_or_die(*given: Any, **keywords: Any) -> None:
        bomb.at("before add")
        add(*given, **keywords)

    commit = ledger.commit

    def commit_or_die() -> None:
        group = ledger._group
        if group._records:
            bomb.at("between answer and commit")
            bomb_within = ledger._connection
            ledger._connection = _Torn(bomb_within, bomb)
            group.then.insert(0, (lambda *_: bomb.at("between commit and emit"), None, None))
        commit()
        ledger._connection = getattr(ledger._connection, "beneath", ledger._connection)

    journal.add = add_or_die
    ledger.commit = commit_or_die


class _Torn:
    """A connection that is cut before its last word."""

    def __init__(self, beneath: Any, bomb: _Bomb) -> None:
        self.beneath = beneath
        self._bomb = bomb

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)

    def execute(self, sql: str) -> Any:
        if sql == "COMMIT":
            self._bomb.at("within a commit")
        return self.beneath.execute(sql)
