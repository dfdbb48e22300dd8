"""Operators for waits, imported beside reactivex's own.

::

    from reactivex import operators as ops
    from rxstream import operators as rxs
"""

from ._cancel_on import cancel_on
from ._deadline import deadline
from ._distinct_status import distinct_status
from ._fan_in import fan_in
from ._log_to import log_to
from ._progress import progress
from ._result import result
from ._retry_with import retry_with
from ._settle import settle
from ._stalled import stalled

__all__ = [
    "cancel_on",
    "deadline",
    "distinct_status",
    "fan_in",
    "log_to",
    "progress",
    "result",
    "retry_with",
    "settle",
    "stalled",
]
