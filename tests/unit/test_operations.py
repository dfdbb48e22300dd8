"""What each operation sends and gives back, on both clients."""

from __future__ import annotations

import inspect
import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest

import rxstream
from rxstream import AsyncStreamClient, AsyncTaskHandle, StreamClient, TaskHandle
from tests.wire import CLIENT_KINDS, SECRET, STARTED, Wire, answering

WHEN = datetime(2024, 5, 1, 12, tzinfo=UTC)
WHEN_TEXT = "2024-05-01T12:00:00+00:00"


@pytest.fixture(params=CLIENT_KINDS)
def wire(request: pytest.FixtureRequest) -> Wire:
    return Wire(request.param, answering())


OPERATIONS: list[tuple[str, tuple[Any, ...], dict[str, Any], str, str, Any]] = [
    (
        "delete_channels",
        (["messaging:c1", "messaging:c2"],),
        {"hard_delete": True},
        *("POST", "/chat/channels/delete"),
        {"cids": ["messaging:c1", "messaging:c2"], "hard_delete": True},
    ),
    (
        "export_channels",
        (["messaging:c1", {"type": "m", "id": "c2", "messages_since": WHEN}],),
        {"version": "v2", "format": "csv", "include_fields": ("id",), "export_users": False},
        *("POST", "/chat/export_channels"),
        {
            "channels": [
                {"cid": "messaging:c1"},
                {"type": "m", "id": "c2", "messages_since": WHEN_TEXT},
            ],
            "version": "v2",
            "format": "csv",
            "include_fields": ["id"],
            "export_users": False,
        },
    ),
    (
        "channel_batch_update",
        ("addMembers", {"cids": {"$in": ["m:c"]}, "team": None}),
        {"members": [{"user_id": "u"}], "hide_history_before": WHEN, "data": {"custom": {1: None}}},
        *("PUT", "/chat/channels/batch"),
        {
            "operation": "addMembers",
            "filter": {"cids": {"$in": ["m:c"]}, "team": None},
            "members": [{"user_id": "u"}],
            "hide_history_before": WHEN_TEXT,
            "data": {"custom": {"1": None}},
        },
    ),
    (
        "delete_users",
        (("u1", "u2"),),
        {"user": "hard", "messages": "hard", "conversations": "hard", "files": True},
        *("POST", "/users/delete"),
        {
            "user_ids": ["u1", "u2"],
            "user": "hard",
            "messages": "hard",
            "conversations": "hard",
            "files": True,
        },
    ),
    (
        "deactivate_users",
        (("u1",),),
        {"created_by_id": "admin", "mark_channels_deleted": False},
        *("POST", "/users/deactivate"),
        {"user_ids": ["u1"], "created_by_id": "admin", "mark_channels_deleted": False},
    ),
    (
        "reactivate_users",
        (["u1"],),
        {"restore_channels": True},
        *("POST", "/users/reactivate"),
        {"user_ids": ["u1"], "restore_channels": True},
    ),
    ("export_users", (["u1"],), {}, "POST", "/export/users", {"user_ids": ["u1"]}),
    (
        "import_block_list",
        ("bad words", ["one", "two"]),
        {"chunk_size": 5},
        *("POST", "/blocklists/bad%20words/import"),
        {"items": ["one", "two"], "chunk_size": 5},
    ),
    (
        "bulk_image_moderation",
        ("https://example.com/i.csv",),
        {},
        *("POST", "/moderation/bulk_image_moderation"),
        {"csv_file": "https://example.com/i.csv"},
    ),
    (
        "check_moderation",
        ("message", "m1", "u1"),
        {"content_published_at": WHEN, "moderation_payload": {"texts": ["hi"]}, "user_id": None},
        *("POST", "/moderation/check"),
        {
            "entity_type": "message",
            "entity_id": "m1",
            "entity_creator_id": "u1",
            "content_published_at": WHEN_TEXT,
            "moderation_payload": {"texts": ["hi"]},
        },
    ),
    (
        "delete_call",
        ("default", "c:1"),
        {"hard": True},
        *("POST", "/video/call/default/c%3A1/delete"),
        {"hard": True},
    ),
    ("delete_call", ("default", "c1"), {}, "POST", "/video/call/default/c1/delete", {}),
    (
        "delete_feed",
        ("user", "john"),
        {"hard_delete": True, "purge_user_activities": False},
        *("DELETE", "/feeds/feed_groups/user/feeds/john"),
        None,
    ),
    (
        "delete_feeds_batch",
        (["user:john"],),
        {"hard_delete": True},
        *("POST", "/feeds/feeds/delete"),
        {"feeds": ["user:john"], "hard_delete": True},
    ),
    (
        "delete_feed_user_data",
        ("u1",),
        {"hard_delete": True},
        *("POST", "/feeds/users/u1/delete"),
        {"hard_delete": True},
    ),
    ("export_feed_user_data", ("u1",), {}, "POST", "/feeds/users/u1/export", None),
    ("get_task", ("t1",), {}, "GET", "/tasks/t1", None),
]
SIMPLEST = {name: args for name, args, *_ in OPERATIONS}
STARTING = sorted(set(SIMPLEST) - {"get_task"})


@pytest.mark.parametrize(
    ("operation", "args", "keywords", "method", "path", "body"),
    [pytest.param(*case, id=f"{case[0]}{index}") for index, case in enumerate(OPERATIONS)],
)
@pytest.mark.parametrize("client_kind", CLIENT_KINDS)
def test_each_operation_sends_what_stream_expects(
    client_kind: str, operation: str, args: Any, keywords: Any, method: str, path: str, body: Any
) -> None:
    wire = Wire(client_kind, answering())
    got = wire.call(operation, *args, **keywords)
    sent = wire.only
    assert got.task_id == "t1"
    if operation != "get_task":
        kind = TaskHandle if client_kind == "sync" else AsyncTaskHandle
        assert type(got) is kind
        assert (got.operation, got.error, got.answer) == (operation, None, STARTED)
        assert str(got) == "t1"
    assert sent.method == method
    where, _, query = sent.url.raw_path.decode().partition("?")
    assert where == f"/api/v2{path}"
    flags = {k: str(v).lower() for k, v in keywords.items()} if method == "DELETE" else {}
    assert dict(parse_qsl(query)) == {"api_key": "key", **flags}
    assert str(sent.url).startswith("https://chat.stream-io-api.com/api/v2/")
    assert (json.loads(sent.content) if sent.content else None) == body
    assert (sent.headers.get("content-type") == "application/json") is (body is not None)


def test_every_public_operation_is_in_the_table() -> None:
    for kind in (StreamClient, AsyncStreamClient):
        methods = {
            name
            for name, member in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
            and name not in {"wait_for_task", "wait_for_tasks", "new_call", "close", "aclose"}
        }
        assert methods == set(SIMPLEST)


@pytest.mark.parametrize("operation", SIMPLEST)
def test_each_request_carries_the_same_headers_and_an_id_of_its_own(
    wire: Wire, operation: str
) -> None:
    wire.call(operation, *SIMPLEST[operation])
    wire.call(operation, *SIMPLEST[operation])
    for sent in wire.requests:
        assert jwt.decode(sent.headers["authorization"], SECRET, ["HS256"]) == {"server": True}
        assert sent.headers["stream-auth-type"] == "jwt"
        assert re.fullmatch(r"rxstream-\S+", sent.headers["x-stream-client"])
        assert sent.headers["x-stream-client"].endswith(rxstream.__version__)
        assert sent.headers["accept-encoding"] == "gzip"
    ids = [uuid.UUID(sent.headers["x-client-request-id"]) for sent in wire.requests]
    assert len(set(ids)) == 2
    assert {one.version for one in ids} == {4}


@pytest.mark.parametrize("body", [{}, {"task_id": None}, {"task_id": ""}, {"task_id": 7}])
@pytest.mark.parametrize("operation", STARTING)
@pytest.mark.parametrize("client_kind", CLIENT_KINDS)
def test_no_task_id_is_nothing_to_wait_for(client_kind: str, operation: str, body: Any) -> None:
    handle = Wire(client_kind, answering(body)).call(operation, *SIMPLEST[operation])
    assert (handle.task_id, handle.answer, str(handle)) == (None, body, "")
