"""What the two clients share: everything but the socket."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final, NoReturn, SupportsIndex

from typing_extensions import override

from .._checks import whole
from .._text import SecretKeeper
from .._wait.closing import ClientClosedError, WaitsKeeper
from ._outgoing import Outgoing
from ._secrets import WithoutSecrets
from ._settings import settings_of

if TYPE_CHECKING:
    from .._wire.messages import Request
    from ..backoff import Duration

__all__ = ["MAX_RESPONSE_BYTES", "BaseClient"]

MAX_RESPONSE_BYTES: Final = 32 * 1024 * 1024


class BaseClient(SecretKeeper, WaitsKeeper):
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
        max_response_bytes: int,
    ) -> None:
        # Two flags, because an answer may come in while another thread closes the client.
        super().__init__()
        self._has_connected = False
        self._is_closed = False
        self._settings = settings_of(
            api_key=api_key,
            api_secret=api_secret,
            token=token,
            base_url=base_url,
            timeout=timeout,
            allow_http=allow_http,
        )
        self._max_connections = whole(max_connections, "max_connections")
        self._max_response_bytes = whole(max_response_bytes, "max_response_bytes")
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
        """How long a request may take as a whole, in seconds."""
        return self._settings.timeout

    @property
    def max_connections(self) -> int:
        """How many requests may be under way at once."""
        return self._max_connections

    @property
    def max_response_bytes(self) -> int:
        """How large an answer may be, before and after decompression."""
        return self._max_response_bytes

    def __repr__(self) -> str:
        """Show the key and the address, and no secret."""
        if not hasattr(self, "_settings"):  # one that is still being made, in a traceback
            return f"{type(self).__name__}()"
        return f"{type(self).__name__}(api_key={self.api_key!r}, base_url={self.base_url!r})"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse to be pickled or copied.

        Raises:
            TypeError: Always: a pickle would hold the secret, and not the connections.
        """
        msg = f"{type(self).__name__} cannot be pickled or copied: make one in each process"
        raise TypeError(msg)

    def __del__(self) -> None:
        """Warn if connections were left open."""
        if getattr(self, "_has_connected", False) and not self._is_closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)

    @override
    def _cut(self, text: str) -> str:
        return self._settings.redactor(text)

    def _end_waits(self) -> None:
        """Take no more requests, and end the waits that run on this client."""
        self._is_closed = True
        self._open_waits.end()

    def _raise_if_closed(self) -> None:
        if self._is_closed:
            raise ClientClosedError

    def _without_secrets(self, request: Request) -> WithoutSecrets:
        return WithoutSecrets(self._settings.redactor, request.id)
