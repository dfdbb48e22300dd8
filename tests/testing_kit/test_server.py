from __future__ import annotations

import asyncio
import errno
import os
import shlex
import signal
import subprocess
import sys
import threading
from datetime import datetime
from typing import Any

import httpx
import jwt
import pytest

from rxstream import StreamClient, backoff
from rxstream.errors import StreamTaskException, StreamTransportException
from rxstream.testing import (
    Script,
    TaskServer,
    VirtualLoop,
    assert_nothing_left,
    completed,
    delayed,
    drip,
    failed,
    garbage,
    hang,
    http_error,
    raw,
    redirect,
    reset,
    run_virtual,
)
from rxstream.testing.__main__ import main

FAR = 4_000_000_000


def credentials(server: Any, **claims: Any) -> Any:
    token = jwt.encode({"server": True} | claims, server.api_secret, algorithm="HS256")
    return {
        "headers": {"Authorization": token, "stream-auth-type": "jwt"},
        "params": {"api_key": server.api_key},
    }


def in_process(server: Any) -> Any:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=server.app),
        base_url="http://stream.test",
        **credentials(server),
    )


def asked(server: Any, *requests: Any) -> Any:
    """Send requests in process and in virtual time; give the answers."""

    async def main() -> Any:
        async with in_process(server) as client:
            return [await client.request(method, path, **rest) for method, path, rest in requests]

    return run_virtual(main())


def get(path: Any) -> Any:
    return "GET", path, {}


@pytest.fixture(scope="module")
def server() -> Any:
    with TaskServer(pending=0, running=0) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Any) -> Any:
    with httpx.Client(base_url=server.url, **credentials(server)) as client:
        yield client


HARD = {"cids": ["messaging:c1"], "hard_delete": True}
SOFT = {"cids": ["messaging:c1"]}
ARCHIVE = {"operation": "archive", "filter": {}}
CHECK = {"entity_creator_id": "u", "entity_id": "m", "entity_type": "message"}
IMAGES = CHECK | {"moderation_payload": {"images": ["https://example.com/1.png"]}}
STARTS = [
    ("POST", "/api/v2/chat/channels/delete", HARD, {"messaging:c1": {"status": "ok"}}),
    ("POST", "/api/v2/chat/channels/delete", SOFT, {"messaging:c1": {"status": "ok"}}),
    ("POST", "/channels/delete", HARD, {"messaging:c1": {"status": "ok"}}),
    ("POST", "/api/v2/chat/export_channels", {"channels": [{"cid": "m:c"}]}, "url"),
    ("POST", "/export_channels", {"channels": [{"cid": "m:c"}]}, "url"),
    ("PUT", "/api/v2/chat/channels/batch", ARCHIVE, "operation"),
    ("PUT", "/channels/batch", ARCHIVE, "operation"),
    ("POST", "/api/v2/users/delete", {"user_ids": ["u"]}, {"u": {"status": "ok"}}),
    ("POST", "/users/delete", {"user_ids": ["u"]}, {"u": {"status": "ok"}}),
    ("POST", "/api/v2/users/deactivate", {"user_ids": ["u"]}, "users"),
    ("POST", "/api/v2/users/reactivate", {"user_ids": ["u"]}, {}),
    ("POST", "/api/v2/export/users", {"user_ids": ["u"]}, "url"),
    ("POST", "/api/v2/blocklists/a%2Fb/import", {"items": ["x"]}, {}),
    (
        "POST",
        "/api/v2/video/call/default/a%2Fb/delete",
        {"hard": True},
        {"default:a/b": {"status": "ok"}},
    ),
    ("DELETE", "/api/v2/feeds/feed_groups/g/feeds/f", {}, {}),
    ("POST", "/api/v2/feeds/feeds/delete", {"feeds": ["g:f"]}, {}),
    ("POST", "/api/v2/feeds/users/u/delete", {}, {}),
    ("POST", "/api/v2/feeds/users/u/export", None, {}),
    ("POST", "/api/v2/moderation/check", IMAGES, {}),
    ("POST", "/api/v2/moderation/bulk_image_moderation", {"csv_file": "x"}, {}),
]


@pytest.mark.parametrize(("method", "path", "body", "result"), STARTS)
def test_operations_start_tasks_that_end_with_their_payload(
    client: Any, method: Any, path: Any, body: Any, result: Any
) -> None:
    started = client.request(method, path, json=body)
    assert started.status_code == (200 if method == "DELETE" else 201)
    task = client.get(f"/api/v2/tasks/{started.json()['task_id']}").json()
    assert task["status"] == "completed"
    if isinstance(result, str):
        assert result in task["result"]
    else:
        assert task["result"] == result


@pytest.mark.parametrize("body", [{"hard": False}, {}, None])
def test_a_soft_delete_of_a_call_leaves_nothing_to_wait_for(client: Any, body: Any) -> None:
    said = client.post("/api/v2/video/call/default/c/delete", json=body).json()
    assert said.keys() == {"call", "duration"}
    assert said["call"]["cid"] == "default:c"


def test_a_check_of_text_is_done_at_once(client: Any) -> None:
    said = client.post("/api/v2/moderation/check", json=CHECK).json()
    assert said.keys() == {"status", "recommended_action", "duration"}
    assert said["status"] == "completed"


def test_payloads_are_like_stream_s(client: Any) -> None:
    def payload(path: str, body: Any) -> Any:
        task_id = client.post(path, json=body).json()["task_id"]
        return client.get(f"/api/v2/tasks/{task_id}").json()["result"]

    (user,) = payload("/api/v2/users/deactivate", {"user_ids": ["u"]})["users"]
    assert user["id"] == "u"
    assert datetime.fromisoformat(user["deactivated_at"]).tzinfo is not None
    assert "/exports/users/" in payload("/api/v2/export/users", {"user_ids": ["u"]})["url"]


def test_an_export_has_a_path_of_its_own_too(server: Any, client: Any) -> None:
    started = client.post("/export_channels", json={"channels": [{"cid": "m:c"}]}).json()
    told = client.get(f"/export_channels/{started['task_id']}").json()
    assert told["status"] == "completed"
    assert told["created_at"].endswith("Z")
    assert server.polls(started["task_id"]) == 1


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/api/v2/users/delete", b"["),
        ("/api/v2/users/delete", b"[]"),
        ("/api/v2/users/delete", b""),
        ("/api/v2/users/delete", b'{"user_ids": []}'),
        ("/api/v2/users/delete", b'{"user_ids": "u"}'),
        ("/api/v2/users/delete", b'{"user_ids": [3]}'),
        ("/api/v2/users/delete", b"[" * 100_000),
    ],
)
def test_bad_bodies_are_refused(client: Any, path: Any, content: Any) -> None:
    answer = client.post(path, content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, 4)


V2 = "/api/v2"
LIMITS = [
    ("POST", f"{V2}/chat/channels/delete", "cids", "m:c", 100),
    ("POST", f"{V2}/chat/export_channels", "channels", {"cid": "m:c"}, 100),
    ("PUT", f"{V2}/chat/channels/batch", "members", {"user_id": "u"}, 100),
    ("POST", f"{V2}/users/delete", "user_ids", "u", 100),
    ("POST", f"{V2}/users/deactivate", "user_ids", "u", 100),
    ("POST", f"{V2}/users/reactivate", "user_ids", "u", 100),
    ("POST", f"{V2}/export/users", "user_ids", "u", 25),
    ("POST", f"{V2}/feeds/feeds/delete", "feeds", "g:f", 100),
]


@pytest.mark.parametrize(("method", "path", "name", "entry", "most"), LIMITS)
def test_lists_have_a_limit(
    client: Any, method: Any, path: Any, name: Any, entry: Any, most: Any
) -> None:
    body = ARCHIVE if name == "members" else {}
    assert client.request(method, path, json=body | {name: [entry] * most}).status_code == 201
    refused = client.request(method, path, json=body | {name: [entry] * (most + 1)})
    assert refused.status_code == 400
    assert refused.json()["exception_fields"] == {name: f"{name} cannot exceed {most} elements"}


def test_a_block_list_may_be_of_any_length(client: Any) -> None:
    path = "/api/v2/blocklists/b/import"
    assert client.post(path, json={"items": ["w"] * 1_000}).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body", "name"),
    [
        ("POST", "/chat/channels/delete", HARD | {"hard_delete": "yes"}, "hard_delete"),
        ("POST", "/chat/channels/delete", {}, "cids"),
        ("POST", "/chat/export_channels", {"channels": ["m:c"]}, "channels"),
        ("PUT", "/chat/channels/batch", {"filter": {}}, "operation"),
        ("PUT", "/chat/channels/batch", {"operation": ""}, "operation"),
        ("PUT", "/chat/channels/batch", {"operation": "shred", "filter": {}}, "operation"),
        ("PUT", "/chat/channels/batch", {"operation": "hide"}, "filter"),
        ("PUT", "/chat/channels/batch", ARCHIVE | {"members": ["u"]}, "members"),
        ("POST", "/users/delete", {"user_ids": ["u"], "user": "some"}, "user"),
        ("POST", "/users/delete", {"user_ids": ["u"], "calls": "pruning"}, "calls"),
        ("POST", "/blocklists/b/import", {"items": []}, "items"),
        ("POST", "/blocklists/b/import", {"items": ["w"], "chunk_size": 0}, "chunk_size"),
        ("POST", "/blocklists/b/import", {"items": ["w"], "chunk_size": True}, "chunk_size"),
        ("POST", "/video/call/default/c/delete", {"hard": 1}, "hard"),
        ("POST", f"/video/call/default/{'c' * 65}/delete", {}, "id"),
        ("DELETE", f"/feeds/feed_groups/{'g' * 256}/feeds/f", {}, "group"),
        ("POST", "/moderation/bulk_image_moderation", {}, "csv_file"),
        ("POST", "/moderation/check", {"entity_id": "m", "entity_type": "t"}, "entity_creator_id"),
    ],
)
def test_bad_fields_are_named(client: Any, method: Any, path: Any, body: Any, name: Any) -> None:
    answer = client.request(method, V2 + path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, 4)
    assert list(answer.json()["exception_fields"]) == [name]
    assert answer.json()["message"].startswith(f"{name} ")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda s: {"params": {"api_key": "other"}}, 2),
        (lambda s: {"params": {}}, 2),
        (lambda s: {"headers": {"stream-auth-type": "jwt"}}, 5),
        (lambda s: {"headers": {"Authorization": credentials(s)["headers"]["Authorization"]}}, 5),
        (lambda s: {"headers": {"Authorization": "x", "stream-auth-type": "jwt"}}, 5),
        (lambda s: credentials(s, exp=1), 40),
        (lambda s: credentials(s, nbf=FAR), 41),
        (lambda s: credentials(s, iat=FAR), 42),
        (lambda s: credentials(s, exp="soon"), 5),
        (lambda s: credentials(TaskServer(api_secret="another " * 5)), 43),
    ],
)
def test_keys_and_tokens_are_checked(server: Any, change: Any, code: Any) -> None:
    with httpx.Client(base_url=server.url) as client:
        answer = client.get("/api/v2/tasks/x", **(credentials(server) | change(server)))
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert "x-ratelimit-limit" in answer.headers


def test_good_claims_are_let_in(server: Any) -> None:
    with httpx.Client(base_url=server.url, **credentials(server, iat=1, nbf=1, exp=FAR)) as client:
        assert client.get("/api/v2/tasks/x").status_code == 404


def test_unknown_things_have_stream_s_envelope(client: Any) -> None:
    answer = client.get("/api/v2/tasks/nobody")
    assert answer.status_code == 404
    assert answer.json()["code"] == 16
    assert answer.json()["message"] == "Can't find task with id nobody"
    for method, path in (("GET", "/x"), ("GET", "/api/v2/tasks/"), ("PUT", "/api/v2/tasks/x")):
        assert client.request(method, path).json()["StatusCode"] == 404


@pytest.mark.parametrize(
    ("task_id", "sent"), [("a/b", "a%2Fb"), ("..", "%2E%2E"), ("é ?", "%C3%A9%20%3F")]
)
def test_odd_ids_find_their_task(server: Any, client: Any, task_id: Any, sent: Any) -> None:
    server.add_task("running", task_id)
    assert client.get(f"/api/v2/tasks/{sent}").json()["task_id"] == task_id
    assert server.polls(task_id) == 1


def test_the_legacy_path_has_rfc_3339_timestamps(server: Any, client: Any) -> None:
    task_id = server.add_task("running")
    assert isinstance(client.get(f"/api/v2/tasks/{task_id}").json()["created_at"], int)
    assert client.get(f"/tasks/{task_id}").json()["created_at"].endswith("Z")
    assert server.polls(task_id) == 2


def test_requests_are_recorded_without_the_token(server: Any, client: Any) -> None:
    task_id = server.add_task("running")
    client.get(f"/api/v2/tasks/{task_id}")
    record = server.requests[-1]
    assert (record.method, record.path, record.task_id) == (
        "GET",
        f"/api/v2/tasks/{task_id}",
        task_id,
    )
    assert record.query == {"api_key": server.api_key}
    assert "authorization" not in record.headers
    assert record.headers["stream-auth-type"] == "jwt"
    assert server.connections >= 1
    client.post("/api/v2/users/delete", json={"user_ids": ["u"]})
    assert server.requests[-1].task_id is None


def test_scripted_answers_arrive_as_they_are(server: Any, client: Any) -> None:
    answers = [
        failed("no"),
        http_error(503, retry_after=3),
        garbage(),
        redirect("/elsewhere"),
        raw({"status": "running", "new": 1}),
        drip("running", 0.0001),
        delayed(completed(1), 0.01),
    ]
    task_id = server.add_task(answers)
    got = [client.get(f"/api/v2/tasks/{task_id}") for _ in answers]
    assert [g.status_code for g in got] == [200, 503, 200, 302, 200, 200, 200]
    assert got[0].json()["error"]["description"] == "no"
    assert got[1].headers["retry-after"] == "3"
    assert got[2].text.startswith("<html>")
    assert got[4].json() == {"status": "running", "new": 1}
    assert got[5].json()["status"] == "running"
    assert got[6].json()["result"] == 1
    assert all("x-ratelimit-remaining" in g.headers and "date" in g.headers for g in got)


def test_a_reset_is_a_reset(server: Any) -> None:
    task_id = server.add_task(reset())
    with (
        httpx.Client(base_url=server.url, **credentials(server)) as client,
        pytest.raises(httpx.ReadError) as caught,
    ):
        client.get(f"/api/v2/tasks/{task_id}")
    assert str(errno.ECONNRESET) in str(caught.value)


def test_a_client_that_leaves_is_noticed(server: Any) -> None:
    task_id = server.add_task(hang())
    with (
        httpx.Client(base_url=server.url, timeout=0.02, **credentials(server)) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.get(f"/api/v2/tasks/{task_id}")
    while server.in_flight:
        threading.Event().wait(0.001)
    assert server.requests[-1].cancelled


def test_stop_is_quick_and_leaves_nothing() -> None:
    with assert_nothing_left():
        server = TaskServer().start()
        assert server.start() is server
        errors = []

        def poll(answer: Any) -> None:
            path = f"/api/v2/tasks/{server.add_task(answer)}"
            try:
                httpx.get(server.url + path, **credentials(server))
            except httpx.RemoteProtocolError as error:
                errors.append(error)

        answers = (hang(), delayed("running", 60), drip("running", 60))
        threads = [threading.Thread(target=poll, args=(answer,)) for answer in answers]
        for thread in threads:
            thread.start()
        while server.in_flight < 3:
            threading.Event().wait(0.001)
        assert server.most_in_flight == 3
        server.stop()
        server.stop()
        for thread in threads:
            thread.join(1)
        assert len(errors) == 3
        assert all(r.cancelled for r in server.requests)
        with pytest.raises(RuntimeError, match="not running"):
            _ = server.url


def test_async_with_and_starting_again() -> None:
    async def main() -> None:
        async with assert_nothing_left():
            server = TaskServer("running")
            for _ in range(2):
                async with server, httpx.AsyncClient(**credentials(server)) as client:
                    answer = await client.get(f"{server.url}/api/v2/tasks/x")
                    assert answer.status_code == 404

    asyncio.run(main())


def test_a_taken_port_is_an_error_of_the_caller(server: Any) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
        TaskServer(port=port).start()


def test_the_rate_limit_is_enforced_by_endpoint_and_window() -> None:
    server = TaskServer(limit=2, window=10)
    task = f"/api/v2/tasks/{server.add_task('running')}"

    async def main() -> Any:
        async with in_process(server) as client:
            got = [await client.get(task) for _ in range(3)]
            other = await client.post("/api/v2/users/delete", json={"user_ids": ["u"]})
            await asyncio.sleep(10)
            return [*got, other, await client.get(task)]

    got = run_virtual(main())
    assert [g.status_code for g in got] == [200, 200, 429, 201, 200]
    assert [g.headers["x-ratelimit-remaining"] for g in got] == ["1", "0", "0", "1", "1"]
    assert got[2].json()["code"] == 9
    assert got[2].headers["retry-after"] == "10"


def test_a_429_may_come_without_retry_after() -> None:
    server = TaskServer(limit=1, retry_after=False)
    _, refused = asked(server, get("/x"), get("/x"))
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers


def test_a_whole_task_in_process_in_virtual_time() -> None:
    server = TaskServer(pending=30, running=60)

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        async with in_process(server) as client:
            started = await client.post("/api/v2/users/delete", json={"user_ids": ["u"]})
            seen = []
            while not seen or seen[-1] != "completed":
                task = (await client.get(f"/api/v2/tasks/{started.json()['task_id']}")).json()
                seen.append(task["status"])
                await asyncio.sleep(15)
            return seen

    assert run_virtual(main()) == ["pending"] * 2 + ["running"] * 4 + ["completed"]


def test_faults_in_process() -> None:
    server = TaskServer()
    broken, dripping, silent = (
        server.add_task(answer) for answer in (reset(), drip("running", 1), hang())
    )

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with in_process(server) as client:
            with pytest.raises(ConnectionResetError):
                await client.get(f"/api/v2/tasks/{broken}")
            assert (await client.get(f"/api/v2/tasks/{dripping}")).json()["status"] == "running"
            assert loop.time() > 100
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(5):
                    await client.get(f"/api/v2/tasks/{silent}")
            assert server.requests[-1].cancelled
            poll = asyncio.create_task(client.get(f"/api/v2/tasks/{silent}"))
            await asyncio.sleep(1)
            server.stop()
            with pytest.raises(ConnectionResetError):
                await poll

    run_virtual(main())
    assert server.in_flight == 0


def test_scripts_for_started_and_for_planted_tasks() -> None:
    started = TaskServer(Script.turns("waiting"))
    (answer,) = asked(started, ("POST", "/users/delete", {"json": {"user_ids": ["u"]}}))
    (task,) = asked(started, get(f"/tasks/{answer.json()['task_id']}"))
    assert task.json()["status"] == "waiting"
    planted = TaskServer({"a": "odd"}, pending=1)
    assert asked(planted, get("/tasks/a"))[0].json()["status"] == "odd"
    assert asked(planted, get(f"/tasks/{planted.add_task()}"))[0].json()["status"] == "pending"


@pytest.mark.parametrize(
    ("keywords", "error", "text"),
    [
        ({"script": 3}, TypeError, "script"),
        ({"api_secret": "short"}, ValueError, "api_secret"),
        ({"port": 70_000}, ValueError, "port"),
        ({"pending": -1}, ValueError, "pending"),
        ({"running": float("nan")}, ValueError, "running"),
        ({"limit": 0}, ValueError, "limit"),
        ({"window": 0}, ValueError, "window"),
    ],
)
def test_bad_arguments_are_named(keywords: Any, error: Any, text: Any) -> None:
    with pytest.raises(error, match=text):
        TaskServer(**keywords)


def test_a_task_id_is_planted_once() -> None:
    server = TaskServer()
    server.add_task("running", "a")
    with pytest.raises(ValueError, match="taken"):
        server.add_task("running", "a")


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command in this process, talk to its server, then end it with a signal."""

    def talk(talking: Any, *arguments: str, number: signal.Signals = signal.SIGTERM) -> int:
        class Waiting(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                assert timeout is None
                lines = capsys.readouterr().out.splitlines()
                exports = dict(line.removeprefix("export ").split("=", 1) for line in lines)
                for name, value in exports.items():
                    monkeypatch.setenv(name, value)
                with StreamClient() as client:
                    talking(client)
                signal.raise_signal(number)
                return super().wait(10)

        monkeypatch.setattr("rxstream.testing.__main__.Event", Waiting)
        return main(list(arguments))

    return talk


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_plants_tasks(talk: Any, number: signal.Signals) -> None:
    seen: list[Any] = []

    def talking(client: StreamClient) -> None:
        with pytest.raises(StreamTaskException, match="no such channel"):
            client.wait_for_task("broken", poll_interval=0.01)
        assert client.wait_for_task("late", poll_interval=0.01, retry=backoff.constant(0)) == {}
        with pytest.raises(StreamTaskException, match="planted on the command line"):
            client.wait_for_task("plain")
        for task_id, error_type in (("silent", "timeout"), ("cut", "connection_reset")):
            with pytest.raises(StreamTransportException) as caught:
                client.wait_for_task(task_id, timeout=0.3, retry=None)
            assert caught.value.error_type == error_type
        started = client.export_users(["u"])
        seen.append(client.get_task(str(started)).status)

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    planted = ["broken=running,failed:no such channel", "late=503, completed", "plain=failed"]
    planted += ["silent=hang", "cut=reset"]
    arguments = [argument for task in planted for argument in ("--task", task)]
    assert talk(talking, *arguments, "--started", "waiting", number=number) == 0
    assert seen == ["waiting"]
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_the_command_without_arguments_plants_nothing(talk: Any) -> None:
    seen: list[Any] = []
    assert talk(lambda client: seen.append(client.get_task(client.export_users(["u"])))) == 0
    assert seen[0].status == "pending"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--task", "failed"], "'failed' is not ID=ANSWER"),
        (["--task", "=failed"], "is not ID=ANSWER"),
        (["--task", "a="], "an answer is empty"),
        (["--task", "a=running,"], "an answer is empty"),
        (["--task", "a=200"], "must be an HTTP error"),
        (["--started", ""], "an answer is empty"),
    ],
)
def test_the_command_refuses_what_is_no_task(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--port", "70000"], "port must be 0 to 65535"),
        (["--task", "a=running", "--task", "a=failed"], "'a' is taken"),
    ],
)
def test_the_command_tells_what_it_cannot_serve(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    assert text in capsys.readouterr().err


def test_the_help_has_an_example_that_works(talk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    example = capsys.readouterr().out.partition("python -m rxstream.testing --task")[2]
    example = example.partition("\n\n")[0]
    seen: list[str] = []

    def talking(client: StreamClient) -> None:
        with pytest.raises(StreamTaskException, match="no such channel"):
            client.wait_for_task("export-1", poll_interval=0.01)
        client.wait_for_task("export-2", poll_interval=0.01, retry=backoff.constant(0))
        seen.append(client.get_task("export-3").status)

    assert talk(talking, *shlex.split("--task" + example.replace("\\\n", ""))) == 0
    assert seen == ["running"]


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(
            [sys.executable, "-m", "rxstream.testing"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            exports = dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
            url = exports["export STREAM_BASE_URL"]
            assert httpx.get(f"{url}/api/v2/tasks/x", timeout=10).status_code == 401
            process.send_signal(number)
            assert process.wait(5) == 0
            assert process.stderr.read() == ""


def test_the_command_tells_when_it_cannot_listen(server: Any) -> None:
    port = server.url.rpartition(":")[2]
    ended = subprocess.run(
        [sys.executable, "-m", "rxstream.testing", "--port", port],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "cannot listen" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_starlette_the_rest_of_the_kit_works() -> None:
    code = """
import sys

sys.modules["starlette"] = sys.modules["uvicorn"] = None
from rxstream.testing import FakeClient, Script
try:
    from rxstream.testing import TaskServer
except ImportError as error:
    print(error)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
        timeout=60,
    )
    assert "pip install 'rxstream[testing]'" in ended.stdout
