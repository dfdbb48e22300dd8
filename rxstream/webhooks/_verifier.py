"""Whether a request comes from Stream, and what it says."""

from __future__ import annotations

import hashlib
import hmac
import json
import zlib
from typing import TYPE_CHECKING, Any, Final, Protocol

from .._checks import seconds, text, whole
from .._text import hidden
from .._time.clock import utc_now
from ._event import event_of
from ._fault import InvalidWebhookException

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from ._event import WebhookEvent

__all__ = ["MAX_AGE", "MAX_BYTES", "Headers", "Verifier", "parse"]

MAX_BYTES: Final = 1_048_576
"""How large a body may be, before and after inflation, unless told otherwise."""
MAX_AGE: Final = 300.0
"""How many seconds old an event may be, unless told otherwise."""

_SIGNATURE: Final = "x-signature"
_GZIP: Final = b"\x1f\x8b"
# What tells zlib that there is a gzip header.
_GZIP_BITS: Final = 31


class Headers(Protocol):
    """The headers of a request, as any framework has them: a mapping of names to values."""

    def items(self) -> Iterable[tuple[Any, Any]]:
        """Give the names and values."""
        ...


def parse(
    body: bytes,
    headers: Headers,
    api_secret: str,
    *,
    max_bytes: int = MAX_BYTES,
    max_age: float | timedelta | None = MAX_AGE,
) -> WebhookEvent:
    """Verify the signature of a webhook, and read its event.

    Args:
        body: The body of the request as it came, never decoded and encoded again. It may be gzipped
            still, or inflated by your framework: Stream signs the inflated one.
        headers: The headers of the request; `X-Signature` is found in any case.
        api_secret: The API secret of your application.
        max_bytes: How large the body may be, before and after inflation.
        max_age: How old an event may be, if it has a date: seconds or a timedelta, by the clock of
            this machine. None: any age.

    Raises:
        InvalidWebhookException: The request is not to be believed, or cannot be read; `fault` says
            why, and `status_code` how to answer.
        TypeError: An argument is of the wrong type.
        ValueError: `api_secret` is empty, `max_bytes` is less than 1, or `max_age` is NaN, infinite
            or negative.
    """
    api_secret = hidden(api_secret)
    return Verifier(api_secret, max_bytes, max_age).read(body, headers)


class Verifier:
    """Verifies and reads webhooks. It keeps no secret that a `repr` or a traceback could show."""

    __slots__ = ("_max_age", "_signer", "max_bytes")

    def __init__(self, api_secret: str, max_bytes: int, max_age: float | timedelta | None) -> None:
        key = text(api_secret, "api_secret")
        self._signer = hmac.new(key.encode(), digestmod=hashlib.sha256)
        self.max_bytes = whole(max_bytes, "max_bytes")
        self._max_age = None if max_age is None else seconds(max_age, "max_age")

    def read(self, body: bytes, headers: Headers) -> WebhookEvent:
        """Verify and read one webhook.

        Raises:
            InvalidWebhookException: It is not to be believed, or cannot be read.
            TypeError: An argument is of the wrong type.
        """
        inflated = _inflated(_checked(body), self.max_bytes)
        if not hmac.compare_digest(self._sign(inflated), _signature_in(headers)):
            raise InvalidWebhookException(
                fault="signature", message="The X-Signature of the webhook is wrong"
            )
        event = event_of(_decoded(inflated))
        if self._is_too_old(event):
            raise InvalidWebhookException(
                fault="too_old", message=f"The webhook is of {event.occurred_at}"
            )
        return event

    def _sign(self, body: bytes) -> bytes:
        signer = self._signer.copy()
        signer.update(body)
        return signer.hexdigest().encode()

    def _is_too_old(self, event: WebhookEvent) -> bool:
        if self._max_age is None or event.occurred_at is None:
            return False
        return (utc_now() - event.occurred_at).total_seconds() > self._max_age


def _checked(body: object) -> bytes:
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    if isinstance(body, memoryview):
        return body.tobytes()
    msg = f"body must be the bytes of the request as they came, not {type(body).__name__}"
    raise TypeError(msg)


def _signature_in(headers: Headers) -> bytes:
    if not callable(getattr(headers, "items", None)):
        msg = f"headers must be a mapping of names to values, not {type(headers).__name__}"
        raise TypeError(msg)
    for name, value in headers.items():
        if isinstance(name, str) and name.lower() == _SIGNATURE:
            # As bytes: compare_digest refuses strings that are not ASCII.
            return value.encode("utf-8", "replace") if isinstance(value, str) else b""
    raise InvalidWebhookException(fault="signature", message="The webhook has no X-Signature")


def _inflated(body: bytes, most: int) -> bytes:
    if len(body) > most:
        raise _too_large(most)
    if not body.startswith(_GZIP):  # no JSON begins so
        return body
    inflater = zlib.decompressobj(_GZIP_BITS)
    try:
        inflated = inflater.decompress(body, most + 1)
    except zlib.error as error:
        msg = f"The webhook cannot be inflated: {error}"
        raise InvalidWebhookException(fault="not_gzip", message=msg) from None
    if len(inflated) > most:
        raise _too_large(most)
    if not inflater.eof or inflater.unused_data:
        raise InvalidWebhookException(
            fault="not_gzip", message="The gzip of the webhook has another length"
        )
    return inflated


def _too_large(most: int) -> InvalidWebhookException:
    return InvalidWebhookException(
        fault="too_large", message=f"The webhook has more than {most} bytes"
    )


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        # Without the error as its cause, which holds all of the body.
        msg = f"The webhook is not JSON ({type(error).__name__})"
    raise InvalidWebhookException(fault="not_json", message=msg)
