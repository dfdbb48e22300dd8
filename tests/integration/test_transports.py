"""The sync client and both transports of the async one: the same requests, faults and ends."""

from __future__ import annotations

import asyncio
import base64
import gzip
import socket
import ssl
import subprocess
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

from rxstream import AsyncStreamClient, StreamClient, wait_for_task, wait_for_task_async
from rxstream._wire.messages import task_request
from rxstream.errors import InvalidResponseException, StreamTransportException
from rxstream.testing import TaskServer, assert_nothing_left, delayed, hang, status
from tests.sockets import DONE, BareServer, head_of, http_answer
from tests.wire import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIANTS = ("sync", "httpx", "aiohttp")
ASYNC = ("httpx", "aiohttp")
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n%s\r\n{}"
CUT_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n9\r\nab"
NOWHERE = "http://stream.example"

every_variant = pytest.mark.parametrize("variant", VARIANTS)
both_async = pytest.mark.parametrize("transport", ASYNC)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "stream.example").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def calls(variant: str, url: str, *operations: Callable[[Any], Any], **keywords: Any) -> list[Any]:
    """Call operations of one client, one after the other."""
    keywords = {"base_url": url, "allow_http": True, **keywords}
    with assert_nothing_left():
        if variant == "sync":
            with StreamClient("key", SECRET, **keywords) as client:
                return [operation(client) for operation in operations]

        async def main() -> list[Any]:
            keywords["transport"] = variant
            async with AsyncStreamClient("key", SECRET, **keywords) as client:
                return [await operation(client) for operation in operations]

        return asyncio.run(main())


def poll(client: Any) -> Any:
    return client.get_task("t1")


def start(client: Any) -> Any:
    return client.channel_batch_update("addMembers", {"cid": "m:c"})


def error_of(variant: str, url: str, **keywords: Any) -> StreamTransportException:
    with pytest.raises(StreamTransportException) as caught:
        calls(variant, url, poll, **keywords)
    return caught.value


@every_variant
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "connection_reset"),
        (CUT % b"Connection: close\r\n", "connection_reset"),
        (CUT_CHUNK, "connection_reset"),
        (b"hello there\r\nConnection: close\r\n\r\n", "connection_reset"),
        (CUT % b"", "timeout"),
        (http_answer(b"zipped?", b"Content-Encoding: gzip"), "unknown"),
    ],
    ids=["reset", "cut", "cut chunk", "no HTTP", "stalled", "not zipped"],
)
def test_a_fault_has_the_same_name_everywhere(variant: str, answer: bytes, kind: str) -> None:
    with BareServer(answer) as server:
        error = error_of(variant, server.url, timeout=0.2)
        assert error.error_type == kind
        assert len(server.requests) == 1
    token = head_of(server.requests[0])["authorization"]
    lines = "".join(traceback.format_exception(error))
    beneath: BaseException | None = error
    while beneath is not None:
        lines += repr(beneath) + repr(vars(beneath))
        beneath = beneath.__cause__ or beneath.__context__
    assert token not in lines


@every_variant
def test_a_refused_connection_has_the_same_name_everywhere(variant: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        error = error_of(variant, f"http://{address}")
    assert error.error_type == "connection_reset"
    assert address in str(error)


@every_variant
def test_an_unknown_name_has_the_same_name_everywhere(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    error = error_of(variant, NOWHERE)
    assert error.error_type == "dns_failure"
    assert NOWHERE.removeprefix("http://") in str(error)


@every_variant
def test_a_bad_certificate_has_the_same_name_everywhere(variant: str, tls: ssl.SSLContext) -> None:
    with BareServer(http_answer(), tls=tls) as server:
        error = error_of(variant, f"https://localhost:{server.port}")
    assert error.error_type == "tls_handshake_failed"


@every_variant
@pytest.mark.usefixtures("trusted")
def test_the_certificates_of_the_environment_are_trusted(variant: str, tls: ssl.SSLContext) -> None:
    with BareServer(http_answer(), tls=tls) as server:
        (first, second) = calls(variant, f"https://localhost:{server.port}", poll, poll)
    assert first.is_completed
    assert second.is_completed
    assert server.connections == 1


@every_variant
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(
    variant: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BareServer(http_answer()) as proxy:
        monkeypatch.setenv(name, proxy.url)
        (first, second) = calls(variant, NOWHERE, poll, poll)
    assert first.is_completed
    assert second.is_completed
    assert proxy.connections == 1
    for request in proxy.requests:
        assert request.startswith(b"GET http://stream.example/api/v2/tasks/t1?api_key=key HTTP/1.1")
        assert head_of(request)["host"] == "stream.example"


@every_variant
@pytest.mark.parametrize(
    "exception", ["stream.example", "*", "127.0.0.1, .stream.example", "a.b,example", "a.b, *"]
)
def test_no_proxy_is_used_for_an_exception_of_the_environment(
    variant: str, exception: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with BareServer(http_answer()) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", exception)
        monkeypatch.setattr(socket, "getaddrinfo", nobody)
        assert error_of(variant, NOWHERE).error_type == "dns_failure"
    assert not proxy.connections


@every_variant
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_loopback_address_never_goes_through_a_proxy(
    variant: str, name: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BareServer(http_answer()) as proxy, BareServer(http_answer()) as server:
        monkeypatch.setenv(name, proxy.url)
        (snapshot,) = calls(variant, f"http://{host}:{server.port}", poll)
    assert snapshot.is_completed
    assert not proxy.connections


@every_variant
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.usefixtures("trusted")
def test_a_proxy_opens_a_tunnel_and_does_not_see_the_token(
    variant: str, name: str, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BareServer(http_answer(), tls=tls, tunnel=b"HTTP/1.1 200 OK\r\n\r\n") as proxy:
        monkeypatch.setenv(name, proxy.url)
        (first, second) = calls(variant, "https://stream.example", poll, poll)
    assert first.is_completed
    assert second.is_completed
    assert proxy.connections == 1
    connect, *polls = proxy.requests
    assert connect.startswith(b"CONNECT stream.example:443 HTTP/1.1")
    assert "authorization" not in head_of(connect)
    assert len(polls) == 2


@every_variant
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.usefixtures("trusted")
def test_a_proxy_is_told_its_password(
    variant: str, scheme: str, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"Basic {base64.b64encode(b'us@er:p:w').decode()}"
    secure = {"tls": tls, "tunnel": b"HTTP/1.1 200 OK\r\n\r\n"} if scheme == "https" else {}
    with BareServer(http_answer(), **secure) as proxy:  # type: ignore[arg-type] -- two kinds of values
        monkeypatch.setenv("ALL_PROXY", f"http://us%40er:p%3Aw@127.0.0.1:{proxy.port}")
        (snapshot,) = calls(variant, f"{scheme}://stream.example", poll)
    assert snapshot.is_completed
    assert head_of(proxy.requests[0])["proxy-authorization"] == said
    if scheme == "https":
        assert "proxy-authorization" not in head_of(proxy.requests[1])


@every_variant
def test_a_proxy_that_refuses_has_the_same_name_everywhere(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with BareServer(tunnel=refusal) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://user:hidden@127.0.0.1:{proxy.port}")
        error = error_of(variant, "https://stream.example")
    assert error.error_type == "unknown"
    assert "407 Proxy Authentication Required" in str(error)
    assert base64.b64encode(b"user:hidden").decode() not in repr(error.__cause__)
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    assert error_of(variant, "https://stream.example").error_type == "connection_reset"


def test_a_socks_proxy_is_refused_where_it_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(RuntimeError, match=r"^transport='aiohttp' cannot use the SOCKS proxy"):
        calls("aiohttp", NOWHERE, poll)


@every_variant
def test_what_is_sent_is_the_same_everywhere(
    variant: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password replaced\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with BareServer(http_answer(DONE, b"Set-Cookie: a=b; Path=/")) as server:
        client = StreamClient("key", SECRET)
        calls(variant, server.url, poll, start, poll)
    first, started, last = map(head_of, server.requests)
    assert first["host"] == f"127.0.0.1:{server.port}"
    assert first["authorization"] == client._settings.token
    assert first["stream-auth-type"] == "jwt"
    assert first["accept"] == "application/json"
    assert first["accept-encoding"] == "gzip"
    assert {"x-stream-client", "x-client-request-id"} < set(first)
    assert first["x-client-request-id"] != last["x-client-request-id"]
    assert not {"cookie", "transfer-encoding", "content-length", "content-type"} & set(last)
    assert set(first) == set(last)
    assert started["content-type"] == "application/json"
    assert started["authorization"] == client._settings.token
    assert int(started["content-length"]) > 10
    assert "cookie" not in started
    assert server.requests[0].startswith(b"GET /api/v2/tasks/t1?api_key=key HTTP/1.1\r\n")
    assert server.connections == 1


@every_variant
@pytest.mark.parametrize("base", ["", "/some/b%C3%A4se", "/some/bäse/"])
@pytest.mark.parametrize("task_id", ["../a b/?c=d#e%2F", "ümlaut", ".", "a+b&c"])
def test_an_odd_id_goes_to_the_same_address_everywhere(
    variant: str, base: str, task_id: str
) -> None:
    with BareServer(http_answer(b'{"status": "running"}')) as server:
        calls(variant, server.url + base, lambda client: client.get_task(task_id))
    found = server.requests[0].split()[1].decode()
    client = StreamClient("key", SECRET, base_url=server.url + base)
    said = client._outgoing.arguments(task_request(task_id))["url"]
    assert found == httpx.URL(said).raw_path.decode()


@every_variant
def test_a_zipped_answer_is_read(variant: str) -> None:
    with BareServer(http_answer(gzip.compress(DONE), b"Content-Encoding: gzip")) as server:
        (snapshot,) = calls(variant, server.url, poll)
    assert snapshot.result == 1


@every_variant
def test_a_redirect_is_not_followed(variant: str) -> None:
    with (
        BareServer(http_answer()) as other,
        BareServer(
            http_answer(b"", b"Location: " + other.url.encode(), status=b"307 Go")
        ) as server,
        pytest.raises(InvalidResponseException, match="redirect"),
    ):
        calls(variant, server.url, poll)
    assert not other.connections


@every_variant
def test_a_request_that_starts_a_task_is_never_sent_again(variant: str) -> None:
    with BareServer() as server, pytest.raises(StreamTransportException):
        calls(variant, server.url, start)
    assert [request.split()[0] for request in server.requests] == [b"PUT"]


@both_async
def test_no_more_requests_are_in_flight_than_allowed(transport: Any, server: TaskServer) -> None:
    task = server.add_task(delayed(status("running"), 0.02))

    async def main() -> None:
        async with (
            assert_nothing_left(),
            AsyncStreamClient(
                server.api_key,
                server.api_secret,
                base_url=server.url,
                max_connections=3,
                transport=transport,
            ) as client,
        ):
            polls = [asyncio.create_task(client.get_task(task)) for _ in range(12)]
            most = 0
            while not all(one.done() for one in polls):
                most = max(most, server.in_flight)
                await asyncio.sleep(0.002)
            assert 1 <= most <= 3
            assert {one.result().status for one in polls} == {"running"}

    asyncio.run(main())


@both_async
@pytest.mark.parametrize("where", ["answer", "handshake"])
def test_closing_ends_requests_in_flight(transport: Any, where: str, server: TaskServer) -> None:
    accepted: list[socket.socket] = []

    async def main(url: str, task: str) -> None:
        client = AsyncStreamClient(
            server.api_key,
            server.api_secret,
            base_url=url,
            max_connections=2,
            transport=transport,
        )
        polls = [asyncio.create_task(client.get_task(task)) for _ in range(3)]
        async with asyncio.timeout(5):
            while under_way() < 2:  # noqa: ASYNC110 -- it tells nobody
                await asyncio.sleep(0.005)
            await asyncio.gather(client.aclose(), client.aclose())
            one, two, queued = await asyncio.gather(*polls, return_exceptions=True)
        for connection in accepted:
            connection.close()
        for error in (one, two):
            assert isinstance(error, StreamTransportException)
            assert error.error_type == "connection_reset"
        assert isinstance(queued, RuntimeError)
        with pytest.raises(RuntimeError, match="closed"):
            await client.get_task(task)

    if where == "answer":

        def under_way() -> int:
            return server.in_flight

        with assert_nothing_left():
            asyncio.run(main(server.url, server.add_task(hang())))
        return
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0)

        def under_way() -> int:
            with suppress(BlockingIOError):
                accepted.append(silent.accept()[0])
            return len(accepted)

        with assert_nothing_left():
            asyncio.run(main(f"https://localhost:{silent.getsockname()[1]}", "t1"))


@both_async
def test_cancelling_a_request_leaves_the_others_alone(transport: Any, server: TaskServer) -> None:
    hanging, task = server.add_task(hang()), server.add_task("running")

    async def main() -> None:
        async with (
            assert_nothing_left(),
            AsyncStreamClient(
                server.api_key,
                server.api_secret,
                base_url=server.url,
                max_connections=1,
                transport=transport,
            ) as client,
        ):
            assert client.cancel_safe
            first = asyncio.create_task(client.get_task(hanging))
            second = asyncio.create_task(client.get_task(task))
            while server.in_flight == 0:  # noqa: ASYNC110 -- it tells nobody
                await asyncio.sleep(0.005)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await second).status == "running"

    asyncio.run(main())


def test_a_client_that_was_never_closed_warns(server: TaskServer) -> None:
    task = server.add_task("running")

    async def leave_open() -> Any:
        client = AsyncStreamClient(
            server.api_key, server.api_secret, base_url=server.url, transport="aiohttp"
        )
        await client.get_task(task)
        connections = client._connections
        with pytest.warns(ResourceWarning, match="unclosed AsyncStreamClient"):
            del client
        await connections.aclose()

    asyncio.run(leave_open())


@pytest.mark.parametrize("transport", ["requests", "", None, 3, ["httpx"]])
def test_a_bad_transport_is_refused_by_name(transport: Any) -> None:
    with pytest.raises(ValueError, match=r"^transport must be 'httpx' or 'aiohttp', not "):
        AsyncStreamClient("key", SECRET, transport=transport)


def test_a_transport_and_an_http_client_exclude_each_other() -> None:
    http = httpx.AsyncClient()
    with pytest.raises(ValueError, match=r"^transport and http_client exclude each other"):
        AsyncStreamClient("key", SECRET, http_client=http, transport="aiohttp")
    AsyncStreamClient("key", SECRET, http_client=http, transport="httpx")


@pytest.mark.parametrize("missing", ["httpx_aiohttp", "aiohttp"])
def test_without_the_extra_the_error_says_what_to_install(missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "import rxstream\n"
        "rxstream.AsyncStreamClient('key', token='token')\n"
        "try:\n    rxstream.AsyncStreamClient('key', token='token', transport='aiohttp')\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True
    )
    assert "pip install 'rxstream[aiohttp]'" in done.stdout


def test_aiohttp_is_imported_only_where_it_is_asked_for() -> None:
    code = (
        "import rxstream, sys\n"
        "rxstream.AsyncStreamClient('key', token='token')\n"
        "assert not {'aiohttp', 'httpx_aiohttp'} & set(sys.modules)\n"
        "rxstream.AsyncStreamClient('key', token='token', transport='aiohttp')\n"
        "assert {'aiohttp', 'httpx_aiohttp'} <= set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("transport", ["sync", "httpx", "aiohttp"])
def test_a_refused_connection_is_told_in_a_few_lines(transport: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"

    async def poll_async() -> None:
        async with AsyncStreamClient("key", SECRET, base_url=url, transport=transport) as client:
            await wait_for_task_async(client, "t", retry=None)

    def poll() -> None:
        if transport == "sync":
            with StreamClient("key", SECRET, base_url=url) as client:
                wait_for_task(client, "t", retry=None)
        else:
            asyncio.run(poll_async())

    with pytest.raises(StreamTransportException) as caught:
        poll()
    lines = traceback.format_exception(caught.value)
    text = "".join(lines)
    assert text.count("Traceback") == 1
    assert len(text.splitlines()) <= 40
    assert "ConnectionRefusedError: [Errno" in text
