"""What operations refuse to send, on both clients."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxstream import AsyncStreamClient, StreamClient
from rxstream._batch import batch_of
from tests.wire import CLIENT_KINDS, SECRET, Wire, answering

if TYPE_CHECKING:
    from collections.abc import Callable

UNSENDABLE = chr(0xD800)
NO_ZONE = datetime(2024, 5, 1, 12)  # noqa: DTZ001 -- the fault that is tried

every_kind_of_client = pytest.mark.parametrize("client_kind", CLIENT_KINDS)

# Each operation that takes a list: its arguments around the list, the list's name, its maximum.
LISTS: list[tuple[str, Callable[[Any], tuple[Any, ...]], str, int | None]] = [
    ("delete_channels", lambda values: (values,), "cids", 100),
    ("export_channels", lambda values: (values,), "channels", 100),
    ("delete_users", lambda values: (values,), "user_ids", 100),
    ("deactivate_users", lambda values: (values,), "user_ids", 100),
    ("reactivate_users", lambda values: (values,), "user_ids", 100),
    ("export_users", lambda values: (values,), "user_ids", 25),
    ("import_block_list", lambda values: ("b", values), "items", None),
    ("delete_feeds_batch", lambda values: (values,), "feeds", 100),
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
    ("check_moderation", lambda value: (value, "e", "u"), "entity_type"),
    ("check_moderation", lambda value: ("t", value, "u"), "entity_id"),
    ("check_moderation", lambda value: ("t", "e", value), "entity_creator_id"),
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
PATHS = [
    case
    for case in TEXTS
    if case[2] not in {"operation", "csv_file"} and case[0] != "check_moderation"
]


def refused(
    client_kind: str, operation: str, args: tuple[Any, ...], kind: type[Exception], text: str
) -> None:
    wire = Wire(client_kind, answering())
    with pytest.raises(kind, match=text):
        wire.call(operation, *args)
    assert wire.requests == []


@every_kind_of_client
@every_list
def test_no_more_is_sent_than_stream_takes(
    client_kind: str, operation: str, around: Any, name: str, maximum: int | None
) -> None:
    most = maximum or 1_000
    wire = Wire(client_kind, answering())
    values = [f"m:{n}" for n in range(most)]
    handle = wire.call(operation, *around(iter(values)))
    assert (handle.task_id, handle.items) == ("t1", tuple(values))
    assert len(wire.requests) == 1
    if maximum is not None:
        too_many = (f"m:{n}" for n in range(maximum + 1))
        text = (
            f"^{name} holds {maximum + 1} entries, and Stream takes at most {maximum} .*start_tasks"
        )
        refused(client_kind, operation, around(too_many), ValueError, text)


@every_kind_of_client
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
        (["a", "b\n"], ValueError),
        (["a\rb"], ValueError),
        ([None], TypeError),
        (["a", 7], TypeError),
        ([UNSENDABLE], ValueError),
    ],
    ids=repr,
)
def test_bad_lists_are_refused_by_name(
    client_kind: str, operation: str, around: Any, name: str, maximum: int, values: Any, kind: Any
) -> None:
    refused(client_kind, operation, around(values), kind, rf"^{name}(\[\d\])? ")


@every_kind_of_client
def test_a_bad_entry_is_refused_by_its_number(client_kind: str) -> None:
    for entry, kind in ((None, TypeError), ("", ValueError), ("joe\n", ValueError)):
        refused(client_kind, "export_users", [["jane", entry]], kind, r"^user_ids\[1\] must ")


@every_kind_of_client
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
    client_kind: str, operation: str, around: Any, name: str, value: Any, kind: Any
) -> None:
    refused(client_kind, operation, around(value), kind, f"^{name} ")


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
    too_many = [{"user_id": f"u{n}"} for n in range(101)]
    with pytest.raises(
        ValueError, match=r"^members holds 101 entries, and Stream takes at most 100"
    ):
        wire.call("channel_batch_update", "addMembers", {}, members=too_many)
    assert wire.requests == []


@every_kind_of_client
@pytest.mark.parametrize(
    ("operation", "args", "keywords", "name"),
    [
        (
            *("channel_batch_update", ("op", {}), {"hide_history_before": NO_ZONE}),
            "hide_history_before",
        ),
        (
            *("export_channels", ([{"cid": "m:c", "messages_since": NO_ZONE}],), {}),
            "messages_since of channels",
        ),
        (
            *("check_moderation", ("t", "e", "u"), {"content_published_at": NO_ZONE}),
            "content_published_at",
        ),
    ],
)
def test_a_time_without_a_zone_is_refused_with_what_to_write(
    client_kind: str, operation: str, args: Any, keywords: Any, name: str
) -> None:
    wire = Wire(client_kind, answering())
    with pytest.raises(ValueError, match=rf"^{name} must be a datetime with a zone.*tzinfo=UTC"):
        wire.call(operation, *args, **keywords)
    assert wire.requests == []


@every_kind_of_client
@pytest.mark.parametrize(("size", "kind"), [(0, ValueError), (-1, ValueError), ("5", TypeError)])
def test_a_chunk_has_one_word_or_more(client_kind: str, size: Any, kind: type[Exception]) -> None:
    wire = Wire(client_kind, answering())
    with pytest.raises(kind, match=r"^chunk_size "):
        wire.call("import_block_list", "b", ["w"], chunk_size=size)
    assert wire.requests == []


@pytest.mark.parametrize("kind", [StreamClient, AsyncStreamClient])
@pytest.mark.parametrize(
    ("operation", "around", "name", "maximum"), LISTS, ids=[c[0] for c in LISTS]
)
def test_each_operation_tells_how_much_it_takes(
    kind: Any, operation: str, around: Any, name: str, maximum: int | None
) -> None:
    client = kind("key", SECRET)
    for method in (getattr(client, operation), partial(partial(getattr(client, operation)), x=1)):
        batch = batch_of(method)
        assert batch is not None
        assert (batch.items, batch.maximum) == (name, maximum)
        assert batch.default_size == (25 if operation == "export_channels" else maximum)
    assert batch_of(client.delete_call) is None
    assert batch_of(print) is None


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
    # Without an id, which would be that of another task.
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
