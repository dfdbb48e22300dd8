"""The settings of a client: key, token, address, time-out."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

import httpx
import jwt

from .._checks import optional, seconds
from .._version import __version__
from ._secrets import Hidden, Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..backoff import Duration

__all__ = ["Settings", "is_loopback", "settings_of"]

_BASE_URL: Final = "https://chat.stream-io-api.com"
_TIMEOUT: Final = 30.0
_NO_ADDRESS: Final = frozenset(" \\")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that all requests of a client share; `repr` shows no secret."""

    api_key: str
    base_url: str
    timeout: float
    token: str = field(repr=False)
    redactor: Redactor = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        return {
            "Authorization": self.token,
            "stream-auth-type": "jwt",
            "X-Stream-Client": f"rxstream-{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }

    def query(self, more: Mapping[str, str]) -> str:
        """The query of a request, with the key and `more`."""
        return urlencode({"api_key": self.api_key, **more})


def settings_of(
    *,
    api_key: str | None,
    api_secret: str | None,
    token: str | None,
    base_url: str | None,
    timeout: Duration | None,
    allow_http: bool,
) -> Settings:
    """Complete the arguments of a client from the environment, and check them.

    Raises:
        ValueError: An argument is missing or bad.
    """
    for name, value in (
        ("api_key", api_key),
        ("api_secret", api_secret),
        ("token", token),
        ("base_url", base_url),
    ):
        optional(value, str, name)
    key = api_key or _environment("STREAM_API_KEY")
    if not key:
        msg = "api_key is missing: pass api_key=…, or set STREAM_API_KEY"
        raise ValueError(msg)
    if token and api_secret:
        msg = "token and api_secret exclude each other: pass one of them"
        raise ValueError(msg)
    secret = Hidden("" if token else api_secret or _environment("STREAM_API_SECRET"))
    if secret:
        token = _signed(secret)
    if not token:
        msg = "api_secret is missing: pass api_secret=… (or token=…), or set STREAM_API_SECRET"
        raise ValueError(msg)
    if not token.isascii() or not token.isprintable() or " " in token:
        # The HTTP library refuses it too, but shows the token in the text of its error.
        msg = "token holds characters that a header cannot hold, such as a line break or a space"
        raise ValueError(msg)
    address = base_url or _environment("STREAM_BASE_URL") or _BASE_URL
    return Settings(
        api_key=key,
        base_url=_checked_url(address, allow_http=allow_http),
        timeout=_timeout(timeout),
        token=Hidden(token),
        redactor=Redactor(token=token, secret=secret),
    )


def _signed(secret: str) -> str:
    try:
        # No `iat`: a clock that runs ahead would be answered "token used before issue at".
        return Hidden(jwt.encode({"server": True}, secret, algorithm="HS256"))  # pyright: ignore[reportUnknownMemberType] -- PyJWT without cryptography
    except jwt.PyJWTError as error:
        wrong: Exception = ValueError(f"api_secret cannot sign a token: {error}")
    except Warning as error:  # where warnings are errors
        wrong = error
    # Without the frames of PyJWT, whose local variables hold the secret.
    raise wrong.with_traceback(None)


def _environment(name: str) -> str:
    # Values pasted into an environment file often end in a stray newline.
    return os.environ.get(name, "").strip()


def _timeout(given: Duration | None) -> float:
    name, value = "timeout", given
    if value is None:
        name, said = "STREAM_TIMEOUT", _environment("STREAM_TIMEOUT")
        try:
            value = float(said) if said else _TIMEOUT
        except ValueError as error:
            msg = f"STREAM_TIMEOUT must be a number of seconds, not {said!r}"
            raise ValueError(msg) from error
    checked = seconds(value, name)
    if not checked:
        msg = f"{name} must be more than 0 seconds"
        raise ValueError(msg)
    return checked


def _checked_url(url: str, *, allow_http: bool) -> str:
    parts = urlsplit(_valid_url(url.strip()))
    if parts.username or parts.password or parts.query or parts.fragment:
        msg = "base_url must hold neither credentials nor a query nor a fragment"
        raise ValueError(msg)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        msg = f"base_url must be an https:// address, not {url!r}"
        raise ValueError(msg)
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        msg = (
            f"base_url {url!r} would send the token in the clear: use https://, "
            "or pass allow_http=True"
        )
        raise ValueError(msg)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _valid_url(url: str) -> str:
    if not _NO_ADDRESS.isdisjoint(url):
        # Some libraries take a backslash for a slash, and others do not.
        msg = "base_url is not a valid address: it holds a space or a backslash"
        raise ValueError(msg)
    try:
        httpx.URL(url)
        _ = urlsplit(url).port
    except (ValueError, httpx.InvalidURL) as error:
        msg = f"base_url is not a valid address: {error}"
        raise ValueError(msg) from error
    return url


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, whatever a name server says."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
