"""The answers of a task, turn by turn or by the time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from .._checks import is_number
from ._answers import Answer, answer_of

__all__ = ["Playback", "Script", "ScriptLike", "cast_of", "script_of"]


@dataclass(frozen=True, slots=True)
class Script:
    """The answers of one task to its polls: immutable, and compared by value.

    ::

        Script.turns("pending", "running", completed({"url": "…"}))
        Script.timeline({0: "pending", 1.5: "running", 10: completed()})
    """

    answers: tuple[Answer, ...]
    """The answers in order; the last one is repeated for ever."""
    moments: tuple[float, ...] | None = None
    """When each answer begins to hold, in seconds; None: each poll takes the next one."""

    @classmethod
    def turns(cls, *answers: Answer | str) -> Script:
        """Make a script where each poll takes the next answer; the last one is repeated for ever.

        Args:
            answers: At least one; a string is a status.

        Raises:
            TypeError: One of them is not an answer.
            ValueError: There are none.
        """
        if not answers:
            msg = "answers must not be empty: a script needs at least one"
            raise ValueError(msg)
        return cls(tuple(answer_of(answer) for answer in answers))

    @classmethod
    def timeline(cls, timeline: Mapping[float, Answer | str]) -> Script:
        """Make a script where each poll takes the answer for its time.

        Args:
            timeline: The answers by the seconds since the task began; the first key is 0.

        Raises:
            TypeError: A value is not an answer, or a key is not a number.
            ValueError: A key is NaN, infinite or negative, or none is 0.
        """
        for key in timeline:
            _check_moment(key)
        if 0 not in timeline:
            msg = "timeline must have an answer for second 0"
            raise ValueError(msg)
        moments = sorted(timeline)
        return cls(
            tuple(answer_of(timeline[moment]) for moment in moments),
            tuple(float(moment) for moment in moments),
        )

    def play(self, start: float) -> Playback:
        """Start the task of this script.

        Args:
            start: When the task begins, in seconds by the clock that `next` gets.
        """
        return Playback(self, start)


class Playback:
    """A script that one task plays. Not thread-safe."""

    __slots__ = ("_turn", "changed", "script", "start")

    def __init__(self, script: Script, start: float) -> None:
        """Start the task of a script, as `Script.play` does.

        Args:
            script: The script.
            start: When the task begins, in seconds.
        """
        self.script: Script = script
        self.start: float = start
        """When the task began, in seconds."""
        self.changed: float = start
        """When the answer last changed, in seconds."""
        self._turn = -1

    def next(self, now: float) -> Answer:
        """Return the answer to a poll.

        Args:
            now: The time of the poll, in seconds.
        """
        script = self.script
        if script.moments is not None:
            index = max(bisect_right(script.moments, now - self.start) - 1, 0)
            self.changed = self.start + script.moments[index]
            return script.answers[index]
        before = self._turn
        self._turn = min(before + 1, len(script.answers) - 1)
        answer = script.answers[self._turn]
        if before >= 0 and answer != script.answers[before]:
            self.changed = now
        return answer


ScriptLike: TypeAlias = Script | Answer | str | Iterable[Answer | str]
"""A script, or its turns: an answer, a status, or several of them."""


def script_of(value: object, name: str = "script") -> Script:
    """Make a script of a script or of its turns.

    Args:
        value: A script, an answer, a status, or an iterable of answers and statuses.
        name: The argument's name, for the error.

    Raises:
        TypeError: It is none of these.
        ValueError: It is empty.
    """
    if isinstance(value, Script):
        return value
    if isinstance(value, Answer | str):
        return Script.turns(value)
    kind = type(value).__name__
    if isinstance(value, Iterable) and not isinstance(value, Mapping | bytes):
        return Script.turns(*cast("Iterable[Answer | str]", value))
    msg = f"{name} must be a Script, or answers for its turns, not {kind}"
    raise TypeError(msg)


def cast_of(value: object) -> tuple[Script | None, dict[str, Script]]:
    """Split into one script for all tasks, and scripts by id.

    Raises:
        TypeError: It is neither.
        ValueError: A script is empty.
    """
    if not isinstance(value, Mapping):
        return script_of(value), {}
    named = cast("Mapping[str, object]", value)
    return None, {key: script_of(each, f"script[{key!r}]") for key, each in named.items()}


def _check_moment(moment: object) -> None:
    if not is_number(moment):
        msg = f"timeline must have seconds as keys, not {type(moment).__name__}"
        raise TypeError(msg)
    if not 0 <= moment < math.inf:
        msg = f"timeline must have finite keys, 0 or more, not {moment!r}"
        raise ValueError(msg)
