"""What the two clients share: everything but the socket."""

from __future__ import annotations

import json
import uuid
import warnings
from typing import TYPE_CHECKING, Any

import httpx

from .._checks import whole
from ._settings import settings_of

if TYPE_CHECKING:
    from .._wire import Request
    from ..backoff import Duration

__all__ = ["BaseClient"]


class BaseClient:
    """Settings, requests and their headers, and the warning of a client that was never closed."""

    def __init__(
        self,
        *,
        api_key: str | None,
        api_secret: str | None,
        token: str | None,
        base_url: str | None,
        timeout: Duration | None,
        allow_http: bool,
        max_connections: int,
    ) -> None:
        self._is_open = False
        self._settings = settings_of(
            api_key=api_key,
            api_secret=api_secret,
            token=token,
            base_url=base_url,
            timeout=timeout,
            allow_http=allow_http,
        )
        self._max_connections = whole(max_connections, "max_connections")
        self._timeouts = httpx.Timeout(self._settings.timeout).as_dict()

    @property
    def api_key(self) -> str:
        """The application's key."""
        return self._settings.api_key

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return self._settings.base_url

    @property
    def timeout(self) -> float:
        """How long each step of a request may take, in seconds."""
        return self._settings.timeout

    @property
    def max_connections(self) -> int:
        """How many requests may be under way at once."""
        return self._max_connections

    def __repr__(self) -> str:
        """Show where it sends, and no secret."""
        return f"{type(self).__name__}(api_key={self.api_key!r}, base_url={self.base_url!r})"

    def __del__(self) -> None:
        """Warn of connections that were left open."""
        if getattr(self, "_is_open", False):
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)

    def _arguments(self, request: Request) -> dict[str, Any]:
        """A request as httpx takes it."""
        headers = {**self._settings.headers, "x-client-request-id": str(uuid.uuid4())}
        content = None
        if request.body is not None:
            content = json.dumps(request.body).encode()
            headers["Content-Type"] = "application/json"
        return {
            "method": request.method,
            "url": self._settings.url(request),
            "headers": headers,
            "content": content,
        }

    def _prepared(self, request: Request) -> httpx.Request:
        """A request for a connection of ours, past the merging that an httpx client would do."""
        return httpx.Request(**self._arguments(request), extensions={"timeout": self._timeouts})

    def _answer(self, response: httpx.Response) -> tuple[int, httpx.Headers, bytes]:
        return response.status_code, response.headers, self._settings.redacted(response.content)
