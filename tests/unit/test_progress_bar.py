"""`progress_bar`: what passes through, what is drawn, and what is left on the screen."""

from __future__ import annotations

import re
import threading
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from reactivex import operators as ops
from reactivex.subject import Subject
from rich.console import Console
from rich.errors import LiveError
from rich.live import Live

from rxstream import TaskOutcome, tasks_observable
from rxstream.errors import TaskTimeoutException
from rxstream.progress_bar import progress_bar
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    assert_nothing_left,
    completed,
    failed,
    hang,
    run_virtual,
)
from tests.support import KnownGate

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPTS: dict[str, Any] = {
    "a": Script.timeline({0: "running", 2: completed()}),
    "b": Script.timeline({0: "running", 75: failed("no")}),
    "c": hang(),
}
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def terminal(width: int = 100) -> Console:
    return Console(file=StringIO(), force_terminal=True, force_interactive=True, width=width)


def written(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def shown(console: Console) -> str:
    """What was drawn last, without colours."""
    frames = re.split(r"\x1b\[2K|\x1b\[\?25[lh]", written(console))
    return plain(frames[-1])


def displays(console: Console) -> tuple[int, int]:
    """How many have begun, and how many have ended; each shows the cursor at both."""
    text = written(console)
    begun = text.count(HIDE + SHOW)
    assert begun == text.count(HIDE)
    return begun, text.count(SHOW) - begun


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", text)


def outcome(task_id: str, error: Exception | None = None) -> TaskOutcome:
    return TaskOutcome(task_id, error=error, polls=1)


def drawn_at(console: Console, source: Subject[TaskOutcome], *outcomes: TaskOutcome) -> str:
    """Send outcomes, and look at the frame that printing a line draws again."""
    for item in outcomes:
        source.on_next(item)
    console.print("a line")
    return shown(console)


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
@pytest.mark.parametrize("make", [terminal, lambda: Console(file=StringIO())])
def test_outcomes_pass_through_unchanged(fake: Any, make: Callable[[], Console]) -> None:
    def recorded(*pipeline: Any) -> list[tuple[float, str, Any]]:
        time = VirtualTime()
        waits = tasks_observable(fake(SCRIPTS, scheduler=time), ["a", "b", "c", "a"], timeout=90)
        seen = time.record(waits.pipe(*pipeline))
        return [(e.at, e.kind, getattr(e.value, "task_id", None)) for e in seen]

    assert recorded(progress_bar(4, console=make())) == recorded()


def test_the_last_state_stays_on_the_screen_and_the_cursor_too() -> None:
    console = terminal()
    time = VirtualTime()
    client = FakeClient(SCRIPTS, scheduler=time)
    waits = tasks_observable(client, ["a", "b", "c"], timeout=90)
    bar = progress_bar(3, client=client, description="exports", console=console)
    time.record(waits.pipe(bar))
    assert re.fullmatch(
        r"\n?exports ━+ 3/3 100% 0:01:30 done\s*\n1 completed, 1 failed, 1 timed out\n",
        shown(console),
    )
    assert written(console).rindex(SHOW) > written(console).rindex(HIDE)


def test_on_a_loop_too() -> None:
    console = terminal()

    async def main() -> list[str]:
        client = FakeAsyncClient(SCRIPTS)
        waits = tasks_observable(client, ["a", "b", "c"], timeout=90)
        bar = progress_bar(3, client=client, console=console)
        async with assert_nothing_left():
            seen: list[TaskOutcome] = await waits.pipe(bar, ops.to_list())
        return [item.task_id for item in seen]

    assert run_virtual(main()) == ["a", "b", "c"]
    assert "3/3 100% 0:01:30 done" in shown(console)


def test_it_begins_with_nothing_done() -> None:
    console = terminal()
    with reactivex.never().pipe(progress_bar(5_000, console=console)).subscribe():
        assert "0/5,000   0% 0:00:0" in shown(console)


def test_what_is_drawn_while_waits_are_under_way() -> None:
    console, gate = terminal(), KnownGate(in_flight=100, queued=3_664)
    source: Subject[TaskOutcome] = Subject()
    with source.pipe(progress_bar(5_000, gate=gate, console=console)).subscribe():
        late = outcome("c", TaskTimeoutException(task_id="c", timeout=60.0))
        frame = drawn_at(console, source, outcome("a"), outcome("b", OSError()), late, outcome("d"))
        assert "4/5,000   0%" in frame
        assert "2 completed, 1 failed, 1 timed out | 100 in flight, 3,664 queued" in frame
        assert re.search(r"ETA \d+:\d\d:\d\d \(\d\d:\d\d\)", frame)
        assert "limit" not in frame
        assert "a line\n" in plain(written(console))


@pytest.mark.parametrize(
    ("known", "line"),
    [
        (
            {"limit": 1_000, "remaining": 312, "reset_after": 41.2},
            "limit 1,000/min, 312 left, 41 s",
        ),
        ({"limit": 1_000, "remaining": 312, "reset_after": None}, "limit 1,000/min, 312 left"),
        (
            {"limit": 1_000, "remaining": 200, "reset_after": 41.0, "paced_for": 41.0},
            "limit 1,000/min, 200 left, 41 s | paced",
        ),
        ({"closed_for": 11.2, "rate_limited": 2}, "waiting 12 s for the rate limit | 2 x 429"),
        ({"rate_limited": 1_200}, "1,200 x 429"),
    ],
)
def test_the_state_of_the_rate_limit(known: dict[str, Any], line: str) -> None:
    console = terminal()
    bar = progress_bar(5, gate=KnownGate(**known), console=console)
    with reactivex.never().pipe(bar).subscribe():
        assert f"0 queued\n{line}" in shown(console).replace(" \n", "\n")


def test_before_anything_is_done_it_says_what_the_limit_makes_of_it() -> None:
    console = terminal()
    gate = KnownGate(limit=1_000, remaining=1_000, reset_after=60.0)
    with reactivex.never().pipe(progress_bar(5_000, gate=gate, console=console)).subscribe():
        assert " at least 0:05:00\n" in shown(console)


def test_an_end_that_is_more_than_a_day_away_has_no_time_of_day() -> None:
    console = terminal()
    source: Subject[TaskOutcome] = Subject()
    gate = KnownGate(limit=1, remaining=0, reset_after=60.0)
    with source.pipe(progress_bar(10**12, gate=gate, console=console)).subscribe():
        assert re.search(r"ETA \d{9,}:\d\d:\d\d\n", drawn_at(console, source, outcome("a")))


def test_a_hundred_per_cent_is_for_when_nothing_is_left() -> None:
    console = terminal()
    source: Subject[TaskOutcome] = Subject()
    with source.pipe(progress_bar(1_000, console=console)).subscribe():
        frame = drawn_at(console, source, *(outcome(str(number)) for number in range(999)))
        assert "999/1,000  99%" in frame


@pytest.mark.parametrize(("total", "said"), [(None, "3 "), (2, "3/3 100% "), (0, "3/3 100% ")])
def test_without_a_total_or_beyond_it(total: int | None, said: str) -> None:
    console = terminal()
    source: Subject[TaskOutcome] = Subject()
    with source.pipe(progress_bar(total, console=console)).subscribe():
        frame = drawn_at(console, source, outcome("a"), outcome("b"), outcome("c"))
        assert re.search(rf"━ {said}0:00:0\d", frame)


def test_a_batch_of_nothing() -> None:
    console = terminal()
    client = FakeClient("running")
    tasks_observable(client, []).pipe(progress_bar(0, console=console)).subscribe()
    assert "done" in shown(console)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    console = terminal(width)
    gate = KnownGate(limit=1_000, remaining=0, reset_after=41.0, closed_for=41.0, rate_limited=3)
    bar = progress_bar(5_000, gate=gate, description="exports of everybody", console=console)
    with reactivex.never().pipe(bar).subscribe():
        assert max(map(len, shown(console).splitlines())) <= width


def test_a_description_is_no_markup() -> None:
    console = terminal()
    bar = progress_bar(1, description="[red] all [/nothing]", console=console)
    with reactivex.never().pipe(bar).subscribe():
        assert "[red] all [/nothing]" in shown(console)


def consumer_fails(_: TaskOutcome) -> None:
    raise LookupError


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("completes", "done"),
        ("fails", "ended with OSError"),
        ("disposed", "disposed"),
        ("consumer", "disposed"),
        ("no outcome", "stopped"),
    ],
)
@pytest.mark.parametrize("is_terminal", [True, False])
def test_every_end_leaves_the_terminal_as_it_was(how: str, said: str, is_terminal: bool) -> None:  # noqa: FBT001 -- parametrized
    console = terminal() if is_terminal else Console(file=StringIO())
    source: Subject[Any] = Subject()
    errors: list[Exception] = []
    consumer = consumer_fails if how == "consumer" else None
    subscription = source.pipe(progress_bar(3, console=console)).subscribe(consumer, errors.append)
    match how:
        case "completes":
            source.on_completed()
        case "fails":
            source.on_error(OSError())
        case "disposed":
            subscription.dispose()
        case "consumer":
            with pytest.raises(LookupError):
                source.on_next(outcome("a"))
        case _:
            source.on_next("a")
    expected = {"fails": [OSError], "no outcome": [TypeError]}.get(how, [])
    assert [type(error) for error in errors] == expected
    assert "rxstream-progress" not in {thread.name for thread in threading.enumerate()}
    if is_terminal:
        assert f" {said}" in shown(console)
        assert displays(console) == (1, 1)
        before = written(console)
        subscription.dispose()
        assert written(console) == before, "drawn once more"
    else:
        assert not written(console)


def test_a_consumer_that_raises_while_it_is_subscribed_to_leaves_no_bar() -> None:
    console = terminal()
    source = reactivex.of(outcome("a"), outcome("b"))
    errors: list[Exception] = []
    with pytest.raises(LookupError):
        source.pipe(progress_bar(2, console=console)).subscribe(consumer_fails, errors.append)
    assert displays(console) == (1, 1)


def test_a_source_that_cannot_be_subscribed_to_leaves_no_bar() -> None:
    console = terminal()

    def broken(*_: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reactivex.Observable(broken).pipe(progress_bar(2, console=console)).subscribe()
    assert displays(console) == (1, 1)


def test_bars_at_once_share_the_display_of_their_console() -> None:
    console = terminal()
    first: Subject[TaskOutcome] = Subject()
    second: Subject[TaskOutcome] = Subject()
    first.pipe(progress_bar(2, description="first", console=console)).subscribe()
    disposable = second.pipe(progress_bar(2, description="second", console=console)).subscribe()
    frame = drawn_at(console, first, outcome("a"))
    assert re.search(r"first ━+.* 1/2  50%.*\n.*\nsecond ━+.* 0/2   0%", frame)
    first.on_completed()
    assert displays(console) == (1, 0), "the other one goes on"
    frame = drawn_at(console, second, outcome("b"))
    assert "first" not in frame
    assert re.search(r"second ━+.* 1/2  50%", frame)
    disposable.dispose()
    assert re.search(r"second ━+.* 1/2  50% .* disposed", shown(console))
    assert len(re.findall(r"first .* done", plain(written(console)))) == 1
    assert displays(console) == (1, 1)


def test_a_bar_after_a_bar_begins_anew() -> None:
    console = terminal()
    pipeline = reactivex.of(outcome("a")).pipe(progress_bar(1, console=console))
    pipeline.subscribe()
    pipeline.subscribe()
    assert displays(console) == (2, 2)
    assert len(re.findall("1/1 100%", written(console))) == 2


def test_many_outcomes_are_drawn_few_times() -> None:
    console = terminal()
    source: Subject[TaskOutcome] = Subject()
    source.pipe(progress_bar(20_000, console=console)).subscribe()
    for number in range(20_000):
        source.on_next(outcome(str(number)))
    source.on_completed()
    assert "20,000/20,000 100%" in shown(console)
    assert written(console).count("━ ") < 200


def test_where_a_live_display_is_on_nothing_breaks() -> None:
    console = terminal()
    source = reactivex.of(outcome("a"))
    seen: list[TaskOutcome] = []
    with Live("mine", console=console, auto_refresh=False):
        source.pipe(progress_bar(1, console=console)).subscribe(seen.append)
    assert [item.task_id for item in seen] == ["a"]


def test_an_older_rich_that_refuses_a_second_display_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        msg = "Only one live display may be active at once"
        raise LiveError(msg)

    monkeypatch.setattr(Live, "start", refused)
    console = terminal()
    seen: list[TaskOutcome] = []
    reactivex.of(outcome("a")).pipe(progress_bar(1, console=console)).subscribe(seen.append)
    assert [item.task_id for item in seen] == ["a"]
    assert not written(console)


class _Gone(StringIO):
    """A terminal that goes away after so many writes."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left < 0:
            raise OSError(5, "Input/output error")
        return super().write(text)


@pytest.mark.parametrize("writes", range(6))
def test_a_terminal_that_goes_away_takes_nothing_with_it(writes: int) -> None:
    console = Console(file=_Gone(writes), force_terminal=True, width=80)
    source: Subject[TaskOutcome] = Subject()
    seen: list[str] = []
    ended = threading.Event()
    source.pipe(progress_bar(2, console=console)).subscribe(
        lambda item: seen.append(item.task_id), on_completed=ended.set
    )
    source.on_next(outcome("a"))
    source.on_completed()
    assert seen == ["a"]
    assert ended.is_set()
    console.file = StringIO()  # the terminal is back
    reactivex.of(outcome("a")).pipe(progress_bar(1, console=console)).subscribe()
    assert "1/1 100%" in shown(console)
    assert written(console).rindex(SHOW) > written(console).rindex(HIDE)


def test_a_terminal_that_goes_away_meanwhile_is_not_drawn_on_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rxstream.progress_bar._display._REFRESHES_PER_SECOND", 1_000)
    console = Console(file=_Gone(10), force_terminal=True, width=80)
    source: Subject[TaskOutcome] = Subject()
    seen: list[str] = []
    source.pipe(progress_bar(2, console=console)).subscribe(lambda item: seen.append(item.task_id))
    for thread in threading.enumerate():
        if thread.name == "rxstream-progress":
            thread.join(30)
            assert not thread.is_alive()
    source.on_next(outcome("a"))
    source.on_completed()
    assert seen == ["a"]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"total": -1}, ValueError, "total must be 0 or more, not -1"),
        ({"client": "mine"}, TypeError, "client must have a get_task"),
        ({"gate": 5}, TypeError, "gate must be a Gate or None, not int"),
        ({"console": 5}, TypeError, "console must be a Console or None, not int"),
        ({"description": 5}, TypeError, "description must be a string, not int"),
        ({"description": ""}, ValueError, "description must not be empty"),
    ],
)
def test_a_bad_argument_is_named(arguments: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        progress_bar(**arguments)
