"""The file of a journal: each way in which it can fail is a typed error with a way out."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import warnings
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rxstream import TaskOutcome, TaskSnapshot
from rxstream._records import to_record
from rxstream._store import START, WAIT, Entry
from rxstream.errors import JournalException
from rxstream.journal import Journal, JournalCounts, JournalReader
from tests.journal.test_store import Answer, Me, add, beat, put, run_through, take

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


def outcome_of(number: int) -> TaskOutcome:
    result = {"n": number, "url": "https://example.com/" + "x" * 200}
    return TaskOutcome(f"t{number}", TaskSnapshot(f"t{number}", "completed", result), None, 3, 0.5)


def record(journal: Journal, *numbers: int) -> None:
    """Record outcomes, in one group or a few."""
    me = Me()
    for number in numbers:
        journal.add(me, Entry(WAIT, f"t{number}"), lambda *_: None)
    beat(journal, me)
    for number in numbers:
        journal.put(me, Entry(WAIT, f"t{number}"), to_record(outcome_of(number)), lambda *_: None)
    beat(journal, me, leaves=True)


def refused(path: Any, reason: str, *words: str) -> JournalException:
    with pytest.raises(JournalException) as caught:
        Journal(path).close()
    check(caught.value, path, reason, *words)
    return caught.value


def check(error: Any, path: Any, reason: str, *words: str) -> None:
    assert isinstance(error, JournalException)
    assert error.reason == reason, error
    assert error.path == os.path.realpath(path)
    for word in (error.path, *words):
        assert word in str(error)


def fails(journal: Journal) -> Any:
    """The error of the next verb."""
    answer = Answer()
    journal.add(Me(), Entry(WAIT, "x"), answer)
    deadline = time.monotonic() + 20
    while not answer.all and time.monotonic() < deadline:
        time.sleep(0.001)
    ((_, error),) = answer.all
    return error


def run(code: str, *arguments: object, **keywords: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **keywords,
    )


OWN = """
import sys, time
from rxstream.journal import Journal
journal = Journal(sys.argv[1])
print("open", flush=True)
time.sleep(60)
"""


@contextmanager
def owner(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OWN, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_new_file_is_its_owners_alone_in_wal_mode(path: Path) -> None:
    before = os.umask(0)
    try:
        with Journal(path) as journal:
            record(journal, 1)
            files = sorted(file.name for file in path.parent.iterdir())
            assert files == ["run.db", "run.db-shm", "run.db-wal", "run.db.lock"]
            for file in path.parent.iterdir():
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    finally:
        os.umask(before)
    assert sorted(file.name for file in path.parent.iterdir()) == ["run.db", "run.db.lock"]
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert plain.execute("PRAGMA application_id").fetchone() == (0x52785374,)
        assert plain.execute("PRAGMA user_version").fetchone() == (1,)


def test_each_commit_is_synced(path: Path) -> None:
    with Journal(path) as journal:
        ledger: Any = journal._verbs._ledger
        assert ledger._connection.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize("how", [str, Path, lambda path: f"{path.parent}/./{path.name}"])
def test_a_path_is_a_str_or_a_path(path: Path, how: Any) -> None:
    with Journal(how(path)) as journal:
        assert journal.name == str(path)
        assert repr(journal) == f"Journal({str(path)!r})"


@pytest.mark.parametrize("bad", [None, 7, b"run.db", ["run.db"]])
def test_what_is_no_path_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError, match="path must be a str or a Path, not"):
        Journal(bad)


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "what?.db", "no#.db", "é.db", "-x.db"])
def test_a_name_may_be_odd(path: Path, name: str) -> None:
    path = path.with_name(name)
    with Journal(path) as journal:
        record(journal, 1)
        assert journal.counts().recorded == 1
    assert path.exists()


def test_another_journal_on_the_same_file_is_refused_at_once(path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    with Journal(path):
        refused(path, "locked", "this process uses it")
        refused(link, "locked")
    Journal(link).close()


def test_a_second_process_is_refused_at_once_until_the_first_is_killed(path: Path) -> None:
    with owner(path) as process:
        refused(path, "locked", f"process {process.pid} uses it", "use another file")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        Journal(path).close()


def test_the_lock_is_not_passed_on_to_a_program_that_is_started(path: Path) -> None:
    journal = Journal(path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        journal.close()
        Journal(path).close()
        other.communicate(b"\n")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    refused(path, "no_locks", "put it on a local disk")


def test_a_text_that_is_no_database(path: Path) -> None:
    path.write_text("task_id,status\n" * 1000)
    refused(path, "foreign", "use another path")
    assert path.read_text().startswith("task_id")


def test_a_database_of_something_else_stays_as_it_was(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE entries (number)")
        other.commit()
    before = path.read_bytes()
    refused(path, "foreign", "database of something else")
    assert path.read_bytes() == before


def test_a_newer_version_stays_as_it_was(path: Path) -> None:
    Journal(path).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    refused(path, "newer", "format 2, this one knows 1", "update rxstream")
    assert path.read_bytes() == before
    with pytest.raises(JournalException, match="update rxstream"):
        JournalReader(path).counts()


def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    path.touch()
    with Journal(path) as journal:
        record(journal, 1)
    assert JournalReader(path).counts() == JournalCounts(recorded=1)


def test_a_folder_that_is_missing(path: Path) -> None:
    refused(path / "a" / "run.db", "unusable", "No such file or directory", "can be written")


def test_a_folder_in_its_place(path: Path) -> None:
    path.mkdir()
    refused(path, "unusable", "Is a directory")


def test_a_link_in_place_of_the_lock_is_not_followed(path: Path) -> None:
    target = path.with_name("precious")
    target.write_text("precious")
    Path(f"{path}.lock").symlink_to(target)
    refused(path, "unusable")
    assert target.read_text() == "precious"


AS_NOBODY = """
import os, sys
from rxstream.errors import JournalException
from rxstream.journal import Journal
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    Journal(sys.argv[1])
except JournalException as error:
    print(error.reason, error)
"""


@pytest.mark.parametrize("what", ["folder", "lock", "file"])
def test_what_may_not_be_written(what: str) -> None:
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    path = folder / "run.db"
    try:
        if what != "folder":
            Journal(path).close()
            (folder / "run.db.lock").chmod(0o444 if what == "lock" else 0o666)
            path.chmod(0o444)
        folder.chmod(0o555 if what == "folder" else 0o755)
        done = run(AS_NOBODY, path)
        assert done.stdout.startswith(f"read_only journal {path}: "), done
        assert not done.stderr
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(journal: Journal) -> tuple[list[int], Any]:
    """Record outcomes until it fails; give those that were acknowledged, and the error."""
    me, acknowledged, errors = Me(), [], []

    def note(number: int) -> Any:
        def then(answer: Any, error: Exception | None) -> None:
            if error is not None:
                errors.append(error)
            elif answer is True:
                acknowledged.append(number)

        return then

    for number in range(100_000):
        entry = Entry(WAIT, f"t{number}")
        add_answer = Answer()
        journal.add(me, entry, add_answer)
        if number % 50 == 0 and not add_answer.all:
            beaten = Answer()
            journal.beat(me, beaten)
            while not beaten.all:
                time.sleep(0.001)
        journal.put(me, entry, to_record(outcome_of(number)), note(number))
        if errors:
            break
    assert errors
    return acknowledged, errors[0]


def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with small_disk(folder, "1500k"):
        path = folder / "run.db"
        ballast = folder / "ballast"
        ballast.write_bytes(b"x" * 300_000)
        with Journal(path) as journal:
            acknowledged, error = fill(journal)
            check(error, path, "full", "make room on the disk", "goes on where it was")
            check(fails(journal), path, "full")
        assert acknowledged
        ballast.unlink()
        with Journal(path) as journal:
            found = {outcome.task_id: outcome for outcome in journal.outcomes()}
            for number in acknowledged:
                assert found[f"t{number}"] == outcome_of(number)
            record(journal, 200_000)


def test_a_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with small_disk(folder, "64k"):
        with pytest.raises(OSError, match="No space"):
            (folder / "ballast").write_bytes(b"x" * 70_000)
        refused(folder / "run.db", "full", "make room")


def test_a_file_that_may_not_grow(path: Path) -> None:
    with Journal(path) as journal:
        connection: Any = journal._verbs._ledger._connection
        connection.execute("PRAGMA max_page_count = 20")
        acknowledged, error = fill(journal)
        check(error, path, "full", "make room on the disk")
    found = {outcome.task_id for outcome in JournalReader(path).outcomes()}
    assert {f"t{number}" for number in acknowledged} <= found


LIMITED = """
import resource, sys
from rxstream.journal import Journal
from tests.journal.test_file import fill
journal = Journal(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
acknowledged, error = fill(journal)
print(error.reason, len(acknowledged), flush=True)
import os; os._exit(0)
"""


def test_a_quota(path: Path) -> None:
    done = run(LIMITED, path)
    reason, count = done.stdout.split()
    assert reason in ("full", "unusable"), done
    assert JournalReader(path).counts().recorded >= int(count) > 0


def groups(path: Path) -> tuple[Path, list[int]]:
    """A copy of a journal with a WAL of eight commits, as after a crash; and its sizes."""
    crashed = path.with_name("crashed.db")
    with Journal(path) as journal:
        counts = [0]
        for number in range(8):
            record(journal, *range(number * 3, number * 3 + 3))
            counts.append(3 * number + 3)
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{crashed}{suffix}")
    return crashed, counts


def whole_commits(path: Path, counts: list[int]) -> int:
    with Journal(path) as journal:
        found = list(journal.outcomes())
    assert len(found) in counts
    assert found == [outcome_of(number) for number in range(len(found))]
    return len(found)


def test_a_torn_wal_is_a_whole_number_of_commits(path: Path) -> None:
    crashed, counts = groups(path)
    wal, database = Path(f"{crashed}-wal").read_bytes(), crashed.read_bytes()
    seen: set[int] = set()
    for share in range(25):
        torn = path.with_name(f"torn{share}.db")
        torn.write_bytes(database)
        Path(f"{torn}-wal").write_bytes(wal[: len(wal) * share // 24])
        seen.add(whole_commits(torn, counts))
    assert {0, 24} < seen


def test_a_wal_with_a_byte_flipped_is_a_whole_number_of_commits(path: Path) -> None:
    crashed, counts = groups(path)
    wal, database = Path(f"{crashed}-wal").read_bytes(), crashed.read_bytes()
    draw = random.Random(11)
    for number in range(30):
        at = draw.randrange(len(wal))
        flipped = path.with_name(f"flipped{number}.db")
        flipped.write_bytes(database)
        Path(f"{flipped}-wal").write_bytes(
            wal[:at] + bytes([wal[at] ^ 1 << draw.randrange(8)]) + wal[at + 1 :]
        )
        whole_commits(flipped, counts)


def test_a_file_with_a_byte_flipped_never_gives_another_outcome(path: Path) -> None:
    with Journal(path) as journal:
        record(journal, *range(40))
    whole = path.read_bytes()
    draw = random.Random(12)
    noticed: set[str] = set()
    for number in range(120):
        at = draw.randrange(len(whole))
        flipped = path.with_name(f"flipped{number}.db")
        flipped.write_bytes(
            whole[:at] + bytes([whole[at] ^ 1 << draw.randrange(8)]) + whole[at + 1 :]
        )
        try:
            with Journal(flipped) as journal:
                for found in journal.outcomes():
                    assert found == outcome_of(int(found.task_id[1:]))
                list(journal.pending())
                me = Me()
                for key in range(40):
                    answer = Answer()
                    journal.add(me, Entry(WAIT, f"t{key}"), answer)
                beaten = Answer()
                journal.beat(me, beaten)
                while not beaten.all:
                    time.sleep(0.001)
                if (error := beaten.all[0][1]) is not None:
                    raise error
        except JournalException as error:
            noticed.add(error.reason)
    assert "damaged" in noticed
    assert noticed <= {"damaged", "foreign", "newer", "unusable"}


def test_a_record_that_is_no_outcome_is_damage(path: Path) -> None:
    with Journal(path) as journal:
        run_through(journal, Entry(WAIT, "t"), "{}x")
        with pytest.raises(JournalException, match="what is recorded of task t cannot be read"):
            list(journal.outcomes())


def test_who_else_changes_the_file_is_noticed(path: Path) -> None:
    with Journal(path) as journal:
        me, answer = Me(), Answer()
        add(journal, me, Entry(WAIT, "t"))
        with closing(sqlite3.connect(path)) as other:
            other.execute("DELETE FROM entries")
            other.commit()
        journal.put(me, Entry(WAIT, "t"), "{}", answer)
        beat_answer = Answer()
        journal.beat(me, beat_answer)
        journal.close()
    check(answer.all[0][1], path, "damaged", "somebody else has changed it")


def test_a_program_that_holds_the_file_for_long(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rxstream.journal._file._PATIENCE", 0.01)
    Journal(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused(path, "locked", "another program writes to it")
        other.execute("COMMIT")
        with Journal(path) as journal:
            other.execute("BEGIN IMMEDIATE")
            check(fails(journal), path, "locked")
            other.execute("COMMIT")
            # It stays failed: nobody knows what it has missed.
            check(fails(journal), path, "locked")
    with Journal(path) as journal:
        record(journal, 1)


def test_a_closed_journal_says_so_and_can_be_closed_again(path: Path) -> None:
    journal = Journal(path)
    journal.close()
    journal.close()
    for verb in ("add", "take", "put", "beat"):
        answer = Answer()
        given = {"take": (1,), "beat": ()}.get(verb, (Entry(WAIT, "a"),))
        getattr(journal, verb)(Me(), *given, *(["x"] if verb == "put" else []), answer)
        check(answer.all[0][1], path, "closed", "inside its `with` block")
    assert journal.counts() == JournalCounts()


def test_closing_writes_what_is_under_way_and_answers_who_still_waits(path: Path) -> None:
    journal, me, other = Journal(path), Me(), Me()
    add(journal, me, Entry(WAIT, "a"))
    add(journal, other, Entry(WAIT, "a"))
    taken, written = Answer(), Answer()
    journal.take(Me(), 1, taken)
    journal.put(me, Entry(WAIT, "a"), "x", written)
    journal.close()
    assert written.value
    check(taken.all[0][1], path, "closed")


def test_closing_from_an_answer_does_not_wait_for_itself(path: Path) -> None:
    journal, closed = Journal(path), threading.Event()

    def then(*_: Any) -> None:
        journal.close()
        closed.set()

    journal.beat(Me(), then)
    assert closed.wait(10)
    journal.close()


def test_one_that_is_forgotten_is_closed_with_a_warning(path: Path) -> None:
    journal = Journal(path)
    thread = journal._verbs._thread
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del journal
        gc.collect()
    assert [str(each.message) for each in caught] == [f"unclosed Journal({str(path)!r})"]
    thread.join(10)
    Journal(path).close()


def test_one_that_could_not_be_opened_is_forgotten_without_a_word(path: Path) -> None:
    path.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(JournalException):
            Journal(path)
        gc.collect()


FORKED = """
import os, signal, sys, time
from rxstream._store import WAIT, Entry
from rxstream.journal import Journal, MemoryJournal
from tests.journal.test_store import Me, add, run_through
memory = MemoryJournal()
run_through(memory, Entry(WAIT, "m"), "x")
journal = Journal(sys.argv[1])
run_through(journal, Entry(WAIT, "before"), "x")
child = os.fork()
if child == 0:
    answers = []
    journal.add(Me(), Entry(WAIT, "child"), lambda *given: answers.append(given))
    assert answers[0][1].reason == "closed", answers
    journal.close()
    assert add(memory, Me(), Entry(WAIT, "m")).record == "x"
    try:
        Journal(sys.argv[1])
    except Exception as error:
        assert error.reason == "locked", error
    del journal
    print("child", flush=True)
    time.sleep(float(sys.argv[2]))
    sys.exit(0)
if sys.argv[2] == "0":
    assert os.waitpid(child, 0)[1] == 0
    run_through(journal, Entry(WAIT, "after"), "y")
    journal.close()
    print(Journal(sys.argv[1]).counts().recorded)
else:
    time.sleep(0.5)
    print("parent", child, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_forked_child_leaves_the_journal_to_its_parent(path: Path) -> None:
    done = run(
        FORKED.replace("print(Journal", "print(__import__('rxstream.journal').journal.Journal"),
        path,
        0,
    )
    assert done.stdout.split() == ["child", "2"], done


def test_a_child_that_outlives_its_parent_does_not_keep_the_lock(path: Path) -> None:
    command = [sys.executable, "-c", FORKED, str(path), "30"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        child = int(next(line for line in lines if "parent" in line).split()[1])
        process.wait(10)
        try:
            with Journal(path) as journal:
                assert journal.counts().recorded == 1
        finally:
            os.kill(child, signal.SIGKILL)


def test_others_may_look_while_it_is_open(path: Path) -> None:
    with Journal(path) as journal:
        record(journal, *range(5))
        me = Me()
        add(journal, me, Entry(WAIT, "p1"))
        add(journal, me, Entry(WAIT, "p2"))
        add(journal, me, Entry(START, "batch", "[]"))
        run_through(journal, Entry(START, "other"), "id")
        done = run(
            "import sys; from rxstream.journal import JournalReader\n"
            "reader = JournalReader(sys.argv[1]); print(reader.counts(), list(reader.pending()))",
            path,
        )
        assert done.stdout == (
            "JournalCounts(recorded=5, pending=2, started=1, in_doubt=1) ['p1', 'p2']\n"
        ), done
        assert list(journal.outcomes()) == [outcome_of(number) for number in range(5)]
        assert all(outcome.replayed for outcome in journal.outcomes())


def test_reading_goes_page_by_page(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rxstream.journal._reader._PAGE", 3)
    with Journal(path) as journal:
        record(journal, *range(10))
        outcomes = journal.outcomes()
        found = [next(outcomes) for _ in range(4)]
        record(journal, 10)
        found += outcomes
    assert found == [outcome_of(number) for number in range(11)]


def test_a_reader_makes_nothing(path: Path) -> None:
    with pytest.raises(JournalException, match="use a path in a folder that is there"):
        JournalReader(path).counts()
    assert not list(path.parent.iterdir())


def test_a_reader_of_what_is_no_journal(path: Path) -> None:
    path.write_text("x" * 5000)
    with pytest.raises(JournalException) as caught:
        list(JournalReader(path).outcomes())
    check(caught.value, path, "foreign")


def commits(journal: Journal) -> Iterator[list[int]]:
    """The rows of each commit from now on."""
    found: list[int] = []
    ledger: Any = journal._verbs._ledger
    commit = ledger.commit

    def counted() -> None:
        found.append(ledger.rows)
        commit()

    ledger.commit = counted
    return iter([found])


def test_many_at_once_are_one_commit_and_one_alone_does_not_wait(path: Path) -> None:
    with Journal(path) as journal:
        (found,) = commits(journal)
        me = Me()
        for number in range(5000):
            journal.add(me, Entry(WAIT, f"t{number}"), lambda *_: None)
        beat(journal, me)
        assert sum(found) == 5000
        assert len(found) < 30
        del found[:]
        take(journal, me, 5000)
        for number in range(5):
            assert put(journal, me, Entry(WAIT, f"t{number}"), "x")
        assert found == [1] * 5


def test_what_is_recorded_is_answered_while_a_group_fills(path: Path) -> None:
    with Journal(path) as journal:
        run_through(journal, Entry(WAIT, "known"), "x")
        me = Me()
        for number in range(50):
            add(journal, me, Entry(WAIT, f"s{number}"))
        (found,) = commits(journal)
        journal._verbs._committed_rows = 100
        journal._verbs._committed_at = time.monotonic() + 0.5
        late = Answer()
        journal.add(me, Entry(WAIT, "new"), late)
        for _ in range(10):
            assert add(journal, Me(), Entry(WAIT, "known")).record == "x"
        assert not found
        assert not late.all
        assert late.value.is_new
