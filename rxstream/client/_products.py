"""The operations of moderation, video and feeds that start a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._checks import text, whole
from .._wire.messages import Request
from ._limits import FEEDS, WORDS
from ._requests import Start, body, listed, operation, path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from .. import results

__all__ = ["ProductOperations"]


class ProductOperations:
    """Each method starts a task, and returns a handle for it.

    A bad argument raises `ValueError` or `TypeError` before anything is sent. A request that fails
    raises `StreamApiException` or `StreamTransportException`.
    """

    @operation(WORDS)
    def import_block_list(
        self,
        id: str,  # noqa: A002 -- the name in Stream's API
        items: Iterable[str],
        *,
        chunk_size: int | None = None,
    ) -> Start[Any]:
        """Import words into a block list.

        Args:
            id: The block list.
            items: The words.
            chunk_size: How many words the server takes at a time, 1 or more.
        """
        words = listed(items, WORDS)
        size = None if chunk_size is None else whole(chunk_size, "chunk_size")
        where = path("/api/v2/blocklists/{id}/import", id=id)
        fields = body(items=words, chunk_size=size)
        return Start(Request("POST", where, body=fields), tuple(words))

    @operation()
    def bulk_image_moderation(self, csv_file: str) -> Start[Any]:
        """Moderate many images.

        Args:
            csv_file: The URL of a CSV file with the URLs of the images.
        """
        fields = body(csv_file=text(csv_file, "csv_file"))
        request = Request("POST", "/api/v2/moderation/bulk_image_moderation", body=fields)
        return Start(request, (csv_file,))

    @operation()
    def check_moderation(
        self,
        entity_type: str,
        entity_id: str,
        entity_creator_id: str,
        *,
        config_key: str | None = None,
        config_team: str | None = None,
        content_published_at: datetime | None = None,
        test_mode: bool | None = None,
        user_id: str | None = None,
        config: Mapping[str, Any] | None = None,
        moderation_payload: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        user: Mapping[str, Any] | None = None,
    ) -> Start[Any]:
        """Check content against a moderation policy; it starts a task only where it takes time.

        What Stream found out at once is in the handle's `answer`.

        Args:
            entity_type: The kind of content.
            entity_id: The content.
            entity_creator_id: Who made it.
            config_key: The policy.
            config_team: The policy's team.
            content_published_at: When it was published; a datetime with a zone.
            test_mode: Only try: no review item is made.
            user_id: Who asks.
            config: A policy of its own, instead of `config_key`.
            moderation_payload: The content: `texts`, `images`, `videos`, `custom`.
            options: More options.
            user: Who asks, as an object.
        """
        fields = body(
            entity_type=text(entity_type, "entity_type"),
            entity_id=text(entity_id, "entity_id"),
            entity_creator_id=text(entity_creator_id, "entity_creator_id"),
            config_key=config_key,
            config_team=config_team,
            content_published_at=content_published_at,
            test_mode=test_mode,
            user_id=user_id,
            config=config,
            moderation_payload=moderation_payload,
            options=options,
            user=user,
        )
        return Start(Request("POST", "/api/v2/moderation/check", body=fields), (entity_id,))

    @operation()
    def delete_call(
        self,
        type: str,  # noqa: A002 -- the name in Stream's API
        id: str,  # noqa: A002 -- the name in Stream's API
        *,
        hard: bool | None = None,
    ) -> Start[results.Deleted]:
        """Delete a call. The result is `{"<type:id>": {"status": "ok"}}`.

        Args:
            type: The call's type.
            id: The call's id.
            hard: Delete it for good with all its data; only this starts a task.
        """
        where = path("/api/v2/video/call/{type}/{id}/delete", type=type, id=id)
        return Start(Request("POST", where, body=body(hard=hard)), (f"{type}:{id}",))

    @operation()
    def delete_feed(
        self,
        feed_group_id: str,
        feed_id: str,
        *,
        hard_delete: bool | None = None,
        purge_user_activities: bool | None = None,
    ) -> Start[Any]:
        """Delete a feed.

        Args:
            feed_group_id: The feed's group.
            feed_id: The feed's id.
            hard_delete: Delete it for good.
            purge_user_activities: Delete its owner's activities from other feeds too; needs
                `hard_delete`.
        """
        where = path(
            "/api/v2/feeds/feed_groups/{feed_group_id}/feeds/{feed_id}",
            feed_group_id=feed_group_id,
            feed_id=feed_id,
        )
        asked = body(hard_delete=hard_delete, purge_user_activities=purge_user_activities)
        query = {name: str(value).lower() for name, value in asked.items()}
        return Start(Request("DELETE", where, query=query), (f"{feed_group_id}:{feed_id}",))

    @operation(FEEDS)
    def delete_feeds_batch(
        self,
        feeds: Iterable[str],
        *,
        hard_delete: bool | None = None,
        purge_user_activities: bool | None = None,
    ) -> Start[Any]:
        """Delete feeds.

        Args:
            feeds: The feeds as `group_id:feed_id`, at most 100.
            hard_delete: Delete them for good.
            purge_user_activities: Delete their owners' activities from other feeds too; needs
                `hard_delete`.
        """
        chosen = listed(feeds, FEEDS)
        fields = body(
            feeds=chosen,
            hard_delete=hard_delete,
            purge_user_activities=purge_user_activities,
        )
        return Start(Request("POST", "/api/v2/feeds/feeds/delete", body=fields), tuple(chosen))

    @operation()
    def delete_feed_user_data(self, user_id: str, *, hard_delete: bool | None = None) -> Start[Any]:
        """Delete all feed data of a user.

        Args:
            user_id: The user.
            hard_delete: Delete it for good.
        """
        where = path("/api/v2/feeds/users/{user_id}/delete", user_id=user_id)
        return Start(Request("POST", where, body=body(hard_delete=hard_delete)), (user_id,))

    @operation()
    def export_feed_user_data(self, user_id: str) -> Start[Any]:
        """Export all feed data of a user.

        Args:
            user_id: The user.
        """
        where = path("/api/v2/feeds/users/{user_id}/export", user_id=user_id)
        return Start(Request("POST", where), (user_id,))
