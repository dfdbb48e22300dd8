"""Requests as httpx takes them; the parts that all polls share are made once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

import httpx
from typing_extensions import override

if TYPE_CHECKING:
    from .._wire.messages import Request
    from ._settings import Settings

__all__ = ["Outgoing"]

_REQUEST_ID: Final = "x-client-request-id"
_NO_BODY: Final = httpx.ByteStream(b"")


class Outgoing:
    """Makes the requests of one client; its `repr` shows no secret."""

    def __init__(self, settings: Settings) -> None:
        self.base: Final = httpx.URL(f"{settings.base_url}/")
        self._settings = settings
        self._timeouts = httpx.Timeout(settings.timeout).as_dict()
        self._prefix = str(self.base)[:-1]
        self._path = self.base.raw_path[:-1]
        self._query = settings.query({})
        self._headers = [(b"Host", self.base.netloc)]
        self._headers += [(k.encode(), v.encode()) for k, v in settings.headers.items()]

    def arguments(self, request: Request) -> dict[str, Any]:
        """Return a request as the arguments of httpx's own methods."""
        headers = {**self._settings.headers, _REQUEST_ID: request.id}
        content = None
        if request.body is not None:
            content = json.dumps(request.body).encode()
            headers["Content-Type"] = "application/json"
        query = self._settings.query(request.query)
        return {
            "method": request.method,
            "url": f"{self._settings.base_url}{request.path}?{query}",
            "headers": headers,
            "content": content,
        }

    def request(self, request: Request) -> httpx.Request:
        """Return a request for a transport, without the merging that an httpx client does."""
        extensions = {"timeout": self._timeouts}
        if request.method != "GET" or request.body is not None or request.query:
            return httpx.Request(**self.arguments(request), extensions=extensions)
        request_id = (_REQUEST_ID.encode(), request.id.encode())
        poll = httpx.Request(
            "GET",
            self.base,
            headers=[*self._headers, request_id],
            stream=_NO_BODY,
            extensions=extensions,
        )
        poll.headers.encoding = "ascii"  # or httpx searches each header for it
        poll.read()  # so that it counts as empty, not as a stream of unknown length
        target = f"{request.path}?{self._query}"
        address = _Address(self.base, self._prefix + target, self._path + target.encode())
        poll.url = cast("Any", address)
        return poll


class _Address:
    """An address put together of parts that are encoded already.

    Parsing it would cost as much as all the rest of a request. It has what a transport reads of a
    `httpx.URL`, and nothing else: whoever reads more gets an error, not a wrong answer.
    """

    __slots__ = ("_whole", "port", "raw_host", "raw_path", "raw_scheme")

    def __init__(self, origin: httpx.URL, whole: str, raw_path: bytes) -> None:
        self.raw_scheme: Final = origin.raw_scheme
        self.raw_host: Final = origin.raw_host
        self.port: Final = origin.port
        self.raw_path: Final = raw_path
        self._whole = whole

    @override
    def __str__(self) -> str:
        return self._whole
