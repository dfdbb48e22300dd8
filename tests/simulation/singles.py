"""Waits for one task, alone or behind operators."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import reactivex
from reactivex.subject import Subject

from rxstream import TaskHub, TaskOutcome, task_observable
from rxstream import operators as rxs
from rxstream.errors import (
    StreamApiException,
    StreamException,
    StreamTransportException,
    TaskCancelledException,
    TaskTimeoutException,
)

from .book import EPSILON
from .consumers import Consumer, probed
from .laws_shared import SharedLaws, SharerLaws
from .laws_wait import WaitLaws

if TYPE_CHECKING:
    from reactivex import Observable

    from .client import Client
    from .draws import Row
    from .play import Play

__all__ = ["fan_in_many", "share_one", "wait_for_one"]

WORTH = (StreamApiException, StreamTransportException)


def wait_for_one(play: Play) -> None:
    """One wait; on some, operators."""
    client, name = play.client(), play.name("t")
    consumer = Consumer(play, f"c:{name}")
    source = single(play, client, name)
    if play.draws.hazard("operators", 0.4):
        source = _operated(play, consumer, source, name)
    consumer.subscribe(source)


def single(play: Play, client: Client, name: str) -> Observable[Any]:
    """The watched wait for one task."""
    how, play_waits = play.draws.how(), play.waits

    def laws() -> WaitLaws:
        wait = WaitLaws(play.book, name, client.gate_laws, how, play.now())
        wait.wake = wake
        client.owners[name] = lambda _: wait
        play_waits.append(wait)
        play.book.counts["waits"] += 1
        play.note(name, "wait", how)
        return wait

    wake = play.wake() if play.draws.hazard("wake", 0.5) else None
    keywords = {"gate": client.gate_laws.gate, "wake": wake, **how.keywords()}
    if play.draws.hazard("hub", 0.3):
        observable = TaskHub(client, keep=0, **keywords).observe(name)
    else:
        observable = task_observable(client, name, **keywords)
    return probed(play, observable, laws)


def share_one(play: Play) -> None:
    """Several subscriptions to one observable."""
    client, name, how = play.client(), play.name("s"), play.draws.how()
    shared = SharedLaws(play.book, name, client.gate_laws)
    client.owners[name] = lambda _: shared

    def laws() -> SharerLaws:
        sharer = SharerLaws(shared, name, how, play.now())
        play.book.counts["waits"] += 1
        return sharer

    observable = task_observable(client, name, gate=client.gate_laws.gate, **how.keywords())
    source = probed(play, observable, laws)
    for number in range(play.draws.randint(2, 3)):
        consumer = Consumer(play, f"c{number}:{name}")
        play.world.later(play.draws.delay(5), lambda each=consumer: each.subscribe(source))


def fan_in_many(play: Play) -> None:
    """Several waits, merged by `fan_in`; an error of one ends all."""
    client, name = play.client(), play.name("f")
    limit = play.draws.one(None, 1, 2, 3)
    settles = play.draws.random() < 0.7
    ids = [f"{name}.{number}" for number in range(play.draws.randint(1, 6))]
    sources = {task_id: single(play, client, task_id) for task_id in ids}
    started: list[str] = []

    def project(task_id: str) -> Observable[Any]:
        running = [w for w in play.waits if w.name in started and not w.is_over]
        if limit is not None and len(running) >= limit:
            text = f"{len(running)} of {limit}"
            play.book.broken("nothing is pulled ahead of max_concurrent", name, text)
        started.append(task_id)
        source = sources[task_id]
        return source.pipe(rxs.settle(task_id)) if settles else source

    consumer = Consumer(play, f"c:{name}")

    def over(how: object) -> None:
        waits = [w for w in play.waits if w.name in started]
        play.book.by(play.now(), name, "the end ends all", lambda: all(w.is_over for w in waits))
        if how is None and len(started) < len(ids):
            play.book.broken("a fan-in has all", name, f"{started} of {ids}")
        if settles and how is None:
            found = sorted(value.task_id for value in consumer.values)
            if found != sorted(ids):
                play.book.broken("each id has one outcome", name, f"{found} of {ids}")

    consumer.on_over.append(over)
    consumer.subscribe(reactivex.from_iterable(ids).pipe(rxs.fan_in(project, limit)))


def _operated(
    play: Play, consumer: Consumer, source: Observable[Any], name: str
) -> Observable[Any]:
    draws = play.draws
    if draws.random() < 0.4:
        row = draws.retry()
        if row is not None and not row.keeps:
            source = source.pipe(rxs.retry_with(row, on=WORTH))
            play.note(name, "retry_with", row)
            _hold_pauses(play, name, row)
    if draws.random() < 0.4:
        limit = draws.delay(40)
        source = source.pipe(rxs.deadline(limit))
        play.note(name, "deadline", limit)
        law = "a deadline holds"
        play.book.by(play.now() + limit, consumer.name, law, lambda: consumer.is_over)
    if draws.random() < 0.4:
        source = source.pipe(rxs.cancel_on(_signal(play, consumer)))
    if draws.random() < 0.4:
        source = source.pipe(rxs.settle(name))
        consumer.on_over.append(lambda how: _settled(play, consumer, how))
    waits = play.waits

    def over(how: object) -> None:
        mine = [wait for wait in waits if wait.name == name]
        was_cut = isinstance(how, TaskCancelledException | TaskTimeoutException)
        if was_cut and not all(wait.is_over for wait in mine):
            play.book.broken("the source is disposed first", name, repr(how)[:80])
        law = "the end ends all"
        play.book.by(play.now(), name, law, lambda: all(wait.is_over for wait in mine))

    consumer.on_over.append(over)
    return source


def _settled(play: Play, consumer: Consumer, how: object) -> None:
    is_one = len(consumer.values) == 1 and isinstance(consumer.values[0], TaskOutcome)
    if how is None and not is_one:
        text = f"{consumer.values!r}"[:120]
        play.book.broken("settle gives one outcome", consumer.name, text)
    if isinstance(how, StreamException):
        play.book.broken("settle gives one outcome", consumer.name, f"not {how!r}"[:120])


def _hold_pauses(play: Play, name: str, row: Row) -> None:
    """Each try begins after the pause that its number has, and the end of the row is the end."""

    def look() -> None:
        tries = [wait for wait in play.waits if wait.name == name]
        for number, (before, after) in enumerate(pairwise(tries)):
            pause = row.at(number)
            last = before.last
            is_named = last is not None and last.named and last.value is before.end
            least = last.named if last is not None and is_named else pause
            if not isinstance(least, float) or after.began < before.ended_at + least - EPSILON:
                text = f"try {number + 2} at {after.began:.6f}, {least!r} after {before.ended_at}"
                play.book.broken("a retry waits for its pause", name, text)

    play.at_end.append(look)


def _signal(play: Play, consumer: Consumer) -> Any:
    """A signal that fires at some moment, or never; who is cancelled ends at once."""
    draws = play.draws
    kinds: list[Any] = [Subject, threading.Event, concurrent.futures.Future]
    if play.world.is_loop:
        kinds += [asyncio.Event, asyncio.get_running_loop().create_future]
    signal = draws.choice(kinds)()
    if isinstance(signal, Subject):
        play.signals.append(signal)
    has_fired: list[bool] = []

    def fire() -> None:
        if has_fired:
            return
        has_fired.append(True)
        play.note(consumer.name, "signal")
        if isinstance(signal, Subject):
            signal.on_next(None)
        elif isinstance(signal, threading.Event | asyncio.Event):
            signal.set()
        else:
            signal.set_result(None)
        # A Subject is not heard by who has not subscribed yet; all others are.
        if consumer in play.open:
            law = "a signal cancels at once"
            play.book.by(play.now(), consumer.name, law, lambda: consumer.is_over)

    if draws.random() < 0.7:
        play.world.later(draws.delay(30) + 0.0625, fire)
        play.fires.append(fire)
    return signal
