"""Timers that stand in line: what a loop's own timers do, for a crowd."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rxstream._time.clock import LoopClock
from rxstream._time.crowd import CrowdClock
from rxstream.testing import VirtualLoop, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

LANES = (1.0, 2.5)


class Wait:
    """Owns a timer, as a wait does, and notes when it fires."""

    def __init__(
        self,
        name: object,
        log: list[tuple[float, object]],
        then: Callable[[], object] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self.then = then

    def fire(self) -> None:
        self.log.append((round(asyncio.get_running_loop().time(), 6), self.name))
        if self.then is not None:
            self.then()


def crowd() -> CrowdClock:
    return CrowdClock(asyncio.get_running_loop(), LANES)


def timers() -> int:
    """How many timers the loop has."""
    loop: Any = asyncio.get_running_loop()
    return sum(not handle.cancelled() for handle in loop._scheduled)


def line(clock: CrowdClock, delay: float = 1.0) -> Any:
    return clock._lanes[delay]._line


def test_they_fire_in_order_and_never_early() -> None:
    async def main() -> None:
        clock, log = crowd(), []
        for number in range(3):
            clock.call_later(1.0, Wait(number, log).fire)
            clock.call_later(2.5, Wait(number + 10, log).fire)
            await asyncio.sleep(0.25)
        assert timers() == 2, "one for each line, however many stand in it"
        await asyncio.sleep(5)
        assert log == [(1, 0), (1.25, 1), (1.5, 2), (2.5, 10), (2.75, 11), (3, 12)]
        assert timers() == 0

    run_virtual(main())


def test_hundreds_that_are_due_at_once_fire_in_one_turn_of_the_loop() -> None:
    async def main() -> None:
        loop, clock = asyncio.get_running_loop(), crowd()
        log: list[tuple[float, object]] = []
        turns: list[int] = []
        for number in range(500):
            clock.call_later(1.0, Wait(number, log, lambda: loop.call_soon(turns.append, 1)).fire)
        await asyncio.sleep(1.5)
        assert log == [(1, number) for number in range(500)]
        assert len(turns) == 500
        assert timers() == 0

    run_virtual(main())


def test_a_timer_set_by_one_that_fires_stands_behind_the_others() -> None:
    async def main() -> None:
        clock, log = crowd(), []
        set_meanwhile: list[int] = []

        def again() -> None:
            before = timers()
            clock.call_later(1.0, Wait("again", log).fire)
            set_meanwhile.append(timers() - before)

        clock.call_later(1.0, Wait("a", log, again).fire)
        clock.call_later(1.0, Wait("b", log).fire)
        await asyncio.sleep(0.5)
        clock.call_later(1.0, Wait("c", log).fire)
        await asyncio.sleep(5)
        assert log == [(1, "a"), (1, "b"), (1.5, "c"), (2, "again")]
        assert set_meanwhile == [0], "the line sets its timer when it has been served"

    run_virtual(main())


@pytest.mark.parametrize("delay", [0.0, 1e-20])
def test_a_delay_of_nothing_gives_the_loop_its_turn(delay: float) -> None:
    async def main() -> None:
        clock = CrowdClock(asyncio.get_running_loop(), [delay])
        log: list[tuple[float, object]] = []
        wait = Wait("a", log)

        def again() -> None:
            assert len(log) < 50, "nobody else gets a turn"
            timer[0] = clock.call_later(delay, wait.fire)

        wait.then = again
        timer = [clock.call_later(delay, wait.fire)]
        for _ in range(10):
            await asyncio.sleep(0)
        clock.cancel(timer[0])
        assert 1 <= len(log) <= 10

    run_virtual(main())


@pytest.mark.parametrize(
    ("gone", "left"),
    [([0], [1, 2, 3, 4]), ([2], [0, 1, 3, 4]), ([4], [0, 1, 2, 3]), ([0, 1, 3], [2, 4])],
)
def test_who_is_cancelled_does_not_fire_and_the_others_do(gone: list[int], left: list[int]) -> None:
    async def main() -> None:
        clock, log = crowd(), []
        places = []
        for number in range(5):
            places.append(clock.call_later(1.0, Wait(number, log).fire))
            await asyncio.sleep(0.1)
        for number in gone:
            clock.cancel(places[number])
            clock.cancel(places[number])  # once more changes nothing
        await asyncio.sleep(5)
        assert log == [(pytest.approx(1 + number / 10), number) for number in left]
        for place in places:
            clock.cancel(place)  # nor does it after it has fired
        assert timers() == 0

    run_virtual(main())


@pytest.mark.parametrize("order", [1, -1])
def test_with_all_cancelled_nothing_is_left(order: int) -> None:
    async def main() -> None:
        clock, log = crowd(), []
        places = [clock.call_later(1.0, Wait(number, log).fire) for number in range(5)]
        for place in places[::order]:
            clock.cancel(place)
        assert not line(clock)
        assert timers() == 0
        clock.call_later(1.0, Wait("later", log).fire)
        assert timers() == 1, "a line that was empty begins anew"
        await asyncio.sleep(2)
        assert log == [(1, "later")]

    run_virtual(main())


def test_who_was_cancelled_or_has_fired_is_not_kept_alive() -> None:
    async def main() -> None:
        clock, log = crowd(), []
        waits = [Wait(number, log) for number in range(5)]
        alive = [weakref.ref(wait) for wait in waits]
        places = [clock.call_later(1.0, wait.fire) for wait in waits[:4]]
        await asyncio.sleep(0.5)
        places.append(clock.call_later(1.0, waits[4].fire))
        clock.cancel(places[1])
        waits.clear()
        gc.collect()
        assert [ref() is None for ref in alive] == [False, True, False, False, False]
        await asyncio.sleep(0.75)
        gc.collect()
        assert [ref() is None for ref in alive] == [True] * 4 + [False]
        clock.cancel(places[4])
        gc.collect()
        assert alive[4]() is None
        assert len(places) == 5, "although the timers themselves are still at hand"

    run_virtual(main())


def test_a_hundred_thousand_that_are_cancelled_leave_room() -> None:
    async def main() -> None:
        clock, log = crowd(), []
        kept = clock.call_later(1.0, Wait("kept", log).fire)
        longest = 0
        wait = Wait("gone", log)
        for _ in range(100_000):
            clock.cancel(clock.call_later(1.0, wait.fire))
            longest = max(longest, len(line(clock)))
        assert longest <= 3
        places = [clock.call_later(1.0, wait.fire) for _ in range(1_000)]
        for number, place in enumerate(places):
            clock.cancel(place)
            assert len(line(clock)) <= 2 * (1_001 - number)
        await asyncio.sleep(2)
        assert log == [(1, "kept")]
        assert kept.function is None

    run_virtual(main())


def test_to_leave_costs_the_same_however_many_stand_in_line() -> None:
    async def main() -> None:
        clock = crowd()
        wait = Wait("gone", [])
        places = [clock.call_later(1.0, wait.fire) for _ in range(1_024)]
        lines = [line(clock)]
        for place in places:
            clock.cancel(place)
            if line(clock) is not lines[-1]:
                lines.append(line(clock))
        assert len(lines) <= 12, "it is made anew when it has shrunk to a half"

    run_virtual(main())


def test_the_loop_is_not_woken_for_who_has_left() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        clock, log = crowd(), []
        places = []
        for number in range(5):
            places.append(clock.call_later(1.0, Wait(number, log).fire))
            await asyncio.sleep(0.125)
        clock.cancel(places[1])
        clock.cancel(places[2])
        loop.call_at(1.0625, lambda: log.append((min(h.when() for h in loop._scheduled), "next")))
        await asyncio.sleep(5)
        assert log == [(1, 0), (1.375, "next"), (1.375, 3), (1.5, 4)]

    run_virtual(main())


def test_after_a_loop_was_busy_all_that_are_overdue_fire_in_one_turn() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        clock, log = crowd(), []

        def then() -> None:
            loop.call_soon(log.append, "turn")

        for number in range(3):
            clock.call_later(1.0, Wait(number, log, then).fire)
            await asyncio.sleep(0.125)
        loop.call_at(0.5, loop.jump, 5.0)
        await asyncio.sleep(6)
        assert log == [(5.5, 0), (5.5, 1), (5.5, 2), "turn", "turn", "turn"]

    run_virtual(main())


def test_cancelled_ones_that_were_passed_by_are_not_counted_twice() -> None:
    async def main() -> None:
        clock, log = crowd(), []
        places = [clock.call_later(1.0, Wait(number, log).fire) for number in range(10)]
        for place in places[:4]:
            clock.cancel(place)
        await asyncio.sleep(0.5)
        late = [clock.call_later(1.0, Wait(number, log).fire) for number in range(10, 20)]
        await asyncio.sleep(0.75)
        assert len(line(clock)) == 10
        for place in late[:5]:
            clock.cancel(place)
        assert len(line(clock)) == 10, "half of them: they are passed by when their turn comes"
        clock.cancel(late[5])
        assert len(line(clock)) == 4
        await asyncio.sleep(5)
        assert [name for _, name in log] == [4, 5, 6, 7, 8, 9, 16, 17, 18, 19]

    run_virtual(main())


def test_those_who_leave_while_others_are_served() -> None:
    async def main() -> None:
        clock, log = crowd(), []
        places: list[Any] = []

        def leave() -> None:
            for place in places[1:9]:
                clock.cancel(place)

        places.append(clock.call_later(1.0, Wait(0, log, leave).fire))
        places.extend(clock.call_later(1.0, Wait(number, log).fire) for number in range(1, 10))
        await asyncio.sleep(0.5)
        places.append(clock.call_later(1.0, Wait("late", log).fire))
        await asyncio.sleep(5)
        assert log == [(1, 0), (1, 9), (1.5, "late")]
        assert timers() == 0

    run_virtual(main())


def test_all_the_others_cancelled_by_one_that_fires() -> None:
    async def main() -> None:
        clock, log = crowd(), []
        places: list[Any] = []

        def leave() -> None:
            for place in places:
                clock.cancel(place)

        places.extend(clock.call_later(1.0, Wait(number, log, leave).fire) for number in range(5))
        await asyncio.sleep(1)
        assert log == [(1, 0)]
        assert timers() == 0

    run_virtual(main())


def test_what_one_of_them_raises_is_the_loops_to_report_and_the_others_fire() -> None:
    async def main() -> None:
        clock, log = crowd(), []
        reported: list[object] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: reported.append(context.get("exception"))
        )
        fault = LookupError("consumer")

        def broken() -> None:
            raise fault

        clock.call_later(1.0, Wait("a", log).fire)
        clock.call_later(1.0, Wait("b", log, broken).fire)
        clock.call_later(1.0, Wait("c", log).fire)
        await asyncio.sleep(0.5)
        clock.call_later(1.0, Wait("d", log, broken).fire)
        await asyncio.sleep(5)
        assert log == [(1, "a"), (1, "b"), (1, "c"), (1.5, "d")]
        assert reported == [fault, fault]
        clock.call_later(1.0, Wait("e", log).fire)
        await asyncio.sleep(5)
        assert log[-1] == (6.5, "e")

    run_virtual(main())


def test_other_delays_and_plain_functions_are_timers_of_the_loop() -> None:
    async def main() -> None:
        clock, log = crowd(), []
        now = asyncio.get_running_loop().time
        handles = [
            clock.call_later(0.75, Wait("other", log).fire),
            clock.call_later(1.0, lambda: log.append((now(), "plain"))),
        ]
        assert all(isinstance(handle, asyncio.TimerHandle) for handle in handles)
        assert not line(clock)
        gone = clock.call_later(1.0, lambda: log.append((now(), "gone")))
        clock.cancel(gone)
        await asyncio.sleep(2)
        assert log == [(0.75, "other"), (1, "plain")]

    run_virtual(main())


def test_from_another_thread_it_is_posted() -> None:
    async def main() -> None:
        clock, log = crowd(), []
        asyncio.get_running_loop().set_debug(True)  # refuses what is not thread-safe
        here = clock.call_later(1.0, Wait("here", log).fire)

        def elsewhere() -> None:
            clock.call_later(1.0, Wait("there", log).fire)
            clock.cancel(clock.call_later(1.0, Wait("gone", log).fire))
            clock.cancel(here)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert len(line(clock)) == 1, "nobody else touches the line"
        await asyncio.sleep(0)
        assert not line(clock)
        await asyncio.sleep(5)
        assert log == [(1, "there")]

    run_virtual(main())


class Coarse(VirtualLoop):
    """Its clock ticks as that of Windows may, and timers fire by as much too early."""

    def __init__(self) -> None:
        super().__init__()
        self._clock_resolution = 0.015625
        self.turns = 0

    def time(self) -> float:
        return super().time() // 0.015625 * 0.015625

    def _run_once(self) -> None:
        self.turns += 1
        super()._run_once()  # type: ignore[misc] -- asyncio's own, which has no public name


def test_a_clock_that_ticks_coarsely_costs_no_turns() -> None:
    turns: dict[object, int] = {}
    for kind in (LoopClock, crowd):

        async def main(kind: Any = kind) -> None:
            loop: Any = asyncio.get_running_loop()
            clock = kind(loop) if kind is LoopClock else CrowdClock(loop, [0.1])
            log: list[tuple[float, object]] = []
            for number in range(5):
                clock.call_later(0.1, Wait(number, log).fire)
            before = loop.turns
            while len(log) < 5:  # noqa: ASYNC110 -- turns are what is counted
                await asyncio.sleep(0.02)
            turns[kind] = loop.turns - before

        with asyncio.Runner(loop_factory=Coarse) as runner:
            runner.run(main())
    assert turns[crowd] <= turns[LoopClock]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from([1.0, 2.5, 0.25, 0.0])),
        st.tuples(st.just("chain"), st.sampled_from([1.0, 2.5])),
        st.tuples(st.just("raise"), st.sampled_from([1.0, 2.5])),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("cancel later"), st.integers(0, 30)),
        st.tuples(st.just("pass"), st.sampled_from([0.125, 0.5, 1.0, 1.5])),
    ),
    max_size=40,
)


class Player:
    """Plays steps on a clock; waits are numbered in the order in which they are set."""

    def __init__(self, clock: LoopClock) -> None:
        self.clock = clock
        self.log: list[tuple[float, object]] = []
        self.timers: list[Any] = []

    def add(self, delay: float, then: Callable[[], object] | None = None) -> None:
        wait = Wait(len(self.timers), self.log, then)
        self.timers.append(self.clock.call_later(delay, wait.fire))

    def cancel(self, which: int) -> None:
        if self.timers:
            self.clock.cancel(self.timers[which % len(self.timers)])

    async def play(self, steps: list[tuple[str, Any]]) -> None:
        does: dict[str, Callable[[Any], object]] = {
            "add": self.add,
            "chain": lambda delay: self.add(delay, lambda: self.add(delay)),
            "raise": lambda delay: self.add(delay, broken),
            "cancel": self.cancel,
            "cancel later": lambda which: self.add(1.0, lambda: self.cancel(which)),
        }
        for what, value in steps:
            # No two are due at the same moment: a loop's heap does not keep the order of those.
            await asyncio.sleep(1 / 1024)
            if what == "pass":
                await asyncio.sleep(value)
            else:
                does[what](value)
        await asyncio.sleep(20)
        assert timers() == 0


def broken() -> None:
    raise LookupError


def played(steps: list[tuple[str, Any]], *, crowded: bool) -> list[tuple[float, object]]:
    async def main() -> list[tuple[float, object]]:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        player = Player(crowd() if crowded else LoopClock(loop))
        await player.play(steps)
        return player.log

    return run_virtual(main())


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_moments_are_those_of_the_loops_own_timers(steps: list[tuple[str, Any]]) -> None:
    ours, plain = played(steps, crowded=True), played(steps, crowded=False)
    assert ours == plain
