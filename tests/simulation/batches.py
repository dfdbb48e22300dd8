"""Waits for many tasks at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rxstream import tasks_observable

from .consumers import Consumer, probed
from .laws_batch import BatchLaws
from .sources import make_source

if TYPE_CHECKING:
    from .play import Play

__all__ = ["wait_for_many"]


def wait_for_many(play: Play) -> None:
    """One batch."""
    client, name, how = play.client(), play.name("b"), play.draws.how()
    limit = None if play.draws.is_crowded else play.draws.one(None, 1, 2, 3, 8)
    made: list[BatchLaws] = []
    source, is_pushed = make_source(play, name, made)
    consumer = Consumer(play, f"c:{name}")
    most = math.inf if limit is None else limit

    def laws() -> _Watched:
        batch = BatchLaws(play.book, name, client.gate_laws, how, most, is_pushed=is_pushed)
        batch.wake = wake
        made.append(batch)
        play.batches.append(batch)
        play.note(name, "batch", (limit, how))
        return _Watched(play, batch)

    play.clients_of[name] = client
    wake = play.wake() if play.draws.hazard("wake", 0.5) else None
    observable = tasks_observable(
        client,
        source,
        max_concurrent=limit,
        gate=client.gate_laws.gate,
        wake=wake,
        **how.keywords(),
    )
    consumer.subscribe(probed(play, observable, laws))


class _Watched:
    """The model of a batch as that of any subscription."""

    def __init__(self, play: Play, batch: BatchLaws) -> None:
        self._play = play
        self._batch = batch

    @property
    def is_busy(self) -> bool:
        """Whether its consumer is being called."""
        return self._batch.is_busy

    @is_busy.setter
    def is_busy(self, is_busy: bool) -> None:
        self._batch.is_busy = is_busy

    def emitted(self, value: Any) -> None:
        """It emits."""
        self._batch.outcome(self._play.now(), value)

    def ended(self, now: float, error: Any) -> None:
        """It ends."""
        self._batch.ended(now, error)

    def disposed(self, now: float) -> None:
        """Nobody wants it any more."""
        self._batch.disposed(now)
