"""What may come from outside: text, JSON, bytes, headers, objects and exceptions of all kinds."""

from __future__ import annotations

import json
import ssl
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import getstream.exceptions
import h11
import httpcore
import httpx
import requests
import stream_chat.base.exceptions
import urllib3.exceptions
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["answers", "bodies", "exceptions", "headers", "json_values", "objects", "texts"]

NASTY = [
    "\x1b[2J\x1b]0;x\a",
    "\r\nHTTP/1.1 200 OK",
    "\u202e\u2066\u2028\u2029\x85\x9b",
    "\ud800",
    "\udfff\ud800",
    "\0",
    "\\u0041%41&#65;",
    "\ufeff",
    "9" * 5_000,
    "-" * 70,
    "x" * 9_000,
    "\n" * 9_000,
    "completed",
    "FAILED",
    "t1",
    "",
    "2024-05-01T12:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "1714564800123456000",
]


def _one_of(values: list[Any]) -> st.SearchStrategy[Any]:
    """As `sampled_from`, without long values in its `repr`."""
    return st.integers(0, len(values) - 1).map(lambda index: values[index])


texts = st.text(st.characters(), max_size=40) | _one_of(NASTY)


def _deep(leaf: object, depth: int, *, as_list: bool) -> object:
    for _ in range(depth):
        leaf = [leaf] if as_list else {"a": leaf}
    return leaf


def _in_containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts, inner, max_size=4)
        | st.builds(_deep, inner, st.integers(1, 700), as_list=st.booleans())
    )


integers = st.integers() | st.builds(lambda n: 10**n, st.integers(0, 6_000))
leaves = st.none() | st.booleans() | integers | st.floats() | texts
json_values = st.recursive(leaves, _in_containers, max_leaves=8)

FIELDS = [
    *("task_id", "status", "result", "error", "created_at", "updated_at", "duration"),
    *("code", "message", "exception_fields", "unrecoverable", "more_info", "details"),
    *("type", "description", "stacktrace", "version"),
]
objects = st.dictionaries(st.sampled_from(FIELDS) | texts, json_values, max_size=6)

FRAGMENTS = [
    b'{"task_id": "t1", "status": ',
    b'"failed", "error": {"description": ',
    b'"code": ',
    b"9" * 5_000,
    b"[" * 2_000,
    b'{"a":' * 600,
    b"}" * 600,
    b'"\\ud800"',
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf",
    b"\x1b",
    b"}",
    b",",
    b'"',
]


def _encoded(value: object, encoding: str) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=encoding == "ascii").encode(encoding, "surrogatepass")
    except (ValueError, UnicodeError):  # an integer that json does not write
        return repr(type(value)).encode()


encoded = st.builds(
    _encoded, objects | json_values, st.sampled_from(["utf-8", "ascii", "utf-16", "utf-32"])
)
bodies = (
    encoded
    | st.binary(max_size=60)
    | st.lists(_one_of(FRAGMENTS) | encoded, max_size=6).map(b"".join)
    | st.tuples(encoded, st.integers(0, 400)).map(lambda pair: pair[0][: pair[1]])
)

NAMES = [
    *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "date"),
    *("content-type", "X-RateLimit-Limit"),
]
VALUES = [
    *("60", "60, 60", "0", "-1", "1e9", " 7 ", "²", "9" * 5_000, "1" * 40, "inf", "nan"),
    "Wed, 01 May 2024 12:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Wed, 99 May 2024 99:99:99 GMT",
    "Thu, 01 Jan 1970 00:00:00 +999999999999",
]
headers = st.dictionaries(
    st.sampled_from(NAMES) | texts, _one_of(VALUES) | integers.map(hex) | texts, max_size=7
)


class Odd:
    """An object whose attributes give what they were told to, or raise it."""

    def __init__(self, attributes: dict[str, Any]) -> None:
        vars(self)["attributes"] = attributes

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in vars(self)["attributes"]:
            raise AttributeError(name)
        value = vars(self)["attributes"][name]
        if isinstance(value, BaseException):
            raise value
        return value


class OddMapping(dict[str, Any]):
    """A mapping that raises where it is read."""

    def get(self, key: str, default: Any = None) -> Any:
        raise RuntimeError(key, default)

    def items(self) -> Any:
        raise RecursionError


raised = st.builds(
    lambda kind, said: kind(said),
    st.sampled_from([KeyError, ValueError, RuntimeError, RecursionError, StopIteration, OSError]),
    texts,
)
odd_leaves = json_values | raised | st.builds(OddMapping, objects) | st.just(object())


def _functions(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Callable[[], Any]]:
    def function(value: Any) -> Callable[[], Any]:
        def give() -> Any:
            if isinstance(value, BaseException):
                raise value
            return value

        return give

    return inner.map(function)


attributes = st.dictionaries(
    st.sampled_from([*FIELDS, "data", "headers", "status_code"]),
    odd_leaves | _functions(odd_leaves | headers),
    max_size=6,
)
odd = attributes.map(Odd) | attributes.map(lambda found: SimpleNamespace(**found))
answers = (
    odd
    | objects
    | objects.map(OddMapping)
    | st.builds(lambda data, more: Odd({**more, "data": data}), objects | odd, attributes)
    | odd_leaves
    | st.binary(max_size=9)
)

KINDS: list[type[BaseException]] = [
    *(Exception, KeyError, OSError, TimeoutError, ValueError, StopIteration, UnicodeDecodeError),
    *(ssl.SSLError, json.JSONDecodeError, httpx.ReadError, httpx.HTTPStatusError),
    *(httpcore.ConnectError, h11.RemoteProtocolError, aiohttp.ClientResponseError),
    *(aiohttp.ClientConnectorError, requests.HTTPError, urllib3.exceptions.MaxRetryError),
    *(getstream.exceptions.StreamApiException, getstream.exceptions.StreamRateLimitException),
    *(
        getstream.exceptions.StreamTransportException,
        stream_chat.base.exceptions.StreamAPIException,
    ),
]
statuses = st.integers(90, 1_010) | integers | texts | st.booleans()
SAID = [
    *(*FIELDS, "status_code", "error_type", "raw_response_body", "response_text", "retry_after"),
    *("response", "http_response", "headers", "text", "reason", "request_info", "doc", "msg"),
]
said = st.dictionaries(
    st.sampled_from(SAID), odd_leaves | statuses | attributes.map(Odd) | headers, max_size=6
)


def _exception(kind: type[BaseException], args: list[Any], fields: dict[str, Any]) -> Any:
    error = kind.__new__(kind)
    error.args = tuple(args)
    for name, value in fields.items():
        try:
            setattr(error, name, value)
        except (AttributeError, TypeError, ValueError, DeprecationWarning):
            continue
    return error


exceptions = st.builds(_exception, st.sampled_from(KINDS), st.lists(odd_leaves, max_size=3), said)
