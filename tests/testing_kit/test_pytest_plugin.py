"""The pytest plugin: its fixtures, and that pytest finds them where the package is installed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from rxstream import AsyncStreamClient, StreamClient, task_observable, wait_for_task
from rxstream.testing import Script, VirtualTime, completed, pytest_plugin, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

    from rxstream.testing import FakeAsyncClient, FakeClient, TaskServer

HOUR = Script.timeline({0: "running", 3600: completed(42)})


# -- the fixtures ----------------------------------------------------------------------------------


def test_the_server_runs_and_is_quick(task_server: TaskServer) -> None:
    with StreamClient(
        task_server.api_key, task_server.api_secret, base_url=task_server.url
    ) as client:
        task_id = client.export_users(["jane"])
        assert task_id is not None
        assert wait_for_task(client, task_id, poll_interval=0.01)
    assert task_server.polls(task_id) > 1


def test_clients_without_arguments_talk_to_the_server(
    nothing_left: None, stream_env: TaskServer, task_server: TaskServer
) -> None:
    assert stream_env is task_server
    task_id = stream_env.add_task(["running", completed(7)])
    with StreamClient() as client:
        assert client.wait_for_task(task_id, poll_interval=0.01) == 7

    async def main() -> Any:
        async with AsyncStreamClient() as client:
            return await client.wait_for_task(task_id)

    assert asyncio.run(main()) == 7


def test_a_fake_client_lives_in_the_virtual_time_of_the_test(
    virtual_time: VirtualTime, fake_client: Callable[..., FakeClient]
) -> None:
    client = fake_client(HOUR)
    seen = virtual_time.record(task_observable(client, "x", poll_interval=60, timeout=7200))
    assert seen[-1].at == 3600
    assert client.polls("x") == 61


def test_a_fake_client_may_live_in_another_time(fake_client: Callable[..., FakeClient]) -> None:
    client = fake_client(["running", completed(1)], scheduler=None, rate_limit=100)
    assert wait_for_task(client, "x", poll_interval=0.001) == 1
    time = VirtualTime()
    seen = time.record(task_observable(fake_client(HOUR, scheduler=time), "x", timeout=7200))
    assert seen[-1].at == 3600


def test_a_fake_async_client_lives_in_the_time_of_its_loop(
    fake_async_client: Callable[..., FakeAsyncClient],
) -> None:
    async def main() -> float:
        await task_observable(fake_async_client(HOUR), "x", poll_interval=60, timeout=7200)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 3600


def test_a_fake_async_client_can_be_put_under_virtual_time(
    virtual_time: VirtualTime, fake_async_client: Callable[..., FakeAsyncClient]
) -> None:
    client = fake_async_client(HOUR, scheduler=virtual_time)
    seen = virtual_time.record(task_observable(client, "x", poll_interval=60, timeout=7200))
    assert seen[-1].at == 3600


# -- in a project that has it installed ------------------------------------------------------------


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", *arguments)


def test_pytest_finds_every_fixture_by_itself(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from rxstream import StreamClient, task_observable
        from rxstream.testing import completed


        def test_over_a_socket(nothing_left, stream_env):
            task_id = stream_env.add_task(["running", completed(7)])
            with StreamClient() as client:
                assert client.wait_for_task(task_id, poll_interval=0.01) == 7


        def test_in_virtual_time(virtual_time, fake_client, fake_async_client):
            for client in (
                fake_client(["running", completed(7)]),
                fake_async_client(["running", completed(7)], scheduler=virtual_time),
            ):
                seen = virtual_time.record(task_observable(client, "x"))
                assert [emission.kind for emission in seen] == ["next", "next", "completed"]
        """
    )
    run(project).assert_outcomes(passed=2)


def test_what_a_test_leaves_behind_is_an_error(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import socket

        KEPT = []


        def test_that_leaves_a_socket(nothing_left):
            KEPT.append(socket.socket())


        def test_that_was_not_asked():
            KEPT.append(socket.socket())
        """
    )
    result = run(project, "-W", "ignore::ResourceWarning")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*AssertionError: left behind: socket *"])


def test_without_the_extra_the_server_is_skipped_with_a_reason(project: pytest.Pytester) -> None:
    project.makepyfile(without="import sys\n\nsys.modules['uvicorn'] = None")
    project.makepyfile(
        """
        def test_that_needs_it(stream_env):
            raise AssertionError


        def test_that_does_not(fake_client):
            assert fake_client("running")
        """
    )
    result = run(project, "-p", "without", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["*TaskServer needs starlette and uvicorn: pip install 'rxstream?testing?'"]
    )


def test_the_fixtures_are_documented(project: pytest.Pytester) -> None:
    lines = run(project, "--fixtures").stdout.str()
    for name in pytest_plugin.__all__:
        _, found, after = lines.partition(f"\n{name} -- ")
        assert found, name
        assert "no docstring available" not in after.splitlines()[1], name


def test_it_can_be_switched_off(project: pytest.Pytester) -> None:
    project.makepyfile("def test_that_needs_it(virtual_time): ...")
    result = run(project, "-p", "no:rxstream")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'virtual_time' not found*"])
