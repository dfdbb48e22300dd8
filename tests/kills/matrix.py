"""Kills processes, and checks what they leave behind."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rxstream._records import to_record
from rxstream.errors import JournalException
from rxstream.journal import JournalReader

from .life import MOMENTS, ROOM, live

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Figures", "matrix"]

_AT_RANDOM: Final = "at random"
_KINDS: Final = ("async", "sync")
_MOST_LIVES: Final = 40


@dataclass
class Figures:
    """What came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    outcomes: int = 0
    lost: int = 0
    twice: int = 0
    changed: int = 0
    early: int = 0
    extra_polls: int = 0
    allowed_polls: int = 0
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """All of it, to be read."""
        killed = ", ".join(f"{moment} {count}" for moment, count in sorted(self.kills.items()))
        outcomes = (
            f"{self.outcomes} outcomes: lost {self.lost}, recorded twice {self.twice}, "
            f"changed {self.changed}, emitted before they were recorded {self.early}"
        )
        polls = (
            f"{self.extra_polls} polls were made again, "
            f"{self.allowed_polls} were in flight when a process was killed"
        )
        kills = f"{self.kills.total()} kills in {self.rounds} rounds: {killed}"
        return [kills, outcomes, polls, *(f"WRONG: {line}" for line in self.wrong)]


def matrix(
    kills: int, seed: int, ids: int, tell: Callable[[str], None], *, each: int = 8
) -> Figures:
    """Kill processes at each moment in turn, until there are as many kills as wanted.

    The process that calls this forks: it should have no other threads.

    Args:
        kills: How many.
        seed: Of what is left to chance.
        ids: How many waits each process has.
        tell: Takes a line after each round.
        each: How many kills a round may have.
    """
    draw, figures = random.Random(seed), Figures()
    turns = [(kind, moment) for moment in (*MOMENTS, _AT_RANDOM) for kind in _KINDS]
    while figures.kills.total() < kills:
        kind, moment = turns[figures.rounds % len(turns)]
        with tempfile.TemporaryDirectory() as folder:
            round_ = _Round(Path(folder), kind, moment, ids, draw, figures)
            most = min(draw.randint(1, each), kills - figures.kills.total())
            round_.play(most)
        figures.rounds += 1
        tell(f"{figures.kills.total()} kills, {kind}, {moment}: {len(figures.wrong)} wrong")
    return figures


class _Round:
    """One journal, and processes one after another until all is done."""

    def __init__(
        self,
        folder: Path,
        kind: str,
        moment: str,
        ids: int,
        draw: random.Random,
        figures: Figures,
    ) -> None:
        self._path = folder / "run.db"
        self._folder = folder
        self._kind = kind
        self._moment = moment
        self._ids = ids
        self._draw = draw
        self._figures = figures
        self._recorded: dict[str, str] = {}
        self._polled: Counter[str] = Counter()
        self._lives = 0

    def play(self, kills: int) -> None:
        """Live and be killed, then live to the end, then once more."""
        figures = self._figures
        enough = figures.kills.total() + kills
        while figures.kills.total() < enough and self._lives < _MOST_LIVES:
            self._one_life(is_last=False)
            if len(self._recorded) == self._ids:
                break
        self._one_life(is_last=True)
        figures.outcomes += self._ids
        figures.lost += self._ids - len(self._recorded)
        figures.extra_polls += sum(self._polled.values()) - 2 * self._ids
        before = self._polled.total()
        words = self._one_life(is_last=True)
        if self._polled.total() != before:
            figures.wrong.append("a run after the end polled")
        if sum(word == "replayed" for word, *_ in words) != self._ids:
            figures.wrong.append("a run after the end did not give the whole list")
        if figures.extra_polls > figures.allowed_polls:
            figures.wrong.append("more polls were made again than had been in flight")

    def _one_life(self, *, is_last: bool) -> list[list[str]]:
        """Fork a process; check what it said against what it left."""
        self._lives += 1
        diary = self._folder / f"{self._lives}.txt"
        diary.touch()
        moment = None if is_last or self._moment == _AT_RANDOM else self._moment
        # Some moments come for each id, others for each commit.
        is_of_a_commit = moment is not None and "commit" in moment
        times = self._draw.randint(1, 2 if is_of_a_commit else self._ids // 3)
        child = os.fork()
        if child == 0:
            self._live(diary, moment, times)
        if not is_last and moment is None:
            time.sleep(self._draw.uniform(0.01, 0.35))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        words = [line.split(" ", 2) for line in diary.read_text().splitlines()]
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if is_killed:
            self._figures.kills[self._moment] += 1
        elif os.waitstatus_to_exitcode(status) or words[-1] != ["end"]:
            self._figures.wrong.append(f"a process ended with {status}")
        self._check(words, is_killed=is_killed)
        return words

    def _left_behind(self) -> dict[str, str]:
        try:
            outcomes = list(JournalReader(self._path).outcomes())
        except JournalException:
            if self._recorded:
                raise
            return {}  # killed before there was a whole file
        return {outcome.task_id: to_record(outcome) for outcome in outcomes}

    def _live(self, diary: Path, moment: str | None, times: int) -> None:
        status = 1
        try:
            seed = self._draw.randrange(10**6)
            live(self._kind, self._path, diary, self._ids, moment, times, seed)
            status = 0
        except BaseException:  # noqa: BLE001 -- the parent sees the status
            traceback.print_exc()
        finally:
            os._exit(status)

    def _check(self, words: list[list[str]], *, is_killed: bool) -> None:
        figures, before = self._figures, self._recorded
        polled = Counter(word[1] for word in words if word[0] == "poll")
        if known := set(polled) & set(before):
            figures.wrong.append(f"{len(known)} recorded ones were polled again")
        self._polled += polled
        now = self._left_behind()
        figures.lost += len(set(before) - set(now))
        figures.changed += sum(now[key] != text for key, text in before.items() if key in now)
        seen: Counter[str] = Counter()
        for word, task_id, *rest in (each for each in words if len(each) > 1):
            if word == "poll":
                continue
            seen[task_id] += 1
            figures.early += task_id not in now
            figures.changed += now.get(task_id, "").replace(" ", "_") != rest[0]
            if (word == "replayed") != (task_id in before):
                figures.wrong.append(f"{task_id} was {word}, and was recorded: {task_id in before}")
        figures.twice += sum(count > 1 for count in seen.values())
        if is_killed:
            in_flight = {key: count for key, count in polled.items() if key not in now}
            figures.allowed_polls += sum(in_flight.values())
            if len(in_flight) > ROOM:
                figures.wrong.append(f"{len(in_flight)} were in flight, with room for {ROOM}")
        self._recorded = now
