"""The operations on channels and users that start a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from .._batch import Batch
from .._checks import text
from .._wire.messages import Request
from ._limits import CHANNELS, EXPORTED_CHANNELS, EXPORTED_USERS, MEMBERS, USERS
from ._requests import Start, body, listed, operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from .. import results

__all__ = ["ChatOperations"]


class ChatOperations:
    """Each method starts a task, and returns a handle for it.

    A bad argument raises `ValueError` or `TypeError` before anything is sent. A request that fails
    raises `StreamApiException` or `StreamTransportException`.
    """

    @operation(CHANNELS)
    def delete_channels(
        self,
        cids: Iterable[str],
        *,
        hard_delete: bool | None = None,
        skip_truncate: bool | None = None,
    ) -> Start[results.Deleted]:
        """Delete channels. The result is `{"<type:id>": {"status": "ok"}}`.

        Args:
            cids: The channels as `type:id`, at most 100.
            hard_delete: Delete them for good, messages included, instead of hiding them.
            skip_truncate: Do not truncate the channels first.
        """
        channels = listed(cids, CHANNELS)
        fields = body(cids=channels, hard_delete=hard_delete, skip_truncate=skip_truncate)
        request = Request("POST", "/api/v2/chat/channels/delete", body=fields)
        return Start(request, tuple(channels))

    @operation(EXPORTED_CHANNELS)
    def export_channels(
        self,
        channels: Iterable[str | Mapping[str, Any]],
        *,
        clear_deleted_message_text: bool | None = None,
        export_users: bool | None = None,
        format: Literal["json", "csv"] | None = None,  # noqa: A002 -- the name in Stream's API
        include_soft_deleted_channels: bool | None = None,
        include_truncated_messages: bool | None = None,
        version: str | None = None,
        include_fields: Iterable[str] | None = None,
    ) -> Start[results.Export]:
        """Export channels with their messages. The result is `{"url": "<signed link>"}`.

        Args:
            channels: At most 100 (Stream's documentation says 25): each `type:id`, or a mapping
                with `cid` (or `type` and `id`) and optionally `messages_since` and
                `messages_until` (datetimes with a zone).
            clear_deleted_message_text: Leave out the text of deleted messages.
            export_users: Export the users too.
            format: `json`, or `csv` (needs `version="v2"`, excludes `export_users`).
            include_soft_deleted_channels: Export channels that were deleted softly too.
            include_truncated_messages: Export truncated messages too.
            version: The version of the export's format, for example `v2`.
            include_fields: The columns of a `csv` export.
        """
        chosen = listed(channels, EXPORTED_CHANNELS)
        fields = body(
            channels=[
                {"cid": channel} if isinstance(channel, str) else channel for channel in chosen
            ],
            clear_deleted_message_text=clear_deleted_message_text,
            export_users=export_users,
            format=format,
            include_soft_deleted_channels=include_soft_deleted_channels,
            include_truncated_messages=include_truncated_messages,
            version=version,
            include_fields=None
            if include_fields is None
            else listed(include_fields, Batch("include_fields")),
        )
        request = Request("POST", "/api/v2/chat/export_channels", body=fields)
        return Start(request, tuple(chosen))

    @operation(MEMBERS)
    def channel_batch_update(
        self,
        operation: str,
        filter: Mapping[str, Any],  # noqa: A002 -- the name in Stream's API
        *,
        members: Iterable[Mapping[str, Any]] | None = None,
        data: Mapping[str, Any] | None = None,
        custom_set: Mapping[str, Any] | None = None,
        custom_unset: Iterable[str] | None = None,
        hide_history_before: datetime | None = None,
    ) -> Start[results.ChannelBatch]:
        """Update every channel that a filter matches.

        The result is `{operation, status, success_channels_count, failed_channels}`: a completed
        task can hold channels that failed.

        Args:
            operation: What to do, for example `addMembers` or `updateData`.
            filter: Which channels.
            members: The members to add or remove, each with `user_id`, at most 100.
            data: The fields to change (`updateData`).
            custom_set: Custom fields to merge (`updateData`); not together with `data["custom"]`.
            custom_unset: Custom fields to delete (`updateData`).
            hide_history_before: Hide messages older than this (`addMembersHideHistory` only); a
                datetime with a zone.
        """
        chosen = None if members is None else listed(members, MEMBERS)
        fields = body(
            operation=text(operation, "operation"),
            filter=filter,
            members=chosen,
            data=data,
            custom_set=custom_set,
            custom_unset=None
            if custom_unset is None
            else listed(custom_unset, Batch("custom_unset")),
            hide_history_before=hide_history_before,
        )
        request = Request("PUT", "/api/v2/chat/channels/batch", body=fields)
        return Start(request, tuple(chosen or ()))

    @operation(USERS)
    def delete_users(
        self,
        user_ids: Iterable[str],
        *,
        user: Literal["soft", "pruning", "hard"] | None = None,
        messages: Literal["soft", "pruning", "hard"] | None = None,
        conversations: Literal["soft", "hard"] | None = None,
        calls: Literal["soft", "hard"] | None = None,
        files: bool | None = None,
        new_channel_owner_id: str | None = None,
        new_call_owner_id: str | None = None,
    ) -> Start[results.Deleted]:
        """Delete users. The result is `{"<user_id>": {"status": "ok"}}`.

        Args:
            user_ids: The users, at most 100.
            user: What to do with the users: `soft` keeps their data, `pruning` empties it, `hard`
                deletes it (and needs `hard` for messages and conversations).
            messages: What to do with their messages; None keeps them.
            conversations: What to do with their two-member channels; None keeps them.
            calls: What to do with their two-member calls; None keeps them.
            files: Delete the files that they uploaded.
            new_channel_owner_id: Who owns their channels afterwards.
            new_call_owner_id: Who owns their calls afterwards.
        """
        users = listed(user_ids, USERS)
        fields = body(
            user_ids=users,
            user=user,
            messages=messages,
            conversations=conversations,
            calls=calls,
            files=files,
            new_channel_owner_id=new_channel_owner_id,
            new_call_owner_id=new_call_owner_id,
        )
        return Start(Request("POST", "/api/v2/users/delete", body=fields), tuple(users))

    @operation(USERS)
    def deactivate_users(
        self,
        user_ids: Iterable[str],
        *,
        created_by_id: str | None = None,
        mark_channels_deleted: bool | None = None,
        mark_messages_deleted: bool | None = None,
    ) -> Start[results.DeactivatedUsers]:
        """Deactivate users. The result is `{"users": [...]}`.

        Args:
            user_ids: The users, at most 100.
            created_by_id: Who does it.
            mark_channels_deleted: Make their channels appear deleted.
            mark_messages_deleted: Make their messages appear deleted.
        """
        users = listed(user_ids, USERS)
        fields = body(
            user_ids=users,
            created_by_id=created_by_id,
            mark_channels_deleted=mark_channels_deleted,
            mark_messages_deleted=mark_messages_deleted,
        )
        return Start(Request("POST", "/api/v2/users/deactivate", body=fields), tuple(users))

    @operation(USERS)
    def reactivate_users(
        self,
        user_ids: Iterable[str],
        *,
        created_by_id: str | None = None,
        restore_channels: bool | None = None,
        restore_messages: bool | None = None,
    ) -> Start[Any]:
        """Reactivate users.

        Args:
            user_ids: The users, at most 100.
            created_by_id: Who does it.
            restore_channels: Restore channels that were marked deleted.
            restore_messages: Restore messages that were marked deleted.
        """
        users = listed(user_ids, USERS)
        fields = body(
            user_ids=users,
            created_by_id=created_by_id,
            restore_channels=restore_channels,
            restore_messages=restore_messages,
        )
        return Start(Request("POST", "/api/v2/users/reactivate", body=fields), tuple(users))

    @operation(EXPORTED_USERS)
    def export_users(self, user_ids: Iterable[str]) -> Start[results.Export]:
        """Export all data of users. The result is `{"url": "<signed link>"}`.

        Args:
            user_ids: The users, at most 25.
        """
        users = listed(user_ids, EXPORTED_USERS)
        request = Request("POST", "/api/v2/export/users", body=body(user_ids=users))
        return Start(request, tuple(users))
