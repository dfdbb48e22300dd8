"""Those who subscribe: well-behaved probes, and consumers who are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from reactivex import Observable, abc
from reactivex.disposable import Disposable
from typing_extensions import override

from .book import Mischief

if TYPE_CHECKING:
    from collections.abc import Callable

    from .play import Play

__all__ = ["Consumer", "SubscriptionLaws", "probed"]


class SubscriptionLaws(Protocol):
    """The model of what is subscribed to."""

    is_busy: bool

    def emitted(self, value: Any) -> None:
        """It emits."""
        ...

    def ended(self, now: float, error: Any) -> None:
        """It ends, with an error or with None."""
        ...

    def disposed(self, now: float) -> None:
        """Nobody wants it any more."""
        ...


def probed(
    play: Play, source: Observable[Any], laws_of: Callable[[], SubscriptionLaws]
) -> Observable[Any]:
    """The same observable, each subscription to which is watched by a model of its own.

    Half of them go past reactivex's observer, which hides what comes after the end.
    """
    is_raw = play.draws.random() < 0.5

    def start(observer: abc.ObserverBase[Any], scheduler: Any = None) -> abc.DisposableBase:
        laws = laws_of()
        probe = _Probe(play, laws, observer)
        try:
            if is_raw:
                inner = source._subscribe_core(probe, scheduler)
            else:
                inner = source.subscribe(probe, scheduler=scheduler)
        except BaseException:
            laws.disposed(play.now())
            raise

        def dispose() -> None:
            play.book.tick(play.now())
            laws.disposed(play.now())
            inner.dispose()

        return Disposable(dispose)

    return Observable(start)


class _Probe(abc.ObserverBase[Any]):
    def __init__(self, play: Play, laws: SubscriptionLaws, observer: abc.ObserverBase[Any]) -> None:
        self._play = play
        self._laws = laws
        self._observer = observer

    @override
    def on_next(self, value: Any) -> None:
        self._play.book.tick(self._play.now())
        self._laws.emitted(value)
        self._laws.is_busy = True
        try:
            self._observer.on_next(value)
        except BaseException:
            self._laws.disposed(self._play.now())
            raise
        finally:
            self._laws.is_busy = False

    @override
    def on_error(self, error: Exception) -> None:
        self._play.book.tick(self._play.now())
        # reactivex reports what the consumer raised while it was subscribing.
        if not isinstance(error, Mischief):
            self._laws.ended(self._play.now(), error)
        self._observer.on_error(error)

    @override
    def on_completed(self) -> None:
        self._play.book.tick(self._play.now())
        self._laws.ended(self._play.now(), None)
        self._observer.on_completed()


class Consumer(abc.ObserverBase[Any]):
    """The outermost observer: holds the grammar, and gets up to mischief."""

    def __init__(self, play: Play, name: str) -> None:
        self.name = name
        self.is_over = False
        self.values: list[Any] = []
        self.on_over: list[Callable[[Any], None]] = []
        self._play = play
        self._calls = 0
        self._subscription: abc.DisposableBase | None = None
        self._is_unwanted = False
        self._fault: Mischief | None = None

    def subscribe(self, source: Observable[Any]) -> None:
        """Subscribe, now; what comes out of it has surfaced."""
        play = self._play
        play.note(self.name, "subscribe")
        play.open.append(self)

        def start() -> None:
            scheduler = play.world.scheduler
            try:
                self._subscription = source.subscribe(self, scheduler=scheduler)
            except BaseException:
                self._over("raised")
                raise

        play.world.call(f"subscribe {self.name}", start)
        if self._is_unwanted and not self.is_over:
            self.dispose()

    def dispose(self) -> None:
        """Want nothing more."""
        if self._subscription is None:
            self._is_unwanted = True
            return
        self._play.note(self.name, "dispose")
        self._play.world.call(f"dispose {self.name}", self._subscription.dispose)
        if not self.is_over:
            self._over("disposed")

    @override
    def on_next(self, value: Any) -> None:
        self._begin("next", value)
        self.values.append(value)
        try:
            self._play.mischief(self)
        except Mischief as fault:
            self._fault = fault
            self._over("raised")
            raise
        finally:
            self._calls -= 1

    @override
    def on_error(self, error: Exception) -> None:
        if error is self._fault:
            self._play.book.surfaced(error, f"on_error of {self.name}")
            self._fault = None
            return
        self._begin("error", error)
        self._calls -= 1
        self._over(error)
        self._play.late_mischief(self)

    @override
    def on_completed(self) -> None:
        self._begin("completed", None)
        self._calls -= 1
        self._over(None)
        self._play.late_mischief(self)

    def _begin(self, what: str, value: object) -> None:
        play = self._play
        play.note(self.name, what, value)
        if self.is_over:
            play.book.broken("nothing comes after the end", self.name, f"{what} {value!r}"[:120])
        if self._calls:
            play.book.broken("an observer is called once at a time", self.name, what)
        self._calls += 1

    def _over(self, how: object) -> None:
        self.is_over = True
        if self in self._play.open:
            self._play.open.remove(self)
        self._play.look_if_idle()
        for tell in self.on_over:
            tell(how)
