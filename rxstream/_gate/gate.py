"""The gate that every poll of a client passes: its width, its limits, and whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._checks import fraction, is_async, seconds, whole
from .._shared.fork import on_fork
from .._shared.per_client import PerClient
from .admission import Admission
from .closing import LONGEST_PAUSE
from .pace import Pace

if TYPE_CHECKING:
    from ..backoff import Duration
    from .statistics import GateStatistics

__all__ = ["Gate", "admission_of"]

_ASYNC_DEFAULT: Final = 100
_SYNC_DEFAULT: Final = 32


class Gate:
    """Bounds the polls in flight and keeps them within the client's rate limit.

    Polls pass in the order in which they come; a poll that waits takes no thread and no coroutine.
    After a 429 no poll goes out before the time that the server named. Where it named none, the
    gate closes for a second, and for twice as long each time, up to 30 s.

    The requests of a rate-limit window last until its end. A quarter of them may be used early;
    then polls are spread over the rest of the window. A share of the requests that are left is kept
    for your other calls. A sliding window or a token bucket is polled evenly. Until an answer tells
    a limit, few polls go out at once, and each answer allows one more. If you know a limit that no
    answer tells, pass it as `per_minute`.

    `Gate.of(client)` returns the gate of a client object. Pass your own gate to change its width,
    or to share it between clients of one application: Stream counts by application.
    """

    def __init__(
        self,
        max_in_flight: int = _ASYNC_DEFAULT,
        *,
        reserve: float = 0.1,
        longest_pause: Duration = LONGEST_PAUSE,
        per_minute: int | None = None,
    ) -> None:
        """Make a gate.

        Args:
            max_in_flight: How many polls may be in flight at once, 1 or more. Each poll of a sync
                client takes a thread while it is in flight.
            reserve: The share of the rate limit that is kept for other calls of your application,
                from 0.0 to less than 1.0.
            longest_pause: The longest pause that a server may ask for (`Retry-After`): seconds, or
                a timedelta. A longer one is cut.
            per_minute: How many polls go out in a minute at most, evenly spread, 1 or more; for a
                limit that no answer tells. Where answers tell one too, the lower wins. None: only
                what answers tell.

        Raises:
            TypeError: `max_in_flight` or `per_minute` is not a whole number, `reserve` is not a
                number, or `longest_pause` is not a duration.
            ValueError: `max_in_flight` or `per_minute` is less than 1, or one of the others is out
                of range.
        """
        self._max_in_flight = whole(max_in_flight, "max_in_flight")
        self._reserve = fraction(reserve, "reserve")
        self.longest_pause: Final = seconds(longest_pause, "longest_pause")
        """The longest pause that a server may ask for, in seconds."""
        self._per_minute = None if per_minute is None else whole(per_minute, "per_minute")
        self._admission = self._new_admission()
        on_fork(self._start_afresh)

    @classmethod
    def of(cls, client: object) -> Gate:
        """The gate that all polls of a client object pass, made when it is first asked for.

        It is as wide as the client's `max_connections` says, else 100; for a sync client never
        wider than 32, since each of its polls takes a thread.

        Args:
            client: As for `task_observable`.

        Raises:
            TypeError: The client has no `get_task`.
        """
        has_loop = is_async(client)

        def make() -> Gate:
            width = getattr(client, "max_connections", None)
            wide = width if isinstance(width, int) and width > 0 else _ASYNC_DEFAULT
            return cls(wide if has_loop else min(wide, _SYNC_DEFAULT))

        return _gates.get(client, make)

    def __repr__(self) -> str:
        """Show the width and how full it is."""
        now = self._admission.statistics()
        rate = "" if self._per_minute is None else f"per_minute={self._per_minute}, "
        return (
            f"Gate(max_in_flight={self._max_in_flight}, {rate}"
            f"in_flight={now.in_flight}, queued={now.queued})"
        )

    def statistics(self) -> GateStatistics:
        """Return what the gate is doing now, and what it knows of the rate limit."""
        return self._admission.statistics()

    def _new_admission(self) -> Admission:
        pace = Pace(self._reserve, self.longest_pause, self._per_minute)
        return Admission(self._max_in_flight, pace)

    def _start_afresh(self) -> None:
        self._admission = self._new_admission()


def admission_of(gate: Gate) -> Admission:
    """What the waits of a gate talk to."""
    return gate._admission  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- of this module


# For clients that cannot be referred to weakly too, so that they stay bounded.
_gates: Final = PerClient(Gate(_SYNC_DEFAULT))
