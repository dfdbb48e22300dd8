"""What the tasks of Stream's operations give: the payload of each that Stream describes.

The clients' operations return handles of these, so that type checkers know them. They describe what
Stream says; nothing checks a payload against them. Unknown fields come and go.
"""

from __future__ import annotations

from typing import NotRequired, TypeAlias, TypedDict

__all__ = [
    "ChannelBatch",
    "DeactivatedUser",
    "DeactivatedUsers",
    "Deleted",
    "Export",
    "FailedChannels",
    "ItemStatus",
]


class ItemStatus(TypedDict):
    """What became of one channel, user or call."""

    status: str
    """`ok`, or what went wrong."""


Deleted: TypeAlias = dict[str, ItemStatus]
"""Of `delete_channels` and `delete_call` by `type:id`, of `delete_users` by the user's id."""


class Export(TypedDict):
    """Of `export_channels` and `export_users`."""

    url: str
    """A signed link to the file; it is valid for some time only."""


class FailedChannels(TypedDict):
    """Channels of a batch update that failed for one reason."""

    reason: str
    """Why."""
    cids: list[str]
    """Which, as `type:id`."""


class ChannelBatch(TypedDict):
    """Of `channel_batch_update`; a completed task can hold channels that failed."""

    operation: str
    """What was done, for example `addMembers`."""
    status: str
    """How it ended."""
    success_channels_count: int
    """How many channels were updated."""
    failed_channels: NotRequired[list[FailedChannels]]
    """Those that were not."""


class DeactivatedUser(TypedDict):
    """A user that was deactivated; Stream sends more fields of it."""

    id: str
    """The user."""
    deactivated_at: NotRequired[str]
    """When, as RFC 3339."""


class DeactivatedUsers(TypedDict):
    """Of `deactivate_users`."""

    users: list[DeactivatedUser]
    """The users."""
