"""The short form of the kill matrix; `python -m tests.kills` kills as often as you like."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.kills.life import MOMENTS

ROOT = Path(__file__).parent.parent


def test_what_is_killed_at_any_moment_loses_nothing_and_repeats_nothing() -> None:
    command = ["-m", "tests.kills", "--kills", "16", "--each", "1", "--ids", "60", "--seed", "3"]
    done = subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost 0, recorded twice 0, changed 0, emitted before they were recorded 0" in done.stdout
    (killed,) = (line for line in done.stdout.splitlines() if " rounds: " in line)
    for moment in MOMENTS:
        assert moment in killed, done.stdout
