"""What any store promises, whatever is beneath: the laws of `rxstream._store.Store`."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rxstream._store import START, WAIT, Entry, Known, Store, Taken
from rxstream.journal import MemoryJournal

A, B = Entry(WAIT, "a"), Entry(WAIT, "b")
SOON = 10.0


class Me:
    """A holder."""

    is_gone = False


class Answer:
    """One answer, which may come on any thread."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, Exception | None]] = []
        self._has_come = threading.Event()

    def __call__(self, answer: Any, error: Exception | None) -> None:
        self.all.append((answer, error))
        self._has_come.set()

    @property
    def value(self) -> Any:
        assert self._has_come.wait(SOON), "no answer"
        ((answer, error),) = self.all
        assert error is None
        return answer


def add(store: Store, holder: Me, entry: Entry, **keywords: Any) -> Known:
    answer = Answer()
    store.add(holder, entry, answer, **keywords)
    return answer.value


def take(store: Store, holder: Me, room: int = 1) -> list[Taken]:
    answer = Answer()
    store.take(holder, room, answer)
    return answer.value


def put(store: Store, holder: Me, entry: Entry, record: str) -> bool:
    answer = Answer()
    store.put(holder, entry, record, answer)
    return answer.value


def beat(store: Store, holder: Me, **keywords: Any) -> list[Entry]:
    answer = Answer()
    store.beat(holder, answer, **keywords)
    return answer.value


def run_through(store: Store, entry: Entry, record: str) -> None:
    holder = Me()
    add(store, holder, entry)
    assert take(store, holder) == [Taken(entry)]
    assert put(store, holder, entry, record)
    beat(store, holder, leaves=True)


def test_it_is_a_store(store: Any) -> None:
    assert isinstance(store, Store)
    assert store.name
    assert store.lease is None


def test_an_entry_is_new_once(store: Any) -> None:
    me, other = Me(), Me()
    assert add(store, me, A) == Known(is_new=True, note="", record=None)
    assert add(store, me, A) == Known(is_new=False, note="", record=None)
    assert add(store, other, A) == Known(is_new=False, note="", record=None)


def test_a_note_is_that_of_the_first(store: Any) -> None:
    first, second = Entry(START, "k", '["u1"]'), Entry(START, "k", "other")
    assert add(store, Me(), first) == Known(is_new=True, note='["u1"]', record=None)
    assert add(store, Me(), second) == Known(is_new=False, note='["u1"]', record=None)


def test_a_start_and_a_wait_of_one_key_are_two(store: Any) -> None:
    run_through(store, Entry(WAIT, "x"), "wait")
    run_through(store, Entry(START, "x"), "start")
    assert add(store, Me(), Entry(WAIT, "x")).record == "wait"
    assert add(store, Me(), Entry(START, "x")).record == "start"


def test_a_record_is_there_for_whoever_comes_later(store: Any) -> None:
    run_through(store, A, "done")
    assert add(store, Me(), A) == Known(is_new=False, note="", record="done")


def test_a_record_is_written_once(store: Any) -> None:
    me = Me()
    add(store, me, A)
    take(store, me)
    first, second = Answer(), Answer()
    store.put(me, A, "first", first)
    store.put(me, A, "second", second)
    assert (first.value, second.value) == (True, False)
    assert not put(store, me, A, "third")
    assert add(store, Me(), A).record == "first"


def test_only_the_holder_writes_it(store: Any) -> None:
    me, other = Me(), Me()
    assert not put(store, me, A, "not even known")
    add(store, me, A)
    add(store, other, A)
    take(store, me)
    assert not put(store, other, A, "not held")
    assert put(store, me, A, "mine")


def test_what_was_added_is_taken_in_order_and_by_room(store: Any) -> None:
    me = Me()
    entries = [Entry(WAIT, f"t{number}") for number in range(5)]
    for entry in entries:
        add(store, me, entry)
    assert take(store, me, 2) == [Taken(entry) for entry in entries[:2]]
    assert take(store, me, 9) == [Taken(entry) for entry in entries[2:]]


def test_who_takes_too_early_is_answered_later(store: Any) -> None:
    me, answer = Me(), Answer()
    store.take(me, 3, answer)
    beat(store, me)
    assert not answer.all
    add(store, me, A)
    assert answer.value == [Taken(A)]


def test_what_was_added_twice_is_taken_once(store: Any) -> None:
    me, answer = Me(), Answer()
    add(store, me, A)
    add(store, me, A)
    assert take(store, me, 2) == [Taken(A)]
    store.take(me, 1, answer)
    beat(store, me)
    assert not answer.all


def test_no_two_hold_one_entry(store: Any) -> None:
    me, other, answer = Me(), Me(), Answer()
    add(store, me, A)
    add(store, other, A)
    assert take(store, me) == [Taken(A)]
    store.take(other, 1, answer)
    beat(store, other)
    assert not answer.all
    put(store, me, A, "done")
    assert answer.value == [Taken(A, "done")]


def test_what_is_given_back_is_taken_by_the_next_in_line(store: Any) -> None:
    first, second, third = Me(), Me(), Me()
    for holder in (first, second, third):
        add(store, holder, A)
    assert take(store, first) == [Taken(A)]
    answers = [Answer(), Answer()]
    store.take(second, 1, answers[0])
    store.take(third, 1, answers[1])
    beat(store, first, leaves=True)
    assert answers[0].value == [Taken(A)]
    assert not put(store, first, A, "too late")
    beat(store, third)
    assert not answers[1].all
    assert put(store, second, A, "done")
    assert answers[1].value == [Taken(A, "done")]


def test_what_was_offered_and_not_taken_is_given_back_too(store: Any) -> None:
    me, other = Me(), Me()
    add(store, me, A)
    beat(store, me, leaves=True)
    add(store, other, A)
    assert take(store, other) == [Taken(A)]


def test_who_has_left_gets_nothing(store: Any) -> None:
    me, gone, answer = Me(), Me(), Answer()
    add(store, me, A)
    add(store, gone, A)
    store.take(gone, 1, answer)
    beat(store, gone, leaves=True)
    beat(store, me, leaves=True)
    beat(store, gone, leaves=True)
    assert not answer.all
    assert add(store, gone, A).record is None
    assert take(store, gone) == [Taken(A)]


def test_who_leaves_before_its_entry_is_durable_holds_nothing(store: Any) -> None:
    gone, other = Me(), Me()
    store.add(gone, A, Answer())
    store.beat(gone, Answer(), leaves=True)
    add(store, other, A)
    assert take(store, other) == [Taken(A)]


def test_who_is_gone_without_a_word_holds_nothing(store: Any) -> None:
    gone, other = Me(), Me()
    add(store, gone, A)
    add(store, gone, B)
    take(store, gone, 2)
    gone.is_gone = True
    add(store, other, A)
    assert take(store, other) == [Taken(A)]
    assert not put(store, gone, B, "too late")
    add(store, other, B)
    assert take(store, other) == [Taken(B)]


def test_a_record_on_its_way_is_written_though_its_holder_leaves(store: Any) -> None:
    me, answer = Me(), Answer()
    add(store, me, A)
    take(store, me)
    store.put(me, A, "done", answer)
    store.beat(me, Answer(), leaves=True)
    assert answer.value
    assert add(store, Me(), A).record == "done"


def test_a_record_is_written_anew_over_the_one_that_was_seen(store: Any) -> None:
    run_through(store, A, "timed out")
    me, other = Me(), Me()
    assert add(store, me, A, over="something else").record == "timed out"
    assert add(store, me, A, over="timed out") == Known(is_new=False, note="", record=None)
    assert add(store, other, A, over="timed out").record is None
    assert take(store, me) == [Taken(A)]
    assert put(store, me, A, "completed")
    assert take(store, other) == [Taken(A, "completed")]
    assert add(store, Me(), A).record == "completed"


def test_a_beat_is_answered_last_and_loses_nothing(store: Any) -> None:
    me = Me()
    answers: list[str] = []

    def note(name: str) -> Any:
        return lambda _, error: answers.append(name if error is None else "wrong")

    done = Answer()
    store.add(me, A, note("add"))
    store.add(me, B, note("add"))
    store.beat(me, note("beat"))
    store.beat(me, done)
    assert done.value == []
    assert answers == ["add", "add", "beat"]


ODD = ["", " ", "\0", "a\0b", "é", "🎈", "\n", "'; DROP TABLE entries; --", "x" * 100_000, "%", "?"]


@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_keys_notes_and_records_are_any_text(store: Any, text: str) -> None:
    entry = Entry(WAIT, text, text)
    run_through(store, entry, text)
    assert add(store, Me(), entry) == Known(is_new=False, note=text, record=text)
    assert add(store, Me(), Entry(WAIT, f"{text} ")).is_new


def test_many_holders_on_many_threads_write_each_entry_once(store: Any) -> None:
    keys = [f"t{number}" for number in range(300)]
    written: list[str] = []
    seen: list[str] = []

    def work(number: int) -> None:
        me = Me()
        entries = [Entry(WAIT, key) for key in keys[number:] + keys[:number]]
        answers = [Answer() for _ in entries]
        for entry, answer in zip(entries, answers, strict=True):
            store.add(me, entry, answer)
        left = sum(answer.value.record is None for answer in answers)
        seen.extend("" for _ in range(len(entries) - left))
        while left:
            for entry, record in take(store, me, 7):
                left -= 1
                if record is None and put(store, me, entry, f"of {number}"):
                    written.append(entry.key)
                else:
                    seen.append(entry.key)
        beat(store, me, leaves=True)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(written) == sorted(keys)
    assert len(seen) == 3 * len(keys)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "put", "leave"]),
            st.sampled_from([0, 1]),
            st.sampled_from("abc"),
        ),
        max_size=25,
    )
)
def test_it_does_what_a_dictionary_does(steps: list[tuple[str, int, str]]) -> None:
    store: Any = MemoryJournal()
    holders = [Me(), Me()]
    records: dict[str, str] = {}
    held: dict[str, int] = {}
    line: dict[str, list[int]] = {}
    for number, (verb, who, key) in enumerate(steps):
        entry, me = Entry(WAIT, key), holders[who]
        if verb == "add":
            assert add(store, me, entry).record == records.get(key)
            if key not in records and held.setdefault(key, who) != who:
                line.setdefault(key, []).append(who)
        elif verb == "put":
            is_mine = held.get(key) == who
            assert put(store, me, entry, str(number)) == is_mine
            if is_mine:
                records[key] = str(number)
                del held[key]
                line.pop(key, None)
        else:
            beat(store, me, leaves=True)
            for mine in [key for key, holder in held.items() if holder == who]:
                others = [other for other in line.pop(mine, []) if other != who]
                if others:
                    held[mine] = others[0]
                else:
                    del held[mine]
            for waiting in line.values():
                waiting[:] = [other for other in waiting if other != who]
