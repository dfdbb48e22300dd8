"""What users call to wait: `task_observable`, `wait_for_task`, `wait_for_task_async`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reactivex import Observable, Observer, abc

from .._checks import is_async, optional
from .._merge.downstream import Downstream
from .._values import BaseTaskHandle, T
from .._wire.fields import task_id_of
from ..backoff import DEFAULT_RETRY
from .arguments import WaitArguments, start_or_dispose
from .log import log_wake_failed
from .payload import payload_of, payload_of_async
from .tasks import end_at_once, id_to_poll
from .told import tell_of_wait

if TYPE_CHECKING:
    from .._gate.gate import Gate
    from .._values import TaskSnapshot
    from ..backoff import Delays, Duration, PollInterval

__all__ = ["task_observable", "wait_for_task", "wait_for_task_async"]


def task_observable(
    client: Any,
    task: str | BaseTaskHandle[T],
    *,
    poll_interval: PollInterval = 1.0,
    timeout: Duration | None = 60.0,
    retry: Delays | None = DEFAULT_RETRY,
    gate: Gate | None = None,
    wake: Observable[Any] | None = None,
    scheduler: abc.SchedulerBase | None = None,
) -> Observable[TaskSnapshot[T]]:
    """Emit each polled status of a task, and end as the task does.

    ::

        completed   ─p──r──r──C|      pending, running, running, completed
        failed      ─p──r──F×         the snapshot, then StreamTaskException
        deadline    ─p──r──r──r×      TaskTimeoutException
        a bad poll  ─p─────r──C|      retried, with one warning in the log
        wake        ─p─w·r────C|      polled at once
        no task     C|                a handle with nothing to wait for

    Cold: each subscription polls for itself, first at once and then `poll_interval` after each
    answer. Disposing ends the wait at once.

    Args:
        client: Anything with `get_task(task_id)`, plain or async, that returns a `TaskSnapshot`, a
            mapping, or an object with `.data`: the clients of this package, and those of Stream's
            official SDKs.
        task: The handle that an operation returned, or the id of a task. A handle that could not be
            started ends the wait with its `error`.
        poll_interval: The pause after each answer: seconds, a timedelta, a schedule of
            `rxstream.backoff`, or its `by_answer`. A schedule that runs out keeps its last delay.
        timeout: The deadline of the whole wait, counted from subscribing: seconds or a timedelta.
            None: no deadline.
        retry: The pauses after polls that failed for a passing reason (transport errors, 408, 425,
            5xx); it starts afresh after each good answer. A 429 does not count: the gate waits for
            it. None: the first error ends the wait, a 429 too.
        gate: Limits and paces the polls in flight; None: `Gate.of(client)`.
        wake: Each item makes the wait poll now, but no sooner than a second after the last poll,
            and not during a back-off. An item with a `task_id` (a mapping or an object, as Stream's
            webhook events) does so only for that task. A forged or lost event does no harm, because
            only polls decide. The end of `wake` does none either, nor an error of it, which is a
            warning in the log.
        scheduler: The source of time. None: the scheduler given to `subscribe`, else the running
            loop for an async client, else one shared timer thread.

    Returns:
        The observable. It errors with `StreamTaskException` (status `failed` or `error`),
        `TaskTimeoutException` (the deadline), `StreamApiException` or `StreamTransportException` (a
        poll failed for good), or `InvalidResponseException` (the answer was not a task).

    Raises:
        TypeError: An argument is of the wrong type, or `client` has no `get_task`.
        ValueError: The id is empty, or a duration is NaN, infinite or negative.
    """
    arguments = WaitArguments(client, poll_interval, timeout, retry, gate)
    task_id = id_to_poll(task)
    failure = task.error if isinstance(task, BaseTaskHandle) else None
    optional(wake, Observable, "wake")
    optional(scheduler, abc.SchedulerBase, "scheduler")

    def subscribe(
        observer: abc.ObserverBase[TaskSnapshot[T]],
        subscribed_on: abc.SchedulerBase | None = None,
    ) -> abc.DisposableBase:
        clock = arguments.clock(scheduler if scheduler is not None else subscribed_on)
        if task_id is None:
            return end_at_once(failure, observer, clock)
        waits = arguments.waits(clock)
        if wake is None:
            wait = waits.prepare(task_id, observer)
            tell_of_wait(wait)
            wait.start()
            return wait
        downstream = Downstream(observer)
        wait = waits.prepare(
            task_id,
            Observer(downstream.on_next, downstream.on_error, downstream.on_completed),
        )
        tell_of_wait(wait)
        began = waits.clock.now()

        def on_event(event: object) -> None:
            if task_id_of(event) in (None, task_id):
                wait.poll_now()

        def on_error(error: Exception) -> None:
            log_wake_failed(wait, waits.clock.now() - began, error)

        events = wake.subscribe(on_event, on_error, scheduler=subscribed_on)
        # A consumer that raises ends the wait, and nothing else disposes of it.
        downstream.resources.add(events)
        return start_or_dispose(wait.start, wait, events)

    return arguments.observable(subscribe)


def wait_for_task(
    client: Any,
    task: str | BaseTaskHandle[T],
    *,
    poll_interval: PollInterval = 1.0,
    timeout: Duration | None = 60.0,
    retry: Delays | None = DEFAULT_RETRY,
) -> T:
    """Block until a task is done, and return its result payload.

    Args:
        client: A client with a plain `get_task(task_id)`.
        task: The handle that an operation returned, or the id of a task.
        poll_interval: As for `task_observable`.
        timeout: As for `task_observable`.
        retry: As for `task_observable`.

    Raises:
        StreamTaskException: The task failed.
        TaskTimeoutException: The deadline passed.
        StreamApiException: Stream refused a poll, or `retry` was used up.
        StreamTransportException: Stream could not be reached, and `retry` was used up.
        InvalidResponseException: What answered was no task.
        TypeError: As for `task_observable`, or the client is async.
        ValueError: As for `task_observable`.
    """
    if is_async(client):
        msg = "client is async: use `await wait_for_task_async(client, task)` instead"
        raise TypeError(msg)
    observable = task_observable(
        client, task, poll_interval=poll_interval, timeout=timeout, retry=retry
    )
    return payload_of(observable)


async def wait_for_task_async(
    client: Any,
    task: str | BaseTaskHandle[T],
    *,
    poll_interval: PollInterval = 1.0,
    timeout: Duration | None = 60.0,  # noqa: ASYNC109 -- the deadline is a promise of the wait itself
    retry: Delays | None = DEFAULT_RETRY,
) -> T:
    """Wait until a task is done, and return its result payload.

    Cancelling the awaiting coroutine ends the wait at once.

    Args:
        client: A client with a `get_task(task_id)`, async or plain; a plain one is called on a
            worker thread.
        task: The handle that an operation returned, or the id of a task.
        poll_interval: As for `task_observable`.
        timeout: As for `task_observable`.
        retry: As for `task_observable`.

    Raises:
        StreamTaskException: The task failed.
        TaskTimeoutException: The deadline passed.
        StreamApiException: Stream refused a poll, or `retry` was used up.
        StreamTransportException: Stream could not be reached, and `retry` was used up.
        InvalidResponseException: What answered was no task.
        TypeError: As for `task_observable`.
        ValueError: As for `task_observable`.
    """
    observable = task_observable(
        client, task, poll_interval=poll_interval, timeout=timeout, retry=retry
    )
    return await payload_of_async(observable)
