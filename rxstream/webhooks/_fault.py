"""What is wrong with a request that should be a webhook."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from ..errors import StreamException

__all__ = ["InvalidWebhookException", "WebhookFault"]

WebhookFault: TypeAlias = Literal[
    "signature", "too_large", "not_gzip", "not_json", "not_an_event", "too_old"
]

_STATUS: Final[dict[WebhookFault, int]] = {"signature": 401, "too_large": 413}


class InvalidWebhookException(StreamException):
    """A request that is no webhook of Stream, or that cannot be read as one."""

    def __init__(self, *, fault: WebhookFault, message: str = "") -> None:
        """Make an exception for one kind of fault.

        Args:
            fault: `signature`: missing or wrong. `too_large`: before or after inflation.
                `not_gzip`: it begins as gzip, and cannot be inflated. `not_json`. `not_an_event`:
                no object with a `type`. `too_old`: somebody else may have sent it again.
            message: What is wrong.
        """
        self.fault: WebhookFault = fault
        super().__init__(message or f"Not a webhook of Stream ({fault})")

    @property
    def status_code(self) -> int:
        """The HTTP status to answer with: 401, 413 or 400."""
        return _STATUS.get(self.fault, 400)
