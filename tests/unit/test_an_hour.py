"""An hour of waiting, with failures, retries and a deadline, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from rxstream import backoff, task_observable
from rxstream import operators as rxs
from rxstream.errors import StreamTaskException, TaskTimeoutException
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    failed,
    http_error,
    reset,
    run_virtual,
)

HOUR = 3_600.0
SCRIPT = Script.timeline(
    {
        0: "pending",
        60: "running",
        600: http_error(502, body=b"<html>"),
        660: "running",
        1_200: reset(),
        1_260: "running",
        1_800: http_error(429, retry_after=90),
        1_900: "running",
        2_400: failed("lost a worker"),
        2_500: "running",
        3_500: completed({"rows": 7}),
    }
)


def pipeline(client: Any, timeout: float) -> Any:
    return task_observable(
        client,
        "export",
        poll_interval=backoff.exponential(1.0, 1.2, maximum=30.0),
        timeout=timeout,
        retry=backoff.exponential(1.0, maximum=30.0),
    ).pipe(
        rxs.retry_with(backoff.constant(20.0), on=StreamTaskException),
        rxs.log_to(),
        rxs.distinct_status(),
    )


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_on_a_scheduler(fake: Any) -> None:
    time = VirtualTime()
    seen = time.record(pipeline(fake(SCRIPT, scheduler=time), 2 * HOUR))
    statuses = [emission.value.status for emission in seen if emission.kind == "next"]
    assert statuses == ["pending", "running", "failed", "running", "completed"]
    assert seen[-1].kind == "completed"
    assert 3_500 <= seen[-1].at <= 3_530


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_past_the_deadline(fake: Any) -> None:
    time = VirtualTime()
    client = fake("running", scheduler=time)
    seen = time.record(pipeline(client, HOUR))
    assert seen[-1].at == HOUR
    assert isinstance(seen[-1].value, TaskTimeoutException)


def test_awaited() -> None:
    async def main() -> Any:
        return await pipeline(FakeAsyncClient(SCRIPT), 2 * HOUR)

    assert run_virtual(main()).result == {"rows": 7}
