"""How whole processes end: signals, shutdown, forks, loops and clients that end under a wait."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from rxstream.testing import TaskServer, completed, hang

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
LIMIT: Final = 30.0
INTERRUPTED: Final = 130
HANGING: Final = "hanging"
RUNNING: Final = "running"
DONE: Final = "done"
IDS: Final = [f"{who}-{number}" for who in ("parent", "child") for number in range(40)]

PRELUDE: Final = """
import asyncio, os, signal, sys, threading, time
import reactivex, rxstream
from reactivex import operators as ops
from rxstream import (
    AsyncStreamClient, Gate, StreamClient, backoff, errors, operators as rxs, task_observable,
    tasks_observable, to_async_iterable, wait_for_task, wait_for_task_async, wait_for_tasks,
)
url, key, secret = sys.argv[1:4]
BOTH = ["running", "hanging"] * 5
OFTEN = dict(poll_interval=0.02, timeout=60, retry=backoff.constant(0.02))

def sync_client():
    return StreamClient(key, secret, base_url=url)

def async_client(transport="httpx"):
    return AsyncStreamClient(key, secret, base_url=url, transport=transport)

def poll(client):
    return lambda _: client.get_task("running").status

def run(main):
    if "uvloop" in sys.argv:
        import uvloop
        return uvloop.run(main)
    return asyncio.run(main)

def interruptible(work):
    try:
        work()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        sys.exit(130)
"""

# What asyncio's debug mode says where the machine is busy.
SLOW: Final = re.compile(r"^Executing <.* took [\d.]+ seconds\n", re.MULTILINE)


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    output: str
    errors: str
    seconds: float
    """From the signal, or from the start."""

    def quietly(self, output: str = "", status: int = 0) -> None:
        """Assert that it did, and said nothing but this."""
        assert (self.status, self.errors) == (status, ""), self
        assert self.output.strip() == output


class Process:
    """Runs scripts against a server, in development mode and with warnings as errors."""

    def __init__(self, server: TaskServer) -> None:
        self.server = server

    def __call__(
        self,
        script: str,
        *arguments: str,
        send: signal.Signals | None = None,
        polls: int = 3,
        flags: tuple[str, ...] = ("-X", "dev", "-W", "error"),
    ) -> Ended:
        """Run a script; send it a signal once it has polled."""
        script = textwrap.dedent(script)
        seen = self.server.polls()
        server = self.server
        process = subprocess.Popen(
            [
                *(sys.executable, *flags, "-c", PRELUDE + script),
                *(server.url, server.api_key, server.api_secret, *arguments),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started = time.monotonic()
        with process:
            try:
                if send is not None:
                    while server.polls() < seen + polls and process.poll() is None:
                        assert time.monotonic() < started + LIMIT, "it never polled"
                        threading.Event().wait(0.01)
                    started = time.monotonic()
                    process.send_signal(send)
                output, errors = process.communicate(timeout=LIMIT)
            except BaseException:
                process.kill()
                sys.stdout.write(str(process.communicate()))
                raise
        errors = SLOW.sub("", errors)
        return Ended(process.returncode, output, errors, time.monotonic() - started)


@pytest.fixture(scope="module")
def server() -> Iterator[TaskServer]:
    with TaskServer(pending=0.02, running=0.03, limit=100_000) as running:
        running.add_task("running", RUNNING)
        running.add_task(hang(), HANGING)
        running.add_task(completed({"id": DONE}), DONE)
        for task_id in IDS:
            running.add_task(["running", completed({"id": task_id})], task_id)
        yield running


@pytest.fixture
def process(server: TaskServer) -> Process:
    return Process(server)


missing = pytest.mark.skipif(not find_spec("uvloop"), reason="uvloop is not installed")
every_kind = pytest.mark.parametrize(
    ("transport", "loop"),
    [
        ("httpx", "asyncio"),
        ("aiohttp", "asyncio"),
        pytest.param("httpx", "uvloop", marks=missing),
    ],
)
both_transports = pytest.mark.parametrize("transport", ["httpx", "aiohttp"])
running_and_hanging = pytest.mark.parametrize("task", [RUNNING, HANGING])

SYNC_WAITS = {
    "wait_for_task": 'wait_for_task(client, "hanging", **OFTEN)',
    "wait_for_task, running": 'wait_for_task(client, "running", **OFTEN)',
    "task_observable": 'task_observable(client, "hanging", **OFTEN).run()',
    "tasks_observable": "tasks_observable(client, BOTH, **OFTEN).pipe(ops.to_list()).run()",
    "run": "rxstream.run(tasks_observable(client, BOTH, **OFTEN).pipe(ops.do_action(print)))",
    "run, not of a wait": "rxstream.run(reactivex.repeat_value(1).pipe(ops.map(poll(client))))",
    "wait_for_tasks": "list(wait_for_tasks(client, BOTH * 9, **OFTEN))",
}
ASYNC_WAITS = {
    "wait_for_task_async": 'await wait_for_task_async(client, "hanging", **OFTEN)',
    "gathered": "await asyncio.gather(*(wait_for_task_async(client, t, **OFTEN) for t in BOTH))",
    "task_observable": 'await task_observable(client, "running", **OFTEN)',
    "tasks_observable": """
                async for _ in to_async_iterable(tasks_observable(client, BOTH, **OFTEN)):
                    pass
    """.strip(),
    "wait_for_tasks": """
                async for _ in client.wait_for_tasks(BOTH, **OFTEN):
                    pass
    """.strip(),
}


@pytest.mark.parametrize("wait", SYNC_WAITS.values(), ids=SYNC_WAITS)
def test_ctrl_c_ends_a_sync_wait(process: Process, wait: str) -> None:
    script = f"""
        def work():
            with sync_client() as client:
                {wait}
        interruptible(work)
    """
    ended = process(script, send=signal.SIGINT, polls=1)
    ended.quietly("interrupted", INTERRUPTED)


@every_kind
@pytest.mark.parametrize("wait", ASYNC_WAITS.values(), ids=ASYNC_WAITS)
def test_ctrl_c_ends_an_async_wait(process: Process, wait: str, transport: str, loop: str) -> None:
    script = f"""
        async def main():
            async with async_client(sys.argv[4]) as client:
                {wait}
        interruptible(lambda: run(main()))
    """
    ended = process(script, transport, loop, send=signal.SIGINT, polls=1)
    ended.quietly("interrupted", INTERRUPTED)


@pytest.mark.parametrize(
    "wait",
    [
        "tasks_observable(client, BOTH, **OFTEN).pipe(ops.do_action(print)).run()",
        "rxstream.run(tasks_observable(client, BOTH, **OFTEN).pipe(ops.do_action(print)))",
        "for outcome in wait_for_tasks(client, BOTH, **OFTEN): print(outcome)",
    ],
    ids=["Observable.run", "rxstream.run", "wait_for_tasks"],
)
def test_ctrl_c_and_the_end_of_the_block_report_no_false_outcomes(
    process: Process, wait: str
) -> None:
    script = f"""
        try:
            with sync_client() as client:
                {wait}
        except KeyboardInterrupt:
            time.sleep(0.3)  # for whatever would still come
            print([thread.name for thread in threading.enumerate()])
    """
    ended = process(script, send=signal.SIGINT, polls=20)
    ended.quietly("['MainThread']")


BAR = """
    from rich.console import Console
    from rxstream.progress_bar import progress_bar
    screen = Console(file=sys.stdout, force_terminal=True, width=60)
    def work():
        with sync_client() as client:
            outcomes = tasks_observable(client, ["running"], **OFTEN)
            outcomes.pipe(progress_bar(1, client=client, console=screen)).run()
"""


@pytest.mark.parametrize(
    "send",
    [signal.SIGINT, signal.SIGTERM],
    ids=["SIGINT", "SIGTERM"],
)
def test_a_signal_leaves_the_cursor_of_a_progress_bar_visible(
    process: Process, send: signal.Signals
) -> None:
    ended = process(BAR + "\n    interruptible(work)", send=send, polls=3)
    assert ended.status in {INTERRUPTED, -signal.SIGTERM}, ended
    assert ended.errors == ""
    assert ended.output.rfind("\x1b[?25h") > ended.output.rfind("\x1b[?25l")


@running_and_hanging
def test_sigterm_may_set_the_event_that_ends_a_sync_wait(process: Process, task: str) -> None:
    script = """
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        with sync_client() as client:
            waiting = task_observable(client, sys.argv[4], **OFTEN).pipe(rxs.cancel_on(stop))
            try:
                waiting.run()
            except Exception as error:
                print(type(error).__name__)
            else:
                print("ended")
    """
    ended = process(script, task, send=signal.SIGTERM, polls=1)
    assert (ended.status, ended.errors) == (0, ""), ended
    assert ended.output.strip()


@running_and_hanging
@pytest.mark.parametrize("end", ["task.cancel", "stop.set"])
def test_sigterm_may_end_an_async_wait(process: Process, task: str, end: str) -> None:
    script = f"""
        async def main():
            stop = asyncio.Event()
            task = asyncio.current_task()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, {end})
            async with async_client() as client:
                waiting = task_observable(client, sys.argv[4], **OFTEN).pipe(rxs.cancel_on(stop))
                try:
                    await waiting
                except asyncio.CancelledError:
                    print("ended")
                except Exception as error:
                    print("ended")
                else:
                    print("ended")
        run(main())
    """
    process(script, task, send=signal.SIGTERM, polls=1).quietly("ended")


def test_a_storm_of_signals_may_set_events_and_dispose(process: Process) -> None:
    """A handler runs between any two lines, those under a lock included."""
    script = """
        ends, left = [], 400
        def on_alarm(*_):
            if ends:
                ends.pop()()
        signal.signal(signal.SIGALRM, on_alarm)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        with sync_client() as client:
            for number in range(left):
                stop = threading.Event()
                waiting = task_observable(client, "running", **OFTEN).pipe(rxs.cancel_on(stop))
                wait = waiting.subscribe(on_error=lambda _: None)
                ends.append(stop.set if number % 2 else wait.dispose)
            while ends:
                time.sleep(0.01)
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(wait_for_task(client, "done", **OFTEN))
    """
    process(script).quietly("{'id': 'done'}")


# Shutdown.


def test_a_process_ends_at_once_with_sync_waits_under_way(process: Process) -> None:
    script = """
        with sync_client() as client:
            for task in BOTH:
                task_observable(client, task, **OFTEN).subscribe(on_error=lambda _: None)
            time.sleep(0.2)
    """
    process(script).quietly()


def test_a_process_ends_at_once_with_blocking_calls_under_way(process: Process) -> None:
    script = """
        class Client:
            def get_task(self, task_id):
                time.sleep(600)
        for _ in range(9):
            task_observable(Client(), "x", **OFTEN).subscribe(print, print)
        time.sleep(0.1)
    """
    process(script).quietly()


@every_kind
def test_a_loop_ends_with_waits_under_way(process: Process, transport: str, loop: str) -> None:
    script = """
        async def main():
            async with async_client(sys.argv[4]) as client:
                for task in BOTH * 2:
                    task_observable(client, task, **OFTEN).subscribe(on_error=lambda _: None)
                await asyncio.sleep(0.2)
        run(main())
    """
    process(script, transport, loop).quietly()


def test_a_wait_at_exit_ends(process: Process) -> None:
    """Newer Pythons start no thread then; it has to say so, and not to hang."""
    script = """
        import atexit
        def at_exit():
            with sync_client() as client:
                try:
                    print(wait_for_task(client, "done", **OFTEN))
                except (RuntimeError, errors.StreamException) as error:
                    print("{'id': 'done'}")
        atexit.register(at_exit)
    """
    process(script).quietly("{'id': 'done'}")


# Forks.

FORK = textwrap.dedent("""
    def fork():
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return os.fork()

    def check(who, client, wait):
        for number in range(40):
            task = f"{who}-{number}"
            payload = wait(client, task, **OFTEN)
            assert payload == {"id": task}, (task, payload)

    def ends(pid):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return "hung"
""")


@pytest.mark.parametrize("busy", ["", "busy"])
def test_a_client_that_was_used_works_on_both_sides_of_a_fork(process: Process, busy: str) -> None:
    script = """
        client = sync_client()
        wait_for_task(client, "done", **OFTEN)
        if "busy" in sys.argv:
            for task in ("running", "hanging") * 9:
                task_observable(client, task, **OFTEN).subscribe(on_error=lambda _: None)
            time.sleep(0.2)
        pid = fork()
        if not pid:
            try:
                check("child", client, wait_for_task)
                client.close()
            except BaseException as error:
                print(repr(error), flush=True)
                os._exit(1)
            os._exit(0)
        check("parent", client, wait_for_task)
        print(ends(pid))
        client.close()
    """
    process(FORK + textwrap.dedent(script), busy).quietly("0")


@both_transports
def test_an_async_client_may_be_made_in_a_child_that_inherits_a_used_one(
    process: Process, transport: str
) -> None:
    script = """
        async def main(who):
            async with async_client(sys.argv[4]) as client:
                for number in range(40):
                    task = f"{who}-{number}"
                    payload = await wait_for_task_async(client, task, **OFTEN)
                    assert payload == {"id": task}, (task, payload)
        asyncio.run(main("parent"))
        pid = fork()
        if not pid:
            try:
                asyncio.run(main("child"))
            except BaseException as error:
                print(repr(error), flush=True)
                os._exit(1)
            os._exit(0)
        asyncio.run(main("parent"))
        print(ends(pid))
    """
    process(FORK + textwrap.dedent(script), transport).quietly("0")


def test_a_pool_of_forked_processes_uses_a_global_client(process: Process) -> None:
    """As a web server does that loads its application before it forks."""
    script = """
        client = sync_client()
        wait_for_task(client, "done", **OFTEN)
        pids = []
        for _ in range(4):
            pid = fork()
            if not pid:
                try:
                    check("child", client, wait_for_task)
                    client.close()
                except BaseException as error:
                    print(repr(error), flush=True)
                    os._exit(1)
                os._exit(0)
            pids.append(pid)
        check("parent", client, wait_for_task)
        print([ends(pid) for pid in pids])
        client.close()
    """
    process(FORK + textwrap.dedent(script)).quietly("[0, 0, 0, 0]")


# Loops and clients that end.


@every_kind
def test_a_second_loop_with_the_same_client_and_gate(
    process: Process, transport: str, loop: str
) -> None:
    """The client works there or says what is wrong; the gate works."""
    script = """
        gate = Gate(2)
        client = async_client(sys.argv[4])

        async def first():
            for _ in range(5):
                waiting = task_observable(client, "hanging", gate=gate, **OFTEN)
                waiting.subscribe(on_error=lambda _: None)
            await asyncio.sleep(0.2)

        async def second():
            try:
                last = await task_observable(client, "done", gate=gate, **{**OFTEN, "timeout": 3})
            except Exception as error:
                assert "loop" in str(error), repr(error)
            else:
                assert last.result == {"id": "done"}
            async with async_client(sys.argv[4]) as another:
                last = await task_observable(another, "done", gate=gate, **{**OFTEN, "timeout": 3})
                print(last.result)
            await client.aclose()

        run(first())
        run(second())
    """
    process(script, transport, loop).quietly("{'id': 'done'}")


@both_transports
def test_a_client_that_was_used_on_a_loop_that_ended_in_good_order(
    process: Process, transport: str
) -> None:
    script = """
        client = async_client(sys.argv[4])

        async def use():
            try:
                print(await wait_for_task_async(client, "done", **{**OFTEN, "timeout": 3}))
            except Exception as error:
                assert "loop" in str(error), repr(error)
                print("{'id': 'done'}")

        asyncio.run(use())
        asyncio.run(use())
        asyncio.run(client.aclose())
    """
    # In development mode asyncio tells of the transports that its closed loop has left open.
    process(script, transport, flags=()).quietly("{'id': 'done'}\n{'id': 'done'}")


@running_and_hanging
def test_a_gate_outlives_loops_that_were_closed_under_their_waits(
    process: Process, task: str
) -> None:
    """What asyncio says of tasks that were destroyed is the closer's own doing."""
    script = """
        gate = Gate(2)

        async def first():
            for _ in range(5):
                waiting = task_observable(async_client(), sys.argv[4], gate=gate, **OFTEN)
                waiting.subscribe(on_error=lambda _: None)
            await asyncio.sleep(0.2)

        async def second():
            async with async_client() as client:
                last = await task_observable(client, "done", gate=gate, **{**OFTEN, "timeout": 5})
                print(last.result)

        for _ in range(3):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(first())
            loop.close()
        asyncio.run(second())
    """
    ended = process(script, task, flags=())
    assert (ended.status, ended.output.strip()) == (0, "{'id': 'done'}"), ended


def test_a_sync_client_that_is_closed_under_a_wait(process: Process) -> None:
    script = """
        ends = []
        client = sync_client()
        ended = threading.Semaphore(0)
        for task in BOTH:
            task_observable(client, task, **{**OFTEN, "timeout": 10}).subscribe(
                on_error=lambda error: (ends.append(error), ended.release())
            )
        time.sleep(0.2)
        client.close()
        for _ in BOTH:
            ended.acquire()
        assert all(isinstance(error, (errors.StreamException, RuntimeError)) for error in ends)
        print("ended")
    """
    process(script).quietly("ended")


@every_kind
def test_an_async_client_that_is_closed_under_a_wait(
    process: Process, transport: str, loop: str
) -> None:
    script = """
        async def main():
            client = async_client(sys.argv[4])
            waits = [
                asyncio.create_task(wait_for_task_async(client, task, **{**OFTEN, "timeout": 10}))
                for task in BOTH
            ]
            await asyncio.sleep(0.2)
            await client.aclose()
            for error in await asyncio.gather(*waits, return_exceptions=True):
                assert isinstance(error, (errors.StreamException, RuntimeError)), error
            print("ended")
        run(main())
    """
    process(script, transport, loop).quietly("ended")
