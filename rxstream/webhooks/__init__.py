"""Stream's webhooks: verified, read, and handed to the waits that they are about.

::

    from rxstream.webhooks import WebhookEvents

    events = WebhookEvents("your-api-secret")
    wait = task_observable(FakeAsyncClient("running"), "id", wake=events)

In the route that Stream calls, `events.receive(body, headers)` then makes the wait poll at once.

`rxstream.webhooks.starlette` has the route, for Starlette and FastAPI.
"""

from ._event import WebhookEvent
from ._events import WebhookEvents
from ._fault import InvalidWebhookException, WebhookFault
from ._verifier import MAX_AGE, MAX_BYTES, parse

__all__ = [
    "MAX_AGE",
    "MAX_BYTES",
    "InvalidWebhookException",
    "WebhookEvent",
    "WebhookEvents",
    "WebhookFault",
    "parse",
]
