"""What operations refuse to send, on both clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxstream import AsyncStreamClient
from tests.wire import CLIENT_COLOURS, SECRET, Wire, answering

if TYPE_CHECKING:
    from collections.abc import Callable

UNSENDABLE = chr(0xD800)

every_colour = pytest.mark.parametrize("colour", CLIENT_COLOURS)

# Each operation that takes a list: its arguments around the list, the list's name, its maximum.
LISTS: list[tuple[str, Callable[[Any], tuple[Any, ...]], str, int | None]] = [
    ("delete_channels", lambda values: (values,), "cids", 100),
    ("export_channels", lambda values: (values,), "channels", 25),
    ("delete_users", lambda values: (values,), "user_ids", 100),
    ("deactivate_users", lambda values: (values,), "user_ids", None),
    ("reactivate_users", lambda values: (values,), "user_ids", None),
    ("export_users", lambda values: (values,), "user_ids", 25),
    ("import_block_list", lambda values: ("b", values), "items", None),
    ("delete_feeds_batch", lambda values: (values,), "feeds", None),
]
every_list = pytest.mark.parametrize(
    ("operation", "around", "name", "maximum"), LISTS, ids=[case[0] for case in LISTS]
)

# Each operation that takes single texts, and the name of the text that is tried.
TEXTS: list[tuple[str, Callable[[Any], tuple[Any, ...]], str]] = [
    ("get_task", lambda value: (value,), "task_id"),
    ("channel_batch_update", lambda value: (value, {}), "operation"),
    ("import_block_list", lambda value: (value, ["w"]), "id"),
    ("bulk_image_moderation", lambda value: (value,), "csv_file"),
    ("delete_call", lambda value: (value, "c"), "type"),
    ("delete_call", lambda value: ("default", value), "id"),
    ("delete_feed", lambda value: (value, "f"), "feed_group_id"),
    ("delete_feed", lambda value: ("user", value), "feed_id"),
    ("delete_feed_user_data", lambda value: (value,), "user_id"),
    ("export_feed_user_data", lambda value: (value,), "user_id"),
]
every_text = pytest.mark.parametrize(
    ("operation", "around", "name"), TEXTS, ids=[f"{case[0]}-{case[2]}" for case in TEXTS]
)
PATHS = [case for case in TEXTS if case[2] not in {"operation", "csv_file"}]


def refused(
    colour: str, operation: str, args: tuple[Any, ...], kind: type[Exception], text: str
) -> None:
    wire = Wire(colour, answering())
    with pytest.raises(kind, match=text):
        wire.call(operation, *args)
    assert wire.requests == []


@every_colour
@every_list
def test_no_more_is_sent_than_stream_takes(
    colour: str, operation: str, around: Any, name: str, maximum: int | None
) -> None:
    most = maximum or 1_000
    wire = Wire(colour, answering())
    assert wire.call(operation, *around([f"m:{n}" for n in range(most)])) == "t1"
    assert len(wire.requests) == 1
    if maximum is not None:
        too_many = (f"m:{n}" for n in range(maximum + 1))
        text = f"^{name} holds {maximum + 1} entries, and Stream takes at most {maximum} "
        refused(colour, operation, around(too_many), ValueError, text)


@every_colour
@every_list
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ("m:c1", TypeError),
        (b"m:c1", TypeError),
        ({"m:c1": 1}, TypeError),
        (None, TypeError),
        (7, TypeError),
        ([], ValueError),
        (iter(()), ValueError),
        ([""], ValueError),
        (["a", " "], ValueError),
        ([None], TypeError),
        (["a", 7], TypeError),
        ([UNSENDABLE], ValueError),
    ],
    ids=repr,
)
def test_bad_lists_are_refused_by_name(
    colour: str, operation: str, around: Any, name: str, maximum: int, values: Any, kind: Any
) -> None:
    refused(colour, operation, around(values), kind, rf"(^| of ){name} ")


@every_colour
@every_text
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("", ValueError),
        ("  \n", ValueError),
        (UNSENDABLE, ValueError),
        (None, TypeError),
        (7, TypeError),
        (b"x", TypeError),
        (["x"], TypeError),
    ],
    ids=repr,
)
def test_bad_texts_are_refused_by_name(
    colour: str, operation: str, around: Any, name: str, value: Any, kind: Any
) -> None:
    refused(colour, operation, around(value), kind, f"^{name} ")


@pytest.mark.parametrize(
    ("keywords", "name"),
    [({"members": []}, "members"), ({"custom_unset": "field"}, "custom_unset")],
)
def test_optional_lists_are_checked_too(keywords: dict[str, Any], name: str) -> None:
    wire = Wire("sync", answering())
    with pytest.raises((ValueError, TypeError), match=f"^{name} must "):
        wire.call("channel_batch_update", "op", {}, **keywords)
    with pytest.raises(TypeError, match=r"^include_fields must "):
        wire.call("export_channels", ["m:c"], include_fields="id")
    assert wire.requests == []


def test_the_async_client_refuses_at_the_call_and_not_at_the_await() -> None:
    client = AsyncStreamClient("key", SECRET)
    with pytest.raises(ValueError, match="cids"):
        client.delete_channels([])


@pytest.mark.parametrize(
    ("operation", "around", "name"), PATHS, ids=[f"{case[0]}-{case[2]}" for case in PATHS]
)
@given(
    value=st.sampled_from(
        [".", "..", "../..", "a/b", "a?b=c", "a#b", "%2e%2e", "a%2Fb", "//h", "\\"]
    )
    | st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
)
def test_no_id_leaves_its_place_in_the_path(
    operation: str, around: Any, name: str, value: str
) -> None:
    wire = Wire("sync", answering({"status": "running"}))
    wire.call(operation, *around("PLACE"))
    wire.call(operation, *around(value))
    plain, odd = (request.url.raw_path.decode().split("?") for request in wire.requests)
    assert plain[1:] == odd[1:] == ["api_key=key"]
    index = plain[0].split("/").index("PLACE")
    parts = odd[0].split("/")
    assert unquote(parts.pop(index)) == value
    assert parts == [part for part in plain[0].split("/") if part != "PLACE"]
    assert wire.requests[1].url.host == "chat.stream-io-api.com"
