"""`retry_with` where the next try begins on another thread before the last call has returned."""

from __future__ import annotations

import threading
from typing import Any

from reactivex import Observable
from reactivex.disposable import BooleanDisposable
from reactivex.scheduler.scheduler import Scheduler

from rxstream import backoff
from rxstream import operators as rxs
from rxstream._time.timer_thread import TIMER_THREAD
from rxstream.testing import assert_nothing_left

PATIENCE = 10.0


def test_a_failed_subscription_that_is_given_back_late_does_not_end_the_next_one() -> None:
    tries: list[Any] = []
    given: list[BooleanDisposable] = []
    is_kept = threading.Event()

    def subscribe(observer: Any, _: Any = None) -> Any:
        tries.append(observer)
        given.append(BooleanDisposable())
        if len(tries) == 1:
            failing = threading.Thread(target=observer.on_error, args=(OSError(),))
            failing.start()
            failing.join()
            assert is_kept.wait(PATIENCE)
            return given[0]
        # The thread that tries again gets there once it has kept what this gives.
        TIMER_THREAD.call_later(0.0, is_kept.set)
        return given[1]

    seen: list[Any] = []
    with assert_nothing_left():
        wait = (
            Observable(subscribe)
            .pipe(rxs.retry_with(backoff.constant(0), on=OSError))
            .subscribe(seen.append)
        )
        assert [each.is_disposed for each in given] == [True, False]
        tries[1].on_next("alive")
        wait.dispose()
        assert given[1].is_disposed
    assert seen == ["alive"]


class OnceAtOnce(Scheduler):
    """Runs its first action on another thread before it returns, and keeps the second."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[BooleanDisposable] = []
        self.kept: Any = None

    def schedule_relative(self, duetime: Any, action: Any, state: Any = None) -> Any:
        given = BooleanDisposable()
        self.given.append(given)
        if len(self.given) == 1:
            thread = threading.Thread(target=action, args=(self, state))
            thread.start()
            thread.join()
        else:
            self.kept = action
        return given

    def schedule(self, action: Any, state: Any = None) -> Any:
        raise NotImplementedError

    def schedule_absolute(self, duetime: Any, action: Any, state: Any = None) -> Any:
        raise NotImplementedError


def test_a_pause_that_is_given_back_late_does_not_end_the_next_one() -> None:
    scheduler = OnceAtOnce()
    tries: list[Any] = []

    def subscribe(observer: Any, _: Any = None) -> Any:
        tries.append(observer)
        if len(tries) == 2:
            observer.on_error(OSError())
        return BooleanDisposable()

    seen: list[Any] = []
    wait = (
        Observable(subscribe)
        .pipe(rxs.retry_with(backoff.constant(0), on=OSError))
        .subscribe(seen.append, scheduler=scheduler)
    )
    tries[0].on_error(OSError())
    assert [each.is_disposed for each in scheduler.given] == [True, False]
    scheduler.kept(scheduler, None)
    tries[2].on_next("alive")
    wait.dispose()
    assert seen == ["alive"]
