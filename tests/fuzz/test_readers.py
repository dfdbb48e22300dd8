"""Whatever comes from outside: a value or an exception of ours, little of it, and printable."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rxstream import RateLimitInfo, TaskOutcome, TaskSnapshot, errors
from rxstream._text import bounded, brief, is_nested_deeply, one_line, printable, shown
from rxstream._wire.answers import read_answer
from rxstream._wire.failures import is_transient, named_delay, task_exception, translated
from rxstream._wire.fields import as_mapping, snapshot_of, task_id_of
from rxstream._wire.messages import api_exception, read_rate_limit, read_started, read_task
from rxstream.client._secrets import Redactor, WithoutSecrets
from rxstream.webhooks import InvalidWebhookException, WebhookEvent, parse
from tests.fuzz.strategies import (
    answers,
    bodies,
    exceptions,
    headers,
    json_values,
    objects,
    texts,
)

HEADERS = st.dictionaries(
    st.sampled_from(["X-Signature", "x-signature", "Host"]) | texts, texts | st.none(), max_size=3
)
SECRET = "0123456789abcdef" * 4
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzZXJ2ZXIiOnRydWV9." + "kMxkB0FVT-D6NDDVP-fhrx79Nh"
REDACT = Redactor(token=TOKEN, secret=SECRET)
EXPECTED = (errors.StreamApiException, errors.InvalidResponseException)


def check_line(line: str, longest: int) -> None:
    assert line.isprintable()
    assert len(line) <= longest
    line.encode()


def check_error(error: BaseException) -> None:
    assert isinstance(error, errors.StreamException)
    check_line(str(error), 500)
    check_line(repr(error), 2_100)
    assert pickle.loads(pickle.dumps(error)).args == error.args
    fields = {k: v for k, v in vars(error).items() if k not in {"snapshot", "last"}}
    assert len(repr(fields)) < 60_000
    is_transient(error)
    named_delay(error, 300.0)


def check_snapshot(snapshot: TaskSnapshot | None) -> None:
    if snapshot is None:
        return
    assert isinstance(snapshot.task_id, str)
    assert isinstance(snapshot.status, str)
    check_line(repr(snapshot), 45_000)
    error = task_exception("t1", snapshot)
    check_error(error)
    check_error(errors.TaskTimeoutException(task_id="t1", timeout=1, last=snapshot))
    check_line(repr(TaskOutcome("t1", snapshot, error)), 15_000)


def test_an_answer_to_a_poll(fuzz: Any) -> None:
    @given(st.integers(100, 599) | st.just(200), headers, bodies)
    def reads(status: int, said: dict[str, str], body: bytes) -> None:
        try:
            snapshot = read_task(status, said, body, "t1", REDACT)
        except EXPECTED as error:
            check_error(error)
        else:
            check_snapshot(snapshot)
            assert pickle.loads(pickle.dumps(snapshot)).status == snapshot.status

    fuzz(reads)


def test_an_answer_to_a_start(fuzz: Any) -> None:
    @given(st.integers(100, 599) | st.just(201), headers, bodies)
    def reads(status: int, said: dict[str, str], body: bytes) -> None:
        try:
            assert read_started(status, said, body, REDACT) != ""
        except EXPECTED as error:
            check_error(error)

    fuzz(reads)


def test_an_error_answer(fuzz: Any) -> None:
    @given(st.integers(400, 599), headers, bodies | texts)
    def reads(status: int, said: dict[str, str], body: bytes | str) -> None:
        check_error(api_exception(status, said, body, REDACT))

    fuzz(reads)


def test_the_rate_limit(fuzz: Any) -> None:
    @given(headers)
    def reads(said: dict[str, str]) -> None:
        found = read_rate_limit(said)
        assert found is None or isinstance(found, RateLimitInfo)
        check_line(brief(found), 4_000)

    fuzz(reads)


def test_an_answer_of_another_client(fuzz: Any) -> None:
    @given(answers)
    def reads(answer: object) -> None:
        try:
            snapshot = read_answer(answer, "t1")
        except errors.InvalidResponseException as error:
            check_error(error)
        else:
            check_snapshot(snapshot)
        task_id_of(answer)

    fuzz(reads)


def test_the_fields_of_a_task(fuzz: Any) -> None:
    @given(objects)
    def reads(data: dict[str, Any]) -> None:
        check_snapshot(snapshot_of(as_mapping(data), task_id="t1"))

    fuzz(reads)


def test_an_exception_of_another_client(fuzz: Any) -> None:
    @given(exceptions)
    def reads(error: BaseException) -> None:
        ours = translated(error)
        if isinstance(ours, errors.StreamException):
            check_error(ours)
            assert ours.__cause__ is error
        WithoutSecrets(REDACT).__exit__(type(ours), ours, None)

    fuzz(reads)


def test_texts_and_values(fuzz: Any) -> None:
    @given(json_values | answers)
    def reads(value: object) -> None:
        for line in (one_line(value), printable(shown(value)), brief(value)):
            check_line(line, 40_000)
        assert len(repr(bounded(value))) < 40_000
        pickle.dumps(bounded(value))
        is_nested_deeply(value)

    fuzz(reads)


def test_secrets_in_texts(fuzz: Any) -> None:
    @given(st.lists(texts | st.sampled_from([TOKEN, SECRET, SECRET[:40]]), max_size=5))
    def reads(parts: list[str]) -> None:
        found = REDACT("-".join(parts))
        assert len(found) <= 4_000
        assert TOKEN not in found
        assert SECRET not in found

    fuzz(reads)


def zipped(body: bytes, end: int) -> bytes:
    packed = gzip.compress(body)
    return packed[: len(packed) - end] + b"x" * (end // 2)


def check_webhook_error(error: InvalidWebhookException, expected: set[str]) -> None:
    check_error(error)
    assert error.fault in expected


def check_event(event: WebhookEvent) -> None:
    assert event.type
    assert event.task_id != ""
    check_line(repr(event), 45_000)


def test_a_webhook_of_anybody(fuzz: Any) -> None:
    @given(bodies | st.builds(zipped, bodies, st.integers(0, 20)), HEADERS)
    def reads(body: bytes, said: Any) -> None:
        try:
            parse(body, said, SECRET, max_bytes=5_000)
        except InvalidWebhookException as error:
            check_webhook_error(error, {"signature", "too_large", "not_gzip"})
        else:
            raise AssertionError(body)

    fuzz(reads)


def test_a_webhook_of_somebody_with_the_secret(fuzz: Any) -> None:
    @given(bodies, st.booleans(), st.none() | st.floats(0, 1e300))
    def reads(body: bytes, packed: object, max_age: float | None) -> None:
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        sent = gzip.compress(body) if packed else body
        try:
            event = parse(sent, {"X-Signature": signature}, SECRET, max_age=max_age)
        except InvalidWebhookException as error:
            check_webhook_error(
                error, {"too_large", "not_gzip", "not_json", "not_an_event", "too_old"}
            )
        else:
            check_event(event)

    fuzz(reads)
