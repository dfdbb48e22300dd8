"""Plays many cells, each worker process one at a time; who falls silent is ended."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .clients import COLUMNS, SECRET
from .faults import every_fault
from .libraries import libraries_decide
from .moments import MOMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Played", "cells", "play"]

ROOT: Final = Path(__file__).parents[2]
SILENCE: Final = 90.0


@dataclass(frozen=True, slots=True)
class Played:
    """A cell, and how it went."""

    column: str
    moment: str
    fault: str
    end: str
    seconds: float
    memory: float
    wrong: tuple[str, ...]
    left_to_library: tuple[str, ...]


def cells(
    *, full: bool, columns: Sequence[str] = (), only: str = "", sample: int = 1
) -> Iterator[tuple[str, str, str]]:
    """Name cells: all, or each typical fault at one moment with some clients, in turn.

    Args:
        full: All.
        columns: Only these clients; empty: any.
        only: Only faults whose name contains this.
        sample: One of so many, the same each time.
    """
    every = list(_every(full=full, columns=columns, only=only))
    chosen = sorted(random.Random(0).sample(range(len(every)), len(every) // sample))
    yield from (every[number] for number in chosen)


def _every(*, full: bool, columns: Sequence[str], only: str) -> Iterator[tuple[str, str, str]]:
    names = columns or tuple(COLUMNS)
    faults = [
        fault
        for fault in every_fault().values()
        if (full or fault.is_typical) and only in fault.label
    ]
    moments = list(MOMENTS)
    for row, fault in enumerate(faults):
        for number, column in enumerate(names):
            if not full and not columns and not _has_its_turn(column, row):
                continue
            for moment in moments if full else [moments[(row + number) % 3]]:
                if MOMENTS[moment].concerns(fault, helper=COLUMNS[column].is_helper):
                    yield column, moment, fault.label


def _has_its_turn(column: str, row: int) -> bool:
    """Our own clients always, two of the others, and the official helper never."""
    if COLUMNS[column].is_helper:
        return False
    others = [name for name in COLUMNS if not COLUMNS[name].is_own][:6]
    return COLUMNS[column].is_own or others.index(column) % 3 == row % 3


async def play(
    todo: Sequence[tuple[str, str, str]],
    workers: int,
    on_played: Callable[[Played], object] = lambda _: None,
) -> list[Played]:
    """Play cells, and give how they went."""
    left = deque(todo)
    done: list[Played] = []

    async def work() -> None:
        worker = _Worker()
        try:
            while left:
                cell = left.popleft()
                played = await worker.play(cell)
                done.append(played)
                on_played(played)
        finally:
            await worker.end()

    async with asyncio.TaskGroup() as group:
        for _ in range(min(workers, len(left))):
            group.create_task(work())
    return done


class _Worker:
    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[bytes] | None = None

    async def play(self, cell: tuple[str, str, str]) -> Played:
        process = await self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(("\t".join(cell) + "\n").encode())
            await process.stdin.drain()
            async with asyncio.timeout(SILENCE):
                line = await process.stdout.readline()
        except (TimeoutError, ConnectionError):
            line = b""
        if line:
            said: dict[str, Any] = json.loads(line)
            said["wrong"], said["left_to_library"] = (
                tuple(said[name]) for name in ("wrong", "left_to_library")
            )
            return Played(*cell, **said)
        await self.end()
        column, _, label = cell
        ended = ("the process hung or died",)
        is_theirs = libraries_decide(COLUMNS[column], every_fault()[label], "process")
        wrong, theirs = ((), ended) if is_theirs else (ended, ())
        return Played(*cell, "never", SILENCE, 0.0, wrong, theirs)

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                f"{__package__}.worker",
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=2**24,
            )
            assert self._process.stderr is not None
            self._reading = asyncio.create_task(self._process.stderr.read())
        return self._process

    async def end(self) -> None:
        if self._process is None or self._reading is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        errors = (await self._reading).decode("utf-8", "replace")
        self._process = self._reading = None
        assert SECRET not in errors
        if "Traceback" in errors:
            sys.stderr.write(errors[-4_000:])
