"""The bar on a real terminal: what goes where, and what an interrupt leaves."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
# Seconds after which a process tells where it hangs, and after which nobody waits for it.
TELLS, PATIENCE = 60, 90
PRELUDE = f"""
import asyncio, faulthandler, sys
faulthandler.dump_traceback_later({TELLS}, exit=True, file=2)
from reactivex import operators as ops
from rxstream import tasks_observable
from rxstream.progress_bar import progress_bar
from rxstream.testing import FakeAsyncClient, FakeClient, completed
"""
QUICK = """
client = FakeClient(["running", completed()])
waits = tasks_observable(client, ["a", "b"], poll_interval=0.01)
"""
ENDLESS = """
waits = tasks_observable(FakeClient("running"), ["a"], timeout=None, poll_interval=0.01)
"""


@dataclass
class Ended:
    """What a process left behind."""

    terminal: str
    piped: str
    status: int

    @property
    def last_lines(self) -> list[str]:
        """What is on the screen at the end, without what was erased."""
        kept = re.split(r"\x1b\[2K", self.terminal)[-1]
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", kept).splitlines()


def ended(
    code: str, *, interrupt_at: str = "", by: signal.Signals = signal.SIGINT, **environment: str
) -> Ended:
    """Run a program whose standard error is a terminal and whose standard output is a pipe."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PRELUDE + code],
        stdout=subprocess.PIPE,
        stderr=slave,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment},
    )
    os.close(slave)
    seen = b""
    started = interrupt_after = time.monotonic()
    try:
        while True:
            now = time.monotonic()
            assert now < started + PATIENCE, f"it does not end: {seen[-2_000:]!r}"
            if select.select([master], [], [], 1)[0]:
                try:
                    piece = os.read(master, 65_536)
                except OSError:  # nobody has it open any more
                    break
                if not piece:
                    break
                seen += piece
            # Python may not notice one while it waits for a lock, and drops one in a finaliser;
            # whoever sits there presses Ctrl-C again after a while.
            if interrupt_at and interrupt_at.encode() in seen and now >= interrupt_after:
                process.send_signal(by)
                interrupt_after = now + 5
        piped, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return Ended(seen.decode(), piped.decode(), process.returncode)


def test_results_go_to_their_pipe_and_the_bar_to_the_terminal() -> None:
    end = ended(
        QUICK
        + """
bar = progress_bar(2, client=client)
waits.pipe(bar, ops.do_action(lambda outcome: print(outcome.task_id, flush=True))).run()
print("the end")
"""
    )
    assert end.status == 0
    assert sorted(end.piped.splitlines()) == ["a", "b", "the end"]
    assert "2/2 100%" in end.terminal
    assert "the end" not in end.terminal
    assert end.last_lines[-2:] == [end.last_lines[-2], "2 completed, 0 failed, 0 timed out"]
    assert (end.terminal.count(HIDE), end.terminal.count(SHOW)) == (1, 2)


def test_lines_on_standard_error_stand_above_the_bar() -> None:
    end = ended(
        QUICK
        + """
bar = progress_bar(2, client=client)
waits.pipe(bar, ops.do_action(lambda o: print(o.task_id, "ended", file=sys.stderr))).run()
"""
    )
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", end.terminal)
    for task_id in "ab":
        assert re.search(rf"(^|\n|timed out|queued){task_id} ended\n", plain)
    assert "2/2 100%" in plain


def test_an_interrupt_while_it_is_drawn_for_the_first_time_gives_the_cursor_back() -> None:
    end = ended(ENDLESS + "waits.pipe(progress_bar(2)).run()", interrupt_at="0/2")
    assert end.status != 0
    assert end.terminal.rindex(SHOW) > end.terminal.rindex(HIDE)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("at", ["0/2", "1/2"])
def test_a_killed_process_leaves_the_cursor_where_it_can_be_seen(
    at: str, by: signal.Signals
) -> None:
    end = ended(
        """
client = FakeClient({"a": ["running", completed()], "b": "running"})
waits = tasks_observable(client, ["a", "b"], timeout=None, poll_interval=0.01)
waits.pipe(progress_bar(2)).run()
""",
        interrupt_at=at,
        by=by,
    )
    assert end.status == -by
    assert end.terminal.rindex(SHOW) > end.terminal.rindex(HIDE)


def test_an_interrupted_run_gives_the_cursor_back_and_shows_how_far_it_was() -> None:
    end = ended(
        """
client = FakeClient({"a": ["running", completed()], "b": "running"})
waits = tasks_observable(client, ["a", "b"], timeout=None, poll_interval=0.01)
waits.pipe(progress_bar(2)).run()
""",
        interrupt_at="1/2",
    )
    assert end.status != 0
    assert "KeyboardInterrupt" in end.terminal
    assert any("1/2  50%" in line and "interrupted" in line for line in end.last_lines)
    assert end.terminal.rindex(SHOW) > end.terminal.rindex(HIDE)


def test_an_interrupted_coroutine_does_too() -> None:
    end = ended(
        """
async def main():
    waits = tasks_observable(FakeAsyncClient("running"), ["a"], timeout=None, poll_interval=0.01)
    await waits.pipe(progress_bar(2))

asyncio.run(main())
""",
        interrupt_at="0/2",
    )
    assert end.status != 0
    assert "0/2   0%" in end.terminal
    assert end.terminal.rindex(SHOW) > end.terminal.rindex(HIDE)
    assert end.terminal.count(SHOW) == 2


def test_two_at_once_on_standard_error() -> None:
    end = ended(
        QUICK
        + """
import reactivex
bars = (waits.pipe(progress_bar(2, description=name)) for name in ("one", "other"))
reactivex.merge(*bars).run()
"""
    )
    assert end.status == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", end.terminal)
    assert re.search("one ━+ 2/2 100% .* done", plain)
    assert re.search("other ━+ 2/2 100% .* done", plain)
    assert (end.terminal.count(HIDE), end.terminal.count(SHOW)) == (1, 2)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "unknown"}])
def test_a_terminal_without_a_cursor_stays_quiet(environment: dict[str, str]) -> None:
    end = ended(QUICK + "waits.pipe(progress_bar(2)).run()", **environment)
    assert end.status == 0
    assert not end.terminal


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE", "CI"])
def test_what_is_no_terminal_stays_quiet_whatever_the_environment_says(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + QUICK + "waits.pipe(progress_bar()).run()"],
        check=True,
        capture_output=True,
        env={**os.environ, name: "1", "TERM": "xterm"},
        timeout=PATIENCE,
    )
    assert not done.stdout
    assert not done.stderr


@pytest.mark.parametrize("stream", ["None", "closed"])
def test_without_a_standard_error_nothing_is_drawn(stream: str) -> None:
    spoil = "sys.stderr = None" if stream == "None" else "sys.stderr.close()"
    end = ended(f"{QUICK}\n{spoil}\nwaits.pipe(progress_bar(2)).run()\nprint('the end')")
    assert end.piped == "the end\n"
    assert not end.terminal
