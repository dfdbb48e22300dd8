"""The operations of moderation, video and feeds that start a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._checks import text
from .._wire.messages import Request
from ._requests import Started_co, Starter, body, listed, path

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ProductOperations"]


class ProductOperations(Starter[Started_co]):
    """Each method starts a task and returns its id, or None if there is nothing to wait for.

    A bad argument raises `ValueError` or `TypeError` before anything is sent. A request that fails
    raises `StreamApiException` or `StreamTransportException`.
    """

    def import_block_list(
        self,
        id: str,  # noqa: A002 -- the name in Stream's API
        items: Iterable[str],
        *,
        chunk_size: int | None = None,
    ) -> Started_co:
        """Import words into a block list.

        Args:
            id: The block list.
            items: The words.
            chunk_size: How many words the server takes at a time.
        """
        fields = body(items=listed(items, "items"), chunk_size=chunk_size)
        return self._start(
            Request("POST", path("/api/v2/blocklists/{id}/import", id=id), body=fields)
        )

    def bulk_image_moderation(self, csv_file: str) -> Started_co:
        """Moderate many images.

        Args:
            csv_file: The URL of a CSV file with the URLs of the images.
        """
        fields = body(csv_file=text(csv_file, "csv_file"))
        return self._start(Request("POST", "/api/v2/moderation/bulk_image_moderation", body=fields))

    def delete_call(
        self,
        type: str,  # noqa: A002 -- the name in Stream's API
        id: str,  # noqa: A002 -- the name in Stream's API
        *,
        hard: bool | None = None,
    ) -> Started_co:
        """Delete a call. The result is `{"<type:id>": {"status": "ok"}}`.

        Args:
            type: The call's type.
            id: The call's id.
            hard: Delete it for good with all its data; only this starts a task.
        """
        where = path("/api/v2/video/call/{type}/{id}/delete", type=type, id=id)
        return self._start(Request("POST", where, body=body(hard=hard)))

    def delete_feed(
        self,
        feed_group_id: str,
        feed_id: str,
        *,
        hard_delete: bool | None = None,
        purge_user_activities: bool | None = None,
    ) -> Started_co:
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
        return self._start(Request("DELETE", where, query=query))

    def delete_feeds_batch(
        self,
        feeds: Iterable[str],
        *,
        hard_delete: bool | None = None,
        purge_user_activities: bool | None = None,
    ) -> Started_co:
        """Delete feeds.

        Args:
            feeds: The feeds as `group_id:feed_id`.
            hard_delete: Delete them for good.
            purge_user_activities: Delete their owners' activities from other feeds too; needs
                `hard_delete`.
        """
        fields = body(
            feeds=listed(feeds, "feeds"),
            hard_delete=hard_delete,
            purge_user_activities=purge_user_activities,
        )
        return self._start(Request("POST", "/api/v2/feeds/feeds/delete", body=fields))

    def delete_feed_user_data(self, user_id: str, *, hard_delete: bool | None = None) -> Started_co:
        """Delete all feed data of a user.

        Args:
            user_id: The user.
            hard_delete: Delete it for good.
        """
        where = path("/api/v2/feeds/users/{user_id}/delete", user_id=user_id)
        return self._start(Request("POST", where, body=body(hard_delete=hard_delete)))

    def export_feed_user_data(self, user_id: str) -> Started_co:
        """Export all feed data of a user.

        Args:
            user_id: The user.
        """
        where = path("/api/v2/feeds/users/{user_id}/export", user_id=user_id)
        return self._start(Request("POST", where, body={}))
