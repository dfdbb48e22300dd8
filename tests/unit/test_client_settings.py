"""How clients are set up, what they keep to themselves, and how they are closed."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from rxstream import AsyncStreamClient, StreamClient
from tests.wire import SECRET

CLIENTS = (StreamClient, AsyncStreamClient)
OTHER = "fedcba9876543210" * 4
TOKEN = jwt.encode({"server": True, "by": "hand"}, OTHER, "HS256")
DEFAULT_URL = "https://chat.stream-io-api.com"

both = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "API_SECRET", "BASE_URL", "TIMEOUT"):
        monkeypatch.delenv(f"STREAM_{name}", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")


def token_of(client: Any) -> str:
    return client._settings.headers["Authorization"]


@both
def test_arguments_alone_suffice(client: Any) -> None:
    made = client("key", SECRET)
    assert (made.api_key, made.base_url, made.timeout) == ("key", DEFAULT_URL, 30.0)
    assert made.max_connections >= 1
    assert jwt.decode(token_of(made), SECRET, ["HS256"]) == {"server": True}


@both
def test_the_environment_alone_suffices(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_API_KEY", " key\n")
    monkeypatch.setenv("STREAM_API_SECRET", f"{SECRET}\r\n")
    monkeypatch.setenv("STREAM_BASE_URL", "https://eu.example/ ")
    monkeypatch.setenv("STREAM_TIMEOUT", " 2.5 ")
    made = client()
    assert (made.api_key, made.base_url, made.timeout) == ("key", "https://eu.example", 2.5)
    assert jwt.decode(token_of(made), SECRET, ["HS256"]) == {"server": True}


@both
def test_arguments_win_over_the_environment(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_API_KEY", "theirs")
    monkeypatch.setenv("STREAM_API_SECRET", OTHER)
    monkeypatch.setenv("STREAM_BASE_URL", "ftp://never.looked.at")
    monkeypatch.setenv("STREAM_TIMEOUT", "never looked at")
    made = client("mine", SECRET, base_url="https://mine.example", timeout=1)
    assert (made.api_key, made.base_url, made.timeout) == ("mine", "https://mine.example", 1.0)
    assert jwt.decode(token_of(made), SECRET, ["HS256"]) == {"server": True}


@both
def test_empty_variables_count_as_unset(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BASE_URL", "TIMEOUT"):
        monkeypatch.setenv(f"STREAM_{name}", " ")
    made = client("key", SECRET)
    assert (made.base_url, made.timeout) == (DEFAULT_URL, 30.0)


@both
@pytest.mark.parametrize("secret", ["", SECRET])
def test_a_token_is_sent_as_it_is_whatever_the_environment_says(
    client: Any, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM_API_SECRET", secret)
    assert token_of(client("key", token=TOKEN)) == TOKEN


@both
def test_a_secret_beside_a_token_is_refused(client: Any) -> None:
    with pytest.raises(ValueError, match=r"^token and api_secret exclude each other"):
        client("key", SECRET, token=TOKEN)


@both
@pytest.mark.parametrize("blank", [None, ""])
def test_missing_credentials_are_named_with_their_variable(client: Any, blank: Any) -> None:
    with pytest.raises(ValueError, match=r"^api_key is missing: .*STREAM_API_KEY"):
        client(blank, SECRET)
    with pytest.raises(ValueError, match=r"^api_secret is missing: .*STREAM_API_SECRET"):
        client("key", blank, token=blank)


@both
@pytest.mark.parametrize("token", ["a b", "a\nb", "a\r\nX-Evil: 1", f"{TOKEN}\n", "tökén", "a\0"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(client: Any, token: str) -> None:
    with pytest.raises(ValueError, match=r"^token ") as caught:
        client("key", token=token)
    assert token.strip() not in str(caught.value)


@both
@pytest.mark.parametrize("name", ["api_key", "api_secret", "token", "base_url"])
def test_texts_of_another_type_are_refused_by_name(client: Any, name: str) -> None:
    given = {"api_key": "key", "api_secret": SECRET, name: b"bytes"}
    with pytest.raises(TypeError, match=f"^{name} must be "):
        client(**given)


@both
@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://eu.example", "https://eu.example"),
        ("https://eu.example/", "https://eu.example"),
        (" https://eu.example:8443/base// ", "https://eu.example:8443/base"),
        ("HTTPS://eu.example", "https://eu.example"),
        ("http://localhost:3030", "http://localhost:3030"),
        ("http://LOCALHOST:3030/", "http://LOCALHOST:3030"),
        ("http://127.0.0.1:3030", "http://127.0.0.1:3030"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:3030/x/", "http://[::1]:3030/x"),
    ],
)
def test_good_addresses_are_kept_without_their_last_slash(client: Any, url: str, kept: str) -> None:
    assert client("key", SECRET, base_url=url).base_url == kept


PLAIN = ["http://eu.example", "http://10.0.0.1", "http://localhost.example", "http://0.0.0.0"]


@both
@pytest.mark.parametrize("url", [*PLAIN, "HTTP://eu.example", "http://[::2]", "http://128.0.0.1"])
def test_plain_http_to_elsewhere_must_be_asked_for(
    client: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"^base_url .* in the clear.*allow_http=True"):
        client("key", SECRET, base_url=url)
    monkeypatch.setenv("STREAM_BASE_URL", url)
    with pytest.raises(ValueError, match=r"^base_url .* in the clear"):
        client("key", SECRET)
    assert client("key", SECRET, allow_http=True).base_url.lower() == url.lower()


@both
@pytest.mark.parametrize("allowed", [{}, {"allow_http": True}], ids=str)
@pytest.mark.parametrize(
    "url",
    [
        "ftp://eu.example",
        "file:///etc",
        "eu.example",
        "//eu.example",
        "https://",
        "https:///x",
        "garbage",
        " ",
        "https://[::1",
        "https://h:port",
        "https://h:99999",
        "https://h\n.example",
        "https://u:pw@h",
        "https://u@h",
        "https://h?a=b",
        "https://a b",
        "https://good.example\\@evil.example",
        "https://good.example\\.evil.example",
        "https://h/a b",
        "https://h/#x",
        "http://u:pw@localhost",
    ],
)
def test_bad_addresses_are_refused_by_name(client: Any, url: str, allowed: Any) -> None:
    with pytest.raises(ValueError, match=r"^base_url ") as caught:
        client("key", SECRET, base_url=url, **allowed)
    assert "pw" not in str(caught.value)


@both
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (0, ValueError),
        (-1, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (timedelta(0), ValueError),
        ("5", TypeError),
        (True, TypeError),
        ([], TypeError),
    ],
)
def test_bad_time_outs_are_refused_by_name(client: Any, value: Any, kind: Any) -> None:
    with pytest.raises(kind, match=r"^timeout must be "):
        client("key", SECRET, timeout=value)


@both
@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf", "1e999", "5s", "1,5"])
def test_a_bad_variable_is_refused_by_name(
    client: Any, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM_TIMEOUT", value)
    with pytest.raises(ValueError, match=r"^STREAM_TIMEOUT must be "):
        client("key", SECRET)


@both
def test_time_outs_and_limits_are_kept(client: Any) -> None:
    made = client(
        "key",
        SECRET,
        timeout=timedelta(milliseconds=1500),
        max_connections=3,
        max_response_bytes=7,
    )
    assert (made.timeout, made.max_connections, made.max_response_bytes) == (1.5, 3, 7)
    assert client("key", SECRET).max_response_bytes == 32 * 1024 * 1024


@both
@pytest.mark.parametrize(
    ("value", "kind"), [(0, ValueError), (-1, ValueError), (True, TypeError), (1.5, TypeError)]
)
@pytest.mark.parametrize("name", ["max_connections", "max_response_bytes"])
def test_bad_counts_are_refused_by_name(client: Any, name: str, value: Any, kind: Any) -> None:
    with pytest.raises(kind, match=f"^{name} must be "):
        client("key", SECRET, **{name: value})


@pytest.mark.parametrize(
    ("client", "http_client"),
    [(StreamClient, httpx.AsyncClient()), (AsyncStreamClient, httpx.Client()), (StreamClient, 7)],
    ids=["async for sync", "sync for async", "number"],
)
def test_an_http_client_for_the_other_client_is_refused(client: Any, http_client: Any) -> None:
    with pytest.raises(TypeError, match=r"^http_client must be an? (Async)?Client or None"):
        client("key", SECRET, http_client=http_client)
