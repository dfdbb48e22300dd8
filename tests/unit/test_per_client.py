"""One value for each object, by identity, for as long as it lives."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest

from rxstream._shared.per_client import PerClient


class Thing:
    """Equal to every other, and unhashable."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment] -- that is the point


def test_each_has_its_own_by_identity_and_it_is_made_once() -> None:
    values, made = PerClient("shared"), []

    def make() -> str:
        made.append(len(made))
        return f"v{len(made)}"

    one, two = Thing(), Thing()
    assert [values.get(thing, make) for thing in (one, two, one, two)] == ["v1", "v2", "v1", "v2"]
    assert len(made) == 2


def test_what_cannot_be_referred_to_weakly_shares_one_and_nothing_is_made() -> None:
    values: PerClient[str] = PerClient("shared")
    assert values.get(3, pytest.fail) == "shared"  # type: ignore[arg-type] -- never called
    assert not values._known


def test_it_goes_with_its_object() -> None:
    values: PerClient[Any] = PerClient(None)
    thing = Thing()
    alive = weakref.ref(values.get(thing, Thing))
    assert alive() is not None
    del thing
    gc.collect()
    assert alive() is None
    assert not values._known


def test_a_new_object_at_the_same_address_is_another() -> None:
    values: PerClient[str] = PerClient("shared")
    old, new = Thing(), Thing()
    gone = weakref.ref(old)
    # What is left where an object has gone, and its callback has not been called yet.
    values._known[id(new)] = gone, "old"
    assert values.get(new, lambda: "new") == "new"
    values._forget(id(new), gone)
    assert values.get(new, pytest.fail) == "new"  # type: ignore[arg-type] -- never called
    values._forget(-1, gone)


def test_what_fails_to_be_made_is_made_anew() -> None:
    values: PerClient[str] = PerClient("shared")
    thing = Thing()

    def broken() -> str:
        raise LookupError

    with pytest.raises(LookupError):
        values.get(thing, broken)
    assert values.get(thing, lambda: "value") == "value"


def test_many_threads_get_the_same() -> None:
    values: PerClient[object] = PerClient(None)
    thing, barrier = Thing(), threading.Barrier(8)
    got: list[object] = []

    def ask() -> None:
        barrier.wait(5)
        got.append(values.get(thing, object))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len(set(map(id, got))) == 1
