"""What the two clients share: everything but the socket."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from .._checks import whole
from ._outgoing import Outgoing
from ._settings import settings_of

if TYPE_CHECKING:
    import httpx

    from ..backoff import Duration

__all__ = ["BaseClient"]


class BaseClient:
    """The settings and requests of a client, and a warning if you never close it."""

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
        self._outgoing = Outgoing(self._settings)

    @property
    def api_key(self) -> str:
        """The application's key."""
        return self._settings.api_key

    @property
    def base_url(self) -> str:
        """The address of the API."""
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
        """Show the key and the address, and no secret."""
        return f"{type(self).__name__}(api_key={self.api_key!r}, base_url={self.base_url!r})"

    def __del__(self) -> None:
        """Warn if connections were left open."""
        if getattr(self, "_is_open", False):
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)

    def _answer(self, response: httpx.Response) -> tuple[int, dict[str, str], bytes]:
        headers: dict[str, str] = {}
        for raw_name, raw_value in response.headers.raw:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return response.status_code, headers, self._settings.redacted(response.content)
