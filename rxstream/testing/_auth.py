"""Stream's checks of the key and the token, with its error codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import jwt

from .._checks import is_number
from .._time.clock import utc_now
from ._faults import http_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._answers import Answer

__all__ = ["Refused", "check_auth"]

_NO_AUTH: Final = 5
_EXPIRED: Final = 40
_NOT_YET: Final = 41
_BEFORE_ISSUE: Final = 42
_BAD_SIGNATURE: Final = 43
_UNKNOWN_KEY: Final = 2

# The claims are checked here, one by one: each has a code of its own.
_UNCHECKED: Final[Any] = {
    f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
}


class Refused(Exception):
    """The request is not served; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


def check_auth(
    query: Mapping[str, str], headers: Mapping[str, str], *, api_key: str, api_secret: str
) -> None:
    """Check the key and the token of a request as Stream does.

    Args:
        query: The query parameters.
        headers: The headers.
        api_key: The only key that is accepted.
        api_secret: The secret that signs the token (HS256).

    Raises:
        Refused: With the 401 that says what is wrong.
    """
    if query.get("api_key") != api_key:
        raise _unauthorized(_UNKNOWN_KEY, "api_key not found")
    token = headers.get("authorization")
    if not token:
        raise _unauthorized(_NO_AUTH, "Authorization header is missing")
    if headers.get("stream-auth-type") != "jwt":
        raise _unauthorized(_NO_AUTH, "stream-auth-type must be jwt")
    try:
        claims: dict[str, Any] = jwt.decode(
            token, api_secret, algorithms=["HS256"], options=_UNCHECKED
        )
    except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
        raise _unauthorized(_BAD_SIGNATURE, "signature is not valid") from None
    except jwt.InvalidTokenError as error:
        raise _unauthorized(_NO_AUTH, f"token is not valid: {error}") from None
    now = utc_now().timestamp()
    if _number(claims, "exp", now) < now:
        raise _unauthorized(_EXPIRED, "token is expired (exp)")
    if _number(claims, "nbf", now) > now:
        raise _unauthorized(_NOT_YET, "token not valid yet (nbf)")
    if _number(claims, "iat", now) > now:
        raise _unauthorized(_BEFORE_ISSUE, "token used before issue at (iat)")


def _number(claims: Mapping[str, Any], name: str, default: float) -> float:
    value = claims.get(name, default)
    if not is_number(value):
        raise _unauthorized(_NO_AUTH, f"token is not valid: {name} is not a number")
    return value


def _unauthorized(code: int, message: str) -> Refused:
    return Refused(http_error(401, code=code, message=message))
