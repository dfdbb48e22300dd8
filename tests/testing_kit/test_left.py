from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any, Never

import pytest

from rxstream._time.timer_thread import TIMER_THREAD
from rxstream.testing import assert_nothing_left


@pytest.fixture
def hasty(monkeypatch: Any) -> None:
    """A shorter grace."""
    monkeypatch.setattr("rxstream.testing._left._GRACE", 0.03)


def test_a_clean_block_passes_and_what_was_there_before_does_not_count() -> None:
    with socket.socket(), assert_nothing_left(), socket.socket():
        pass


def test_a_thread_gets_a_moment_to_go() -> None:
    with assert_nothing_left():
        threading.Thread(target=threading.Event().wait, args=(0.02,)).start()


def test_a_thread_is_named(hasty: Any) -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="laggard")
    with pytest.raises(AssertionError, match="thread laggard"), assert_nothing_left():
        thread.start()
    end.set()
    thread.join()


@pytest.mark.parametrize("has_proc", [True, False])
def test_a_socket_is_named(hasty: Any, monkeypatch: Any, tmp_path: Any, has_proc: Any) -> None:
    if not has_proc:
        monkeypatch.setattr("rxstream.testing._left._DESCRIPTORS", tmp_path / "none")
    with pytest.raises(AssertionError, match="socket"), assert_nothing_left():
        left = socket.socket()
    left.close()


def test_a_timer_is_named(hasty: Any) -> None:
    with pytest.raises(AssertionError, match="timer") as caught, assert_nothing_left():
        timer = TIMER_THREAD.call_later(5, print)
    assert "thread rxstream-timer" in str(caught.value)
    with assert_nothing_left():
        TIMER_THREAD.cancel(timer)


def test_an_error_of_the_block_is_not_hidden(hasty: Any) -> None:
    with socket.socket(), pytest.raises(ZeroDivisionError), assert_nothing_left():
        raise ZeroDivisionError


def test_a_task_is_named(hasty: Any) -> None:
    async def main() -> Never:
        with pytest.raises(AssertionError, match="task laggard"):
            async with assert_nothing_left():
                task = asyncio.create_task(asyncio.sleep(5), name="laggard")
        task.cancel()
        with pytest.raises(AssertionError, match="task once"), assert_nothing_left():
            once = asyncio.create_task(asyncio.sleep(5), name="once")
        once.cancel()
        with pytest.raises(ZeroDivisionError):
            async with assert_nothing_left():
                raise ZeroDivisionError

    asyncio.run(main())


def test_a_task_that_is_about_to_end_is_waited_for() -> None:
    async def main() -> None:
        async with assert_nothing_left():
            asyncio.create_task(asyncio.sleep(0.02))  # noqa: RUF006 -- nobody keeps it: that is the case
            await asyncio.sleep(0)

    asyncio.run(main())
