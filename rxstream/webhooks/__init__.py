"""Stream's webhooks: verified, read, and handed to the waits that they are about.

::

    events = WebhookEvents(api_secret)
    events.receive(body, headers)                      # in the route that Stream calls
    task_observable(client, task_id, wake=events)      # polls at once

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
