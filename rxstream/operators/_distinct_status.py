"""`distinct_status`: only the changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactivex import Observable

from .._merge.downstream import Downstream
from ._items import snapshots_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from .._values import T, TaskSnapshot

__all__ = ["distinct_status"]


def distinct_status() -> Callable[[Observable[TaskSnapshot[T]]], Observable[TaskSnapshot[T]]]:
    """Emit a snapshot only when its status changes, and always the last one.

    ::

        source             ─p──p──r──r──r──C|
        distinct_status()  ─p─────r────────C|

        source             ─p──r──r──r──×
        distinct_status()  ─p──r────────r×

    Returns:
        An operator whose observable ends as the source does, and errors with `TypeError` if an item
        is not a `TaskSnapshot`.
    """

    def operator(source: Observable[TaskSnapshot[T]]) -> Observable[TaskSnapshot[T]]:
        def subscribe(
            observer: abc.ObserverBase[TaskSnapshot[T]],
            scheduler: abc.SchedulerBase | None = None,
        ) -> abc.DisposableBase:
            downstream = Downstream(observer)
            status: str | None = None
            held: TaskSnapshot[T] | None = None

            def on_next(snapshot: TaskSnapshot[T]) -> None:
                nonlocal status, held
                if snapshot.status == status:
                    held = snapshot
                    return
                status, held = snapshot.status, None
                downstream.on_next(snapshot)

            def release() -> None:
                if held is not None:
                    downstream.on_next(held)

            def on_error(error: Exception) -> None:
                release()
                downstream.on_error(error)

            def on_completed() -> None:
                release()
                downstream.on_completed()

            return downstream.subscribe_to(
                source,
                scheduler,
                on_next=snapshots_only("distinct_status", on_next, downstream.on_error),
                on_error=on_error,
                on_completed=on_completed,
            )

        return Observable(subscribe)

    return operator
