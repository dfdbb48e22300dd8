"""Secrets in the texts of exceptions: found in whatever form, and never looked for in payloads."""

from __future__ import annotations

import base64
import copy
import html
import json
import pickle
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxstream import AsyncStreamClient, StreamClient, errors, wait_for_task
from rxstream.client._secrets import Hidden, Redactor
from tests.wire import SECRET, Wire, answering

TOKEN = jwt.encode({"server": True}, SECRET, "HS256")
SIGNATURE = TOKEN.rpartition(".")[2]
ODD = 'pass/word+\\ "é&'
redact = Redactor(token=TOKEN, secret=SECRET)

FORMS = [
    str,
    json.dumps,
    quote,
    html.escape,
    lambda text: repr(text.encode()),
    lambda text: json.dumps(json.dumps(text)),
    lambda text: text.replace("0", "\\u0030").replace(".", "\\u002E"),
    lambda text: text.replace("/", "\\/").replace("_", "\\/_"),
    lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    lambda text: "".join(f"\\\\u{ord(c):04X}" for c in text),
    lambda text: "".join(f"\\x{ord(c):02x}" for c in text),
    lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    lambda text: "".join(f"%25{byte:02x}" for byte in text.encode()),
    lambda text: "".join(f"&#{ord(c)};" for c in text),
    lambda text: "".join(f"&#x{ord(c):04x};" for c in text),
    lambda text: text.encode("utf-16-le").decode("utf-8", "replace"),
]


@pytest.mark.parametrize("secret", [TOKEN, SIGNATURE, SECRET])
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_every_form(secret: str, form: Any) -> None:
    found = redact(f"before {form(secret)} after")
    assert found.startswith("before ")
    assert found.endswith(" after")
    assert "***" in found
    assert len(found) < 30


@pytest.mark.parametrize("form", [form for form in FORMS if form("é") == form("é")][:-1])
def test_a_secret_of_odd_characters_is_found(form: Any) -> None:
    found = Redactor(token="", secret=ODD)(f"before {form(ODD)} after")
    assert "***" in found
    assert len(found) < 30


@pytest.mark.parametrize("before", ["", "k", "ke", "key"])
@pytest.mark.parametrize("after", ["", "a", "af", "aft"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("secret", [TOKEN, SECRET])
def test_a_secret_is_found_in_base64(before: str, after: str, encode: Any, secret: str) -> None:
    encoded = encode(f"{before}{secret}{after}".encode()).decode()
    found = redact(f"Basic {encoded}")
    assert "***" in found
    assert len(found) < 24


@given(st.lists(st.sampled_from([f"\\u{ord('.'):04x}", "%2e", "&#46;", ".", "\\."]), min_size=2))
def test_forms_may_be_mixed(dots: list[str]) -> None:
    head, payload, signature = TOKEN.split(".")
    assert "***" in redact(f"{head}{dots[0]}{payload}{dots[1]}{signature}")


@given(st.integers(3_700, 4_010), st.sampled_from([TOKEN, SECRET]), st.text(max_size=90))
def test_the_cut_leaves_no_half_of_a_secret(before: int, secret: str, after: str) -> None:
    found = redact("-" * before + secret + after)
    assert len(found) <= 4_000
    for length in (12, len(secret)):
        assert secret[-length:] not in found
    assert secret[:8] not in found


@given(st.text(st.characters(exclude_characters="0123456789abcdef")))
def test_a_text_without_secrets_is_only_cut(text: str) -> None:
    assert redact(text) == text[:4_000]


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    assert len(Redactor(token="x", secret=text)(text * 3)) <= max(4_000, len(text) * 3)


@pytest.mark.parametrize(
    ("secret", "said", "shown"),
    [
        ("s", "status of s", "status of ***"),
        ("secret", "secrets of the secret", "secrets of the ***"),
        ("secret", "key=secret&x", "key=***&x"),
        ("", "anything", "anything"),
    ],
)
def test_a_short_secret_is_a_word_of_its_own(secret: str, said: str, shown: str) -> None:
    assert Redactor(token=TOKEN, secret=secret)(said) == shown


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("secret", ["s", "secret", "completed", SECRET])
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_good_answer_is_never_touched(
    colour: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.wire.SECRET", secret)
    body = {"task_id": "t1", "status": "completed", "result": {"messaging:secret-santa": secret}}
    snapshot = Wire(colour, answering(body)).call("get_task", "t1")
    assert (snapshot.status, snapshot.raw, snapshot.result) == ("completed", body, body["result"])


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("where", ["error", "result"])
def test_the_exception_of_a_failed_task_holds_no_secret(colour: str, where: str) -> None:
    reason = {"type": SIGNATURE, "description": f"by {TOKEN}", "stacktrace": [SECRET]}
    body = {"task_id": "t1", "status": "failed", where: reason}
    with pytest.raises(errors.StreamTaskException) as caught:
        Wire(colour, answering(body)).call("wait_for_task", "t1")
    error = caught.value
    fields = (error.error_type, error.description, error.stack_trace)
    assert fields == ("***", "by ***", "['***']")
    assert error.snapshot is not None
    assert getattr(error.snapshot, where) == reason
    assert TOKEN not in str(error)


@pytest.mark.parametrize("client", [StreamClient, AsyncStreamClient])
@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_client_is_neither_pickled_nor_copied(client: Any, copied: Any) -> None:
    made = client("key", SECRET)
    with pytest.raises(TypeError, match="make one in each process") as caught:
        copied(made)
    assert client.__name__ in str(caught.value)


def test_a_client_that_is_no_client_of_ours_is_no_secret_keeper() -> None:
    class Client:
        def get_task(self, task_id: str) -> dict[str, str]:
            return {"status": "failed", "error": f"of {task_id}"}

        def _cut(self, text: str) -> None:
            raise NotImplementedError

    with pytest.raises(errors.StreamTaskException, match="of t1"):
        wait_for_task(Client(), "t1")


def test_a_hidden_text_shows_nothing_of_itself() -> None:
    value = Hidden(SECRET)
    shown = (repr(value), repr([value]), repr({"k": value}), f"{value!r}", repr(value[:9]))
    assert not any("0123" in text for text in shown)
    assert value == SECRET
    assert str(value) == SECRET


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_what_the_caller_is_handling_is_left_alone(colour: str) -> None:
    handled = ValueError(f"mine, about {SECRET}")
    handled.note = SECRET  # type: ignore[attr-defined] -- any field
    wire = Wire(colour, answering(b"no", 401))
    try:
        raise handled
    except ValueError:
        with pytest.raises(errors.StreamApiException) as caught:
            wire.call("get_task", "t1")
    assert caught.value.__context__ is handled or caught.value.__context__ is None
    assert handled.__traceback__ is not None
    assert SECRET in str(handled)
    assert vars(handled)["note"] == SECRET
