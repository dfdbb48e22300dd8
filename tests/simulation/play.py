"""One seed: draws a world, fills it, runs it, and tells what became of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reactivex.subject import Subject

from .batches import wait_for_many
from .book import Book, Mischief, Violation
from .draws import Draws
from .setting import make_clients
from .singles import fan_in_many, share_one, wait_for_one
from .worlds import LoopWorld, SchedulerWorld

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from .client import Client
    from .consumers import Consumer
    from .laws_batch import BatchLaws
    from .laws_gate import GateLaws
    from .laws_wait import WaitLaws
    from .server import Server
    from .worlds import World

__all__ = ["Play", "Result", "play"]

# After it has become calm, so long is enough for all that can end.
PATIENCE = 3000.0
# So many things are done from within consumers and iterators, at most.
ACTS = 60


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a seed."""

    seed: int
    steps: int
    counts: Counter[str]
    violations: list[Violation]
    trace: list[tuple[float, str, str, object]]
    setting: str


class Play:
    """Everything that happens in one seed."""

    def __init__(self, seed: int, without: frozenset[str]) -> None:
        self.draws = draws = Draws(seed, without)
        self.book = Book()
        kind = draws.one("sync", "async", "loop", "loop")
        self.world: World = SchedulerWorld(self.book)
        if kind == "loop":
            self.world = LoopWorld(self.book, named=draws.random() < 0.3)
        self.is_calm = False
        self.calm_at = 150.0 if draws.is_crowded else draws.one(5.0, 30.0, 150.0)
        self.until = self.calm_at + PATIENCE
        self.open: list[Consumer] = []
        self.waits: list[WaitLaws] = []
        self.batches: list[BatchLaws] = []
        self.pushes: list[Callable[[], None]] = []
        self.fires: list[Callable[[], None]] = []
        self.at_end: list[Callable[[], None]] = []
        self.clients_of: dict[str, Client] = {}
        self.signals: list[Subject[Any]] = []
        self._wakes: list[Subject[Any]] = []
        self._names = 0
        self._acts = 0
        self._servers: list[Server] = []
        self.gates: list[GateLaws] = []
        self._clients: list[Client] = []
        self._kind = kind

    def now(self) -> float:
        """Virtual seconds."""
        return self.world.now()

    def note(self, who: str, what: str, detail: object = "") -> None:
        """Write down that something happens now."""
        self.book.note(self.world.now(), who, what, detail)

    def name(self, kind: str) -> str:
        """A new name."""
        self._names += 1
        return f"{kind}{self._names}"

    def client(self) -> Client:
        """Any of the clients."""
        return self.draws.choice(self._clients)

    def wake(self) -> Subject[Any]:
        """What wakes some waits."""
        if not self._wakes or self.draws.random() < 0.2:
            self._wakes.append(Subject())
        return self.draws.choice(self._wakes)

    def on_id(self, task_id: str, laws: BatchLaws) -> None:
        """A batch has a new id."""
        client = self.clients_of[laws.name]
        client.owners[task_id] = lambda now: laws.wait_of(task_id, now)

    def begin(self) -> None:
        """Make the clients, and say what begins when."""
        draws = self.draws
        self._servers, self._clients = make_clients(self, is_sync=self._kind == "sync")
        starts: list[Callable[[Play], None]] = []
        starts += [wait_for_one] * draws.randrange(8)
        starts += [wait_for_many] * draws.randrange(4)
        starts += [share_one, fan_in_many] * draws.randrange(2)
        if draws.is_crowded:
            starts = []
            self.world.later(0.0, lambda: wait_for_many(self))
        for start in starts:
            self.world.later(draws.delay(self.calm_at), lambda each=start: each(self))
        for _ in range(draws.randrange(30)):
            self.world.later(draws.delay(self.calm_at), self.nested_mischief)
        for _ in range(draws.randrange(20)):
            if draws.hazard("wake", 0.5):
                self.world.later(draws.delay(self.calm_at), self._wake_some)
        self.world.later(self.calm_at, self._calm)

    def _calm(self) -> None:
        """From here on nothing goes wrong any more, and all that can end must end."""
        self.is_calm = True
        for server in self._servers:
            server.calm()
        for push in self.pushes:
            push()

    def mischief(self, consumer: Consumer) -> None:
        """What a consumer gets up to while it is called."""
        if self.is_calm:
            return
        if self.draws.hazard("raise", 0.03):
            self._raise(consumer)
        if self.draws.hazard("nested", 0.05):
            if self.draws.random() < 0.4:
                consumer.dispose()
            else:
                self.nested_mischief()

    def late_mischief(self, consumer: Consumer) -> None:
        """What a consumer gets up to while it hears of the end."""
        if not self.is_calm and self.draws.hazard("raise", 0.03):
            self._raise(consumer)
        if not self.is_calm and self.draws.hazard("nested", 0.05):
            self.nested_mischief()

    def _raise(self, consumer: Consumer) -> None:
        fault = Mischief(f"{consumer.name} {self.book.steps}")
        self.note(consumer.name, "raise", fault)
        self.book.raised(fault)
        raise fault

    def nested_mischief(self) -> None:
        """Anything that anybody may do at any moment."""
        draws = self.draws
        self._acts += 1
        if self.is_calm or self._acts > ACTS or not draws.hazard("nested", 0.5):
            return
        act = draws.randrange(12)
        if act <= 3 and self.open and draws.hazard("dispose", 0.5):
            draws.choice(self.open).dispose()
        elif act <= 6:
            self._wake_some()
        elif act == 7 and self.pushes:
            self.world.call("push", draws.choice(self.pushes))
        elif act == 8 and self.fires:
            self.world.call("signal", draws.choice(self.fires))
        elif act == 9:
            wait_for_one(self)
        elif act == 10 and draws.hazard("close", 0.1):
            self.world.call("close", draws.choice(self._clients).close)

    def _wake_some(self) -> None:
        if not self._wakes:
            return
        waits = [wait for gate in self.gates for wait in gate.waits]
        event: object = None
        if waits and self.draws.random() < 0.6:
            woken = [self.draws.choice(waits)]
            event = {"task_id": woken[0].name}
        else:
            woken = waits
        self.note("wake", "wake", event)
        wake = self.draws.choice(self._wakes)
        calls = [(wait, wait.calls) for wait in woken if wait.wake is wake and wait.calls]
        for wait in list(woken):
            wait.woken(self.now())

        def push() -> None:
            wake.on_next(event)
            # Not where a consumer has raised: a Subject tells nobody else then.
            for wait, before in calls:
                if wait.calls == before:
                    wait.heard(self.now())

        self.book.events_under_way += 1
        self.world.call("wake", push)
        self.book.events_under_way -= 1

    def look_if_idle(self) -> None:
        """Nobody waits any more, for now: nothing may be left of those who did."""
        self.world.later(0.01, self._look_if_idle)

    def _look_if_idle(self) -> None:
        is_idle = not (self.open or any(gate.in_flight for gate in self.gates))
        if is_idle and (left := self.world.left()):
            self.book.broken("nothing is left", "world", f"{left} timers or tasks while idle")

    def curtain(self) -> None:
        """Whoever waits still has a reason for it; then everything is disposed."""
        self.note("world", "curtain")
        for wait in (wait for gate in self.gates for wait in gate.waits):
            if not (wait.is_calling or wait.gate.hung):
                self.book.broken("nobody is forgotten", wait.name, "it never ended")
        for batch in self.batches:
            if not (batch.is_over or batch.waits):
                self.book.broken("nobody is forgotten", batch.name, "it never ended")
        for look in self.at_end:
            look()
        for consumer in list(self.open):
            consumer.dispose()
        for client in self._clients:
            client.close()
        self.world.later(0.5, self._look)

    def _look(self) -> None:
        for gate in self.gates:
            gate.close()
        for batch in self.batches:
            if batch.has_begun and not batch.is_closed:
                self.book.broken("a source is closed at once", batch.name, "it never was")
        heard = sum(len(subject.observers) for subject in (*self._wakes, *self.signals))
        if heard:
            self.book.broken("nothing is left", "world", f"{heard} that listen still")
        if left := self.world.left():
            self.book.broken("nothing is left", "world", f"{left} timers or tasks")


def play(seed: int, without: frozenset[str] = frozenset()) -> Result:
    """Run one seed."""
    scene = Play(seed, without)
    try:
        # Each failed poll is a line.
        logging.disable(logging.CRITICAL)
        scene.world.run(scene)
    except Exception as error:  # noqa: BLE001 -- it is what is being looked for
        scene.book.broken("nothing else is raised", "world", repr(error))
    finally:
        logging.disable(logging.NOTSET)
    scene.book.close()
    book, gates = scene.book, ", ".join(f"{gate.name} {gate.gate!r}" for gate in scene.gates)
    setting = f"{scene._kind}; {gates}"
    return Result(seed, book.steps, book.counts, book.violations, book.trace, setting)
