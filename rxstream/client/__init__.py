"""Thin clients of Stream's API: the only room that touches httpx."""

from ._async import AsyncStreamClient
from ._sync import StreamClient

__all__ = ["AsyncStreamClient", "StreamClient"]
