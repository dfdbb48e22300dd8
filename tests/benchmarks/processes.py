"""Processes of one's own: for the server, and for each contender in each round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from .report import WrongResultError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "KEY",
    "ROOT",
    "SECRET",
    "Options",
    "Server",
    "alternate",
    "contend",
    "installed",
    "python",
]

ROOT: Final = Path(__file__).parents[2]
KEY: Final = "benchmark-key"
SECRET: Final = "benchmark-secret-of-at-least-32-bytes"

_PATIENCE: Final = 900.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    quick: bool
    full: bool
    delay: float
    waits: tuple[int, ...]
    rounds: int
    all_rounds: bool
    """Whether what takes long is to take all of the rounds, too."""


@dataclass(frozen=True, slots=True)
class Server:
    """The benchmarks' server, in a process of its own."""

    url: str

    def stats(self) -> dict[str, float]:
        """How many polls it has seen, and its CPU seconds."""
        with urllib.request.urlopen(f"{self.url}/stats", timeout=10) as answer:
            return cast("dict[str, float]", json.load(answer))

    @classmethod
    @contextmanager
    def running(cls, *arguments: str) -> Iterator[Server]:
        """Start it; stop it in the end."""
        process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.server", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                port = cast("Any", process.stdout).readline().strip()
                if not port:
                    msg = "the server did not start"
                    raise WrongResultError(msg)
                yield cls(f"http://127.0.0.1:{port}")
            finally:
                cast("Any", process.stdin).close()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()


def installed(module: str) -> bool:
    """Whether a module can be imported."""
    return find_spec(module) is not None


def python(*arguments: str, **environment: str) -> dict[str, Any]:
    """Run Python in a fresh process, and read the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    if done.returncode:
        msg = f"{' '.join(arguments)} failed:\n{done.stderr.strip()}"
        raise WrongResultError(msg)
    return cast("dict[str, Any]", json.loads(done.stdout))


def contend(name: str, *flags: str, **options: float | str) -> dict[str, Any]:
    """Run a contender in a fresh process."""
    given = [part for key, value in options.items() for part in (f"--{key}", str(value))]
    return python("-m", f"{__package__}.contender", name, *flags, *given)


def alternate(names: Sequence[str], rounds: int) -> Iterator[str]:
    """Each name once a round, beginning with another one each round."""
    for number in range(rounds):
        first = number % len(names)
        yield from (*names[first:], *names[:first])
