from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rxstream.testing import (
    Script,
    completed,
    delayed,
    drip,
    failed,
    garbage,
    hang,
    http_error,
    rate_limited,
    raw,
    redirect,
    render,
    reset,
    status,
)

MADE = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
NOW = MADE + timedelta(seconds=10)


def sent(answer: Any, **keywords: Any) -> Any:
    return render(answer, task_id="t1", created_at=MADE, now=NOW, **keywords)


def body(answer: Any, **keywords: Any) -> Any:
    return json.loads(sent(answer, **keywords).body)


def test_turns_take_one_answer_each_and_the_last_for_ever() -> None:
    playback = Script.turns("pending", "running", completed({"a": 1})).play(5)
    seen = [playback.next(5 + n).status for n in range(5)]
    assert seen == ["pending", "running", "completed", "completed", "completed"]
    assert playback.changed == 7


def test_a_timeline_answers_by_the_seconds_since_the_task_began() -> None:
    script = Script.timeline({10: "completed", 0: "pending", 1.5: "running"})
    playback = script.play(100)
    assert [playback.next(100 + t).status for t in (0, 1.49, 1.5, 9, 10, 99)] == [
        "pending",
        "pending",
        "running",
        "running",
        "completed",
        "completed",
    ]
    assert playback.changed == 110
    assert script.play(0).next(-1).status == "pending"


def test_scripts_compare_by_what_they_say() -> None:
    assert Script.turns("running") == Script.turns(status("running"))
    assert Script.turns("running") != Script.timeline({0: "running"})
    assert http_error(429, retry_after=1) == http_error(429, retry_after="1")


def test_an_answer_keeps_a_copy_of_its_payload() -> None:
    payload = {"a": [1]}
    answer = completed(payload)
    payload["a"].append(2)
    assert answer.result == {"a": [1]}


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (Script.turns, ValueError, "answers"),
        (lambda: Script.turns(3), TypeError, "answer"),
        (lambda: Script.timeline({}), ValueError, "second 0"),
        (lambda: Script.timeline({1: "running"}), ValueError, "second 0"),
        (lambda: Script.timeline({0: "a", -1: "b"}), ValueError, "timeline"),
        (lambda: Script.timeline({0: "a", float("nan"): "b"}), ValueError, "timeline"),
        (lambda: Script.timeline({"0": "a"}), TypeError, "timeline"),
        (lambda: status(None), TypeError, "status"),
        (lambda: completed(object()), TypeError, "result"),
        (lambda: raw([1]), TypeError, "fields"),
        (lambda: raw({1: object()}), TypeError, "fields"),
        (lambda: http_error(200), ValueError, "status_code"),
        (lambda: redirect("/", status_code=200), ValueError, "status_code"),
        (lambda: garbage(status_code=99), ValueError, "status_code"),
        (lambda: delayed("running", -1), ValueError, "seconds"),
        (lambda: drip("running", float("inf")), ValueError, "seconds_per_byte"),
    ],
)
def test_bad_arguments_are_named(make: Any, error: Any, text: Any) -> None:
    with pytest.raises(error, match=text):
        make()


def test_a_task_looks_like_the_v2_api() -> None:
    assert body(status("running"), updated_at=NOW) == {
        "task_id": "t1",
        "status": "running",
        "created_at": 1767323045678901000,
        "updated_at": 1767323055678901000,
        "duration": "1.23ms",
    }


def test_the_legacy_api_has_rfc_3339_timestamps() -> None:
    assert body(status("running"), legacy=True)["created_at"] == "2026-01-02T03:04:05.678901Z"


def test_a_result_is_there_only_where_one_was_given() -> None:
    assert "result" not in body(completed())
    assert body(completed({"url": "x"}))["result"] == {"url": "x"}
    assert body(completed([]))["result"] == []


def test_a_failure_has_the_wire_names() -> None:
    assert "error" not in body(status("failed"))
    said = failed("no", error_type="t", stack_trace="s", version="v")
    assert body(said)["error"] == {
        "type": "t",
        "description": "no",
        "stacktrace": "s",
        "version": "v",
    }
    assert body(failed())["error"] == {"type": "internal_error", "description": ""}


@pytest.mark.parametrize(
    ("code", "own"),
    [
        (400, 4),
        (401, 5),
        (403, 17),
        (404, 16),
        (408, 23),
        (413, 22),
        (429, 9),
        (500, -1),
        (503, -1),
    ],
)
def test_errors_have_stream_s_own_code(code: Any, own: Any) -> None:
    rendered = sent(http_error(code))
    said = json.loads(rendered.body)
    assert rendered.status_code == said["StatusCode"] == code
    assert said["code"] == own
    assert said["message"]


def test_an_unknown_task_is_named() -> None:
    assert body(http_error(404))["message"] == "Can't find task with id t1"


def test_an_error_says_what_it_was_given() -> None:
    answer = http_error(
        429,
        code=99,
        message="no",
        retry_after=7,
        unrecoverable=True,
        more_info="there",
        details=[1],
        exception_fields={"id": "bad"},
        headers={"X-Odd": "1"},
    )
    rendered = sent(answer)
    assert json.loads(rendered.body) == {
        "code": 99,
        "message": "no",
        "StatusCode": 429,
        "duration": "0.00ms",
        "more_info": "there",
        "details": [1],
        "exception_fields": {"id": "bad"},
        "unrecoverable": True,
    }
    assert rendered.headers["retry-after"] == "7"
    assert rendered.headers["x-odd"] == "1"


def test_a_proxy_speaks_html() -> None:
    rendered = sent(http_error(502, body="<h1>bad gateway</h1>"))
    assert rendered.body == b"<h1>bad gateway</h1>"
    assert rendered.headers["content-type"] == "text/html"


def test_raw_garbage_and_redirect_are_sent_as_they_are() -> None:
    assert body(raw({"status": "running", "created_at": "12"})) == {
        "status": "running",
        "created_at": "12",
    }
    assert sent(garbage(b"")).body == b""
    assert sent(garbage("[1", content_type="application/json")).body == b"[1"
    assert sent(redirect("/x")).headers["location"] == "/x"


def test_rate_limit_headers_are_the_answer_s_own_or_those_given() -> None:
    headers = sent(rate_limited("running", 60, 0, 30)).headers
    assert headers["x-ratelimit-limit"] == "60"
    assert headers["x-ratelimit-remaining"] == "0"
    assert headers["x-ratelimit-reset"] == str(int(NOW.timestamp()) + 31)
    odd = sent(rate_limited("running", "60, 60", "x", "y"), quota=rate_limited("a", 1, 1, 1).quota)
    assert odd.headers["x-ratelimit-limit"] == "60, 60"
    assert odd.headers["x-ratelimit-reset"] == "y"
    assert "x-ratelimit-limit" not in sent(status("running")).headers


def test_delay_drip_hang_and_reset_are_attributes() -> None:
    rendered = sent(delayed(drip("running", 0.5), 2))
    assert (rendered.delay, rendered.seconds_per_byte) == (2, 0.5)
    assert sent(hang()).hangs
    assert sent(delayed(reset(), 1)).resets
