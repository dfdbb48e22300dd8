"""Where the ids of a batch come from: asked one by one, or pushed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from reactivex import Observable
from reactivex.disposable import Disposable
from reactivex.subject import Subject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from .laws_batch import BatchLaws
    from .play import Play

__all__ = ["SourceFault", "make_source"]


class SourceFault(Exception):
    """What a source of ids raises."""


class _Ids:
    """The ids of one source, drawn as they are asked for."""

    def __init__(self, play: Play, name: str, laws: list[BatchLaws]) -> None:
        self.play = play
        self._laws = laws
        self._name = name
        self._left = 40 if play.draws.is_crowded else play.draws.one(0, 1, 3, 6, 12, 20)
        self._given: list[str] = []

    @property
    def laws(self) -> BatchLaws:
        """The model of the batch, which is made when it is subscribed to."""
        return self._laws[-1]

    def next(self) -> Any:
        """The next id; raises at the end."""
        draws = self.play.draws
        self._left -= 1
        if self._left < 0 or self.play.is_calm:
            raise StopIteration
        if draws.hazard("sources", 0.02):
            raise SourceFault
        if draws.hazard("odd ids", 0.1):
            return draws.one(None, "", "  ", 7)
        if self._given and draws.hazard("odd ids", 0.15):
            return draws.choice(self._given)
        task_id = self.play.name(self._name)
        self._given.append(task_id)
        self.play.on_id(task_id, self.laws)
        return task_id

    def came(self, item: object) -> Any:
        self.play.note(self.laws.name, "id", item)
        self.laws.came(self.play.now(), item)
        return item

    def ended(self, error: Exception | None) -> None:
        self.play.note(self.laws.name, "no more ids", error or "")
        self.laws.source_ended(error)


def make_source(play: Play, name: str, laws: list[BatchLaws]) -> tuple[Any, bool]:
    """A source, and whether it is pushed."""
    ids = _Ids(play, name, laws)
    kinds = ["iterator", "generator", "generator", "pushed", "pushed"]
    if play.world.is_loop:
        kinds += ["async generator", "async iterator"]
    kind = play.draws.choice(kinds)
    if kind == "pushed":
        return Observable(_Pusher(ids).subscribe), True
    if kind == "iterator":
        return _Iterator(ids), False
    if kind == "async iterator":
        return _AsyncIterator(ids), False
    return (_generated(ids) if kind == "generator" else _async_generated(ids)), False


def _asked(ids: _Ids) -> None:
    ids.laws.asks()
    ids.play.nested_mischief()


class _Iterator:
    def __init__(self, ids: _Ids) -> None:
        self._ids = ids

    def __iter__(self) -> _Iterator:
        return self

    def __next__(self) -> Any:
        _asked(self._ids)
        try:
            item = self._ids.next()
        except StopIteration:
            self._ids.ended(None)
            raise
        except SourceFault as fault:
            self._ids.ended(fault)
            raise
        return self._ids.came(item)


def _generated(ids: _Ids) -> Iterator[Any]:
    ids.laws.has_begun = True
    try:
        while True:
            ids.laws.is_in_source = True
            _asked(ids)
            try:
                item = ids.next()
            except StopIteration:
                ids.ended(None)
                return
            except SourceFault as fault:
                ids.ended(fault)
                raise
            item = ids.came(item)
            ids.laws.left_source()
            yield item
    finally:
        ids.laws.closed()


class _AsyncIterator:
    def __init__(self, ids: _Ids) -> None:
        self._ids = ids

    def __aiter__(self) -> _AsyncIterator:
        return self

    async def __anext__(self) -> Any:
        _asked(self._ids)
        await _pause(self._ids)
        try:
            item = self._ids.next()
        except StopIteration:
            self._ids.ended(None)
            raise StopAsyncIteration from None
        except SourceFault as fault:
            self._ids.ended(fault)
            raise
        return self._ids.came(item)


async def _async_generated(ids: _Ids) -> AsyncIterator[Any]:
    ids.laws.has_begun = True
    try:
        while True:
            ids.laws.is_in_source = True
            _asked(ids)
            await _pause(ids)
            try:
                item = ids.next()
            except StopIteration:
                ids.ended(None)
                return
            except SourceFault as fault:
                ids.ended(fault)
                raise
            item = ids.came(item)
            ids.laws.left_source()
            yield item
    finally:
        ids.laws.closed()


async def _pause(ids: _Ids) -> None:
    pause = ids.play.draws.one(0.0, 0.0, 0.5, 3.0)
    if pause:
        ids.laws.left_source()
        await asyncio.sleep(pause)


class _Pusher:
    """Pushes at random moments, and when a consumer makes it."""

    def __init__(self, ids: _Ids) -> None:
        self._ids = ids
        self._subject: Subject[Any] = Subject()

    def push(self) -> None:
        """Push one more id, or the end."""
        if not self._ids.laws.source_is_open:
            return
        try:
            item = self._ids.next()
        except StopIteration:
            self._ids.ended(None)
            self._subject.on_completed()
        except SourceFault as fault:
            self._ids.ended(fault)
            self._subject.on_error(fault)
        else:
            self._ids.came(item)
            # Where the observer raises, the source is closed when it calls next: many an operator
            # tells its observer of what it has raised, and would tell one that is disposed nothing.
            self._ids.laws.is_in_source = True
            self._subject.on_next(item)
            self._ids.laws.left_source()

    def subscribe(self, observer: Any, scheduler: Any = None) -> Any:
        """Begin to push."""
        play, laws = self._ids.play, self._ids.laws
        laws.has_begun = True
        subscription = self._subject.subscribe(observer, scheduler=scheduler)
        play.pushes.append(self.push)
        play.world.later(play.draws.one(0.0, 1.0), self._tick)

        def dispose() -> None:
            laws.closed()
            subscription.dispose()

        return Disposable(dispose)

    def _tick(self) -> None:
        draws = self._ids.play.draws
        for _ in range(draws.one(1, 1, 3)):
            self.push()
        if self._ids.laws.source_is_open and not self._ids.laws.is_over:
            self._ids.play.world.later(draws.one(0.0, 0.5, 4.0), self._tick)
