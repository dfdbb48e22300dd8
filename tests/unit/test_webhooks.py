"""`rxstream.webhooks`: what is believed, what is refused, and who hears of it."""

from __future__ import annotations

import asyncio
import copy
import gzip
import hashlib
import hmac
import json
import math
import pickle
import threading
import traceback
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from reactivex import Observable
from reactivex import operators as ops

from rxstream import TaskHub, task_observable, tasks_observable
from rxstream.errors import StreamException
from rxstream.testing import FakeAsyncClient, FakeClient, Script, VirtualTime, completed
from rxstream.webhooks import InvalidWebhookException, WebhookEvent, WebhookEvents, _verifier, parse
from tests.support import TASK

SECRET = "secret-of-at-least-thirty-two-bytes"
EVENT = {"type": "export.users.success", "task_id": TASK}
BODY = json.dumps(EVENT).encode()
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def signature_of(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Signature": signature_of(body, secret)}


def encoded(**event: Any) -> bytes:
    return json.dumps({**EVENT, **event}).encode()


def read(body: bytes, **keywords: Any) -> WebhookEvent:
    return parse(body, signed(body), SECRET, **keywords)


def fault_of(*arguments: Any, **keywords: Any) -> InvalidWebhookException:
    with pytest.raises(InvalidWebhookException) as raised:
        parse(*arguments, **keywords)
    assert isinstance(raised.value, StreamException)
    return raised.value


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_verifier, "utc_now", lambda: NOW)


def test_a_signed_body_is_an_event() -> None:
    event = read(BODY)
    assert event == WebhookEvent(EVENT["type"], TASK, "completed", None, EVENT)


@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_gzipped_body_is_signed_as_it_was_before(level: int) -> None:
    assert parse(gzip.compress(BODY, level), signed(BODY), SECRET).task_id == TASK
    zipped = gzip.compress(BODY, level)
    assert fault_of(zipped, signed(zipped), SECRET).fault == "signature"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_every_kind(kind: Any) -> None:
    assert parse(kind(BODY), signed(BODY), SECRET).task_id == TASK


@pytest.mark.parametrize("name", ["X-Signature", "x-signature", "X-SIGNATURE"])
def test_a_header_is_found_in_any_case(name: str) -> None:
    assert parse(BODY, {"Host": "x", name: signature_of(BODY)}, SECRET).task_id == TASK


@pytest.mark.parametrize(
    ("kind", "status", "is_end"),
    [
        ("export.channels.success", "completed", True),
        ("export.channels.error", "failed", True),
        ("export.users.success", "completed", True),
        ("export.users.error", "failed", True),
        ("export.bulk_image_moderation.success", "completed", True),
        ("export.moderation_logs.success", "completed", True),
        ("export.review_queue.error", "failed", True),
        ("channel_batch_update.started", "running", False),
        ("channel_batch_update.completed", "completed", True),
        ("campaign.completed", None, False),
        ("message.new", None, False),
        ("export", None, False),
        ("success", None, False),
    ],
)
def test_the_type_says_how_the_task_is(kind: str, status: str | None, *, is_end: bool) -> None:
    event = read(encoded(type=kind))
    assert (event.type, event.status, event.is_end) == (kind, status, is_end)


@pytest.mark.parametrize("task_id", [None, "", 3, ["x"], {}])
def test_what_is_no_id_names_no_task(task_id: Any) -> None:
    assert read(encoded(task_id=task_id)).task_id is None


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY, {}),
        (BODY, {"X-Signature": ""}),
        (BODY, {"X-Signature": signature_of(BODY).upper()}),
        (BODY, {"X-Signature": signature_of(BODY)[:-1]}),
        (BODY, {"X-Signature": "ünïcode"}),
        (BODY, {"X-Signature": "\ud800"}),
        (BODY, {"X-Signature": None}),
        (BODY, {b"X-Signature": signature_of(BODY)}),
        (BODY, signed(BODY, "another")),
        (BODY + b" ", signed(BODY)),
        (b"", signed(BODY)),
        (b"{", signed(BODY)),
    ],
)
def test_what_is_not_signed_is_not_believed(body: bytes, headers: Any) -> None:
    error = fault_of(body, headers, SECRET)
    assert (error.fault, error.status_code) == ("signature", 401)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff", "not_json"),
        (b"[" * 200_000, "not_json"),
        (b"9" * 10_000, "not_json"),
        (b"[]", "not_an_event"),
        (b"3", "not_an_event"),
        (b"{}", "not_an_event"),
        (b'{"type": ""}', "not_an_event"),
        (b'{"type": 3}', "not_an_event"),
        (b'{"type": null, "task_id": "x"}', "not_an_event"),
    ],
)
def test_what_is_signed_and_no_event(body: bytes, fault: str) -> None:
    error = fault_of(body, signed(body), SECRET)
    assert (error.fault, error.status_code) == (fault, 400)
    assert error.__cause__ is error.__context__ is None, "it would hold the body"


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(BODY)[:-1],
        gzip.compress(BODY)[:12],
        gzip.compress(BODY) + b"more",
        gzip.compress(BODY)[:-6] + b"\0\0\0\0\0\0",
        b"\x1f\x8b",
        b"\x1f\x8b" + BODY,
    ],
)
def test_what_begins_as_gzip_and_is_none(body: bytes) -> None:
    error = fault_of(body, signed(BODY), SECRET)
    assert (error.fault, error.status_code) == ("not_gzip", 400)


def test_a_body_is_bounded_before_and_after_inflation() -> None:
    long = encoded(more="x" * 100)
    assert read(long, max_bytes=len(long)).task_id == TASK
    for body in (long, gzip.compress(long)):
        error = fault_of(body, signed(long), SECRET, max_bytes=len(long) - 1)
        assert (error.fault, error.status_code) == ("too_large", 413)


def test_a_bomb_is_not_inflated() -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(b"\0" * 2**20) for _ in range(200)) + packer.flush()
    assert len(bomb) < 1_000_000
    tracemalloc.start()
    error = fault_of(bomb, signed(b""), SECRET)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error.fault == "too_large"
    assert peak < 8_000_000


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize("moment", ["2026-05-01T11:55:00Z", "1777636500000000000"])
def test_an_event_may_be_five_minutes_old(moment: str) -> None:
    assert read(encoded(created_at=moment)).occurred_at == NOW - timedelta(minutes=5)
    error = fault_of(*_signed_pair(created_at=moment), SECRET, max_age=299)
    assert (error.fault, error.status_code) == ("too_old", 400)
    assert read(encoded(created_at=moment), max_age=None).task_id == TASK
    assert read(encoded(created_at=moment), max_age=timedelta(minutes=6)).task_id == TASK


def _signed_pair(**event: Any) -> tuple[bytes, dict[str, str]]:
    body = encoded(**event)
    return body, signed(body)


@pytest.mark.usefixtures("at_noon")
def test_the_latest_date_counts() -> None:
    dates = {"created_at": "2026-05-01T09:00:00Z", "finished_at": "2026-05-01T11:59:00Z"}
    assert read(encoded(**dates)).occurred_at == NOW - timedelta(minutes=1)


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize("moment", [None, "", "yesterday", [], 10**400, "2026-05-01T13:00:00Z"])
def test_what_has_no_date_or_one_to_come_is_not_too_old(moment: Any) -> None:
    body = f'{{"type": "x", "created_at": {json.dumps(moment)[:4000]}}}'.encode()
    assert read(body).type == "x"


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ((BODY.decode(), {}, SECRET), TypeError, "body must be the bytes .* not str"),
        ((None, {}, SECRET), TypeError, "body must be"),
        ((BODY, [("X-Signature", "x")], SECRET), TypeError, "headers must be a mapping"),
        ((BODY, None, SECRET), TypeError, "headers must be a mapping"),
        ((BODY, {}, ""), ValueError, "api_secret must not be empty"),
        ((BODY, {}, None), TypeError, "api_secret must be a string"),
    ],
)
def test_arguments_are_checked(arguments: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        parse(*arguments)


@pytest.mark.parametrize(
    ("keywords", "kind"),
    [
        ({"max_bytes": 0}, ValueError),
        ({"max_bytes": 1.5}, TypeError),
        ({"max_age": math.nan}, ValueError),
        ({"max_age": -1}, ValueError),
        ({"max_age": "1"}, TypeError),
    ],
)
@pytest.mark.parametrize("make", [read, lambda _, **keywords: WebhookEvents(SECRET, **keywords)])
def test_limits_are_checked(make: Any, keywords: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"^{next(iter(keywords))} must be"):
        make(BODY, **keywords)


def test_no_error_shows_the_secret_or_the_right_signature() -> None:
    for call in (
        lambda: parse(BODY, {"X-Signature": "x"}, SECRET),
        lambda: WebhookEvents(SECRET).receive(BODY, {"X-Signature": "x"}),
        lambda: parse(b"{", signed(b"{"), SECRET),
        lambda: parse(BODY, {}, SECRET, max_bytes=0),
        lambda: WebhookEvents(SECRET, max_age="1"),
    ):
        try:
            call()
        except (InvalidWebhookException, TypeError, ValueError) as error:
            lines = traceback.TracebackException.from_exception(error, capture_locals=True)
            ours = [frame for frame in lines.stack if "/rxstream/" in frame.filename]
            shown = repr([frame.locals for frame in ours]) + repr(error) + repr(vars(error))
            assert len(ours) >= 2
            assert SECRET not in shown
            assert signature_of(BODY) not in shown


def test_what_is_kept_shows_no_secret() -> None:
    events = WebhookEvents(SECRET)
    assert SECRET not in repr(events)
    assert SECRET not in repr(vars(events))
    with pytest.raises(TypeError):
        pickle.dumps(events)


def test_an_exception_can_be_pickled_and_copied() -> None:
    error = fault_of(BODY, {}, SECRET)
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (other.fault, other.status_code, str(other)) == ("signature", 401, str(error))


def test_an_event_is_shown_on_one_line() -> None:
    event = read(encoded(type="x\n\x1b[2J" * 10_000))
    assert repr(event).isprintable()
    assert len(repr(event)) < 10_000


def test_those_about_a_task_are_emitted_and_all_are_returned() -> None:
    events = WebhookEvents(SECRET)
    seen: list[WebhookEvent] = []
    events.subscribe(seen.append)
    first = events.receive(BODY, signed(BODY))
    message = b'{"type": "message.new"}'
    assert events.receive(message, signed(message)).type == "message.new"
    with pytest.raises(InvalidWebhookException):
        events.receive(BODY, {})
    again = events.receive(BODY, signed(BODY))
    assert seen == [first, again]


def test_it_is_an_observable_that_shadows_no_operator() -> None:
    own = {name for name in vars(WebhookEvents) if not name.startswith(("__", "_abc"))}
    assert not own & set(dir(Observable))
    assert isinstance(WebhookEvents(SECRET), Observable)
    assert WebhookEvents(SECRET, max_bytes=9).max_bytes == 9


def test_whoever_left_hears_nothing_and_is_not_kept() -> None:
    events = WebhookEvents(SECRET)
    seen: list[WebhookEvent] = []
    with events.subscribe(seen.append):
        events.receive(BODY, signed(BODY))
    events.receive(BODY, signed(BODY))
    assert len(seen) == 1
    assert not events._receivers


def test_one_that_raises_does_not_hurt_the_others() -> None:
    events = WebhookEvents(SECRET)
    fault = LookupError()
    seen: list[WebhookEvent] = []

    def raises(_: WebhookEvent) -> None:
        raise fault

    events.subscribe(raises)
    events.subscribe(seen.append)
    with pytest.raises(LookupError) as raised:
        events.receive(BODY, signed(BODY))
    assert raised.value is fault
    events.receive(BODY, signed(BODY))
    assert len(seen) == 2
    assert len(events._receivers) == 1


def test_one_may_leave_join_and_receive_within_its_callback() -> None:
    events = WebhookEvents(SECRET)
    seen: list[str] = []
    place: list[Any] = []

    def on_next(event: WebhookEvent) -> None:
        seen.append(event.type)
        if len(seen) == 1:
            events.receive(BODY, signed(BODY))
            events.subscribe(lambda event: seen.append("late"))
            assert len(seen) == 1, "one call at a time"
        else:
            place[0].dispose()

    place.append(events.subscribe(on_next))
    events.receive(BODY, signed(BODY))
    events.receive(BODY, signed(BODY))
    assert seen == [EVENT["type"], EVENT["type"], "late"]


def test_many_threads_and_one_call_at_a_time() -> None:
    events = WebhookEvents(SECRET)
    calling = threading.Lock()
    seen: list[WebhookEvent] = []

    def on_next(event: WebhookEvent) -> None:
        assert calling.acquire(blocking=False), "called by two threads at once"
        seen.append(event)
        calling.release()

    events.subscribe(on_next)
    together = threading.Barrier(4)

    def deliver() -> None:
        together.wait()
        for _ in range(200):
            events.receive(BODY, signed(BODY))

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 800


@pytest.mark.parametrize(
    "waits",
    [
        lambda client, wake: task_observable(client, TASK, poll_interval=50, wake=wake),
        lambda client, wake: tasks_observable(client, [TASK], poll_interval=50, wake=wake),
        lambda client, wake: TaskHub(client, poll_interval=50, wake=wake).observe(TASK),
    ],
)
def test_it_wakes_the_wait_it_is_about(waits: Any) -> None:
    time = VirtualTime()
    client = FakeClient(Script.timeline({0: "running", 5: completed()}), scheduler=time)
    events = WebhookEvents(SECRET)
    other = encoded(task_id="another")
    for at, body in ((3, other), (4, BODY), (4.5, BODY), (6, BODY), (6, BODY)):
        time.schedule_relative(at, lambda *_, body=body: events.receive(body, signed(body)))
    end = time.record(waits(client, events))[-1]
    assert (end.at, end.kind) == (5, "completed")
    assert [round(request.at, 3) for request in client.requests] == [0, 4, 5]
    assert not events._receivers


def test_an_event_from_another_thread_wakes_a_wait_on_a_loop() -> None:
    events = WebhookEvents(SECRET)

    async def main() -> str:
        seen = asyncio.Event()
        client = FakeAsyncClient(["running", completed()])
        wait = task_observable(client, TASK, poll_interval=50, timeout=20, wake=events)
        waiting = asyncio.ensure_future(wait.pipe(ops.do_action(lambda _: seen.set())))
        await seen.wait()
        await asyncio.to_thread(events.receive, BODY, signed(BODY))
        return (await waiting).status

    assert asyncio.run(main()) == "completed"
