"""The applications of a seed: servers, clients and the gates that they share or do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rxstream import Gate

from .client import AsyncClient, SyncClient
from .laws_gate import GateLaws
from .server import Server

if TYPE_CHECKING:
    from .client import Client
    from .play import Play

__all__ = ["make_clients"]


def make_clients(play: Play, *, is_sync: bool) -> tuple[list[Server], list[Client]]:
    """One application or two, each with a few clients."""
    servers = [Server(play.draws) for _ in range(play.draws.one(1, 1, 2))]
    return servers, [client for server in servers for client in _clients_of(play, server, is_sync)]


def _clients_of(play: Play, server: Server, is_sync: bool) -> list[Client]:  # noqa: FBT001 -- private
    draws = play.draws
    count, shares = draws.one(1, 1, 2, 3), draws.random() < 0.7
    gates = [
        _gate_of(play, server, is_alone=count == 1 or shares) for _ in range(1 if shares else count)
    ]
    clients: list[Client] = []
    for number in range(count):
        kind = SyncClient if is_sync else AsyncClient
        client = kind(play, server, gates[number % len(gates)])
        client.cancel_safe = draws.random() < 0.7
        clients.append(client)
    return clients


def _gate_of(play: Play, server: Server, *, is_alone: bool) -> GateLaws:
    draws = play.draws
    width = draws.one(9, 20, 100) if draws.is_crowded else draws.one(1, 2, 5, 8, 9, 20, 100)
    reserve = draws.one(0.0, 0.1, 0.1, 0.5)
    laws = GateLaws(
        play.book,
        play.name("g"),
        Gate(width, reserve=reserve),
        width,
        reserve,
        is_loop=play.world.is_loop,
        budget=server.budget if is_alone else None,
    )
    play.gates.append(laws)
    return laws
