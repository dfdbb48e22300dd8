"""Stream's official SDKs, bound to a server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, TypedDict

__all__ = ["OfficialClients", "ServerArguments"]


class ServerArguments(TypedDict):
    """What binds a client to a server; ours takes the same."""

    api_key: str
    api_secret: str
    base_url: str


class OfficialClients(ABC):
    """Makes clients of Stream's SDKs for the server that this is a part of."""

    api_key: str
    """The only key that is accepted."""
    api_secret: str
    """The secret that signs the tokens."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The base URL for a client."""

    @property
    def getstream_arguments(self) -> ServerArguments:
        """The arguments that bind a client of Stream's SDKs to this server.

        `Stream(**server.getstream_arguments)`. Pass all of them: `getstream` does not read
        `STREAM_BASE_URL`, and without `base_url` it talks to Stream itself.

        Raises:
            RuntimeError: The server is not running.
        """
        return {"api_key": self.api_key, "api_secret": self.api_secret, "base_url": self.url}

    def getstream(self) -> Any:
        """Make a `getstream.Stream` for this server; closing it is up to you.

        Raises:
            ImportError: `getstream` is not installed.
            RuntimeError: The server is not running.
        """
        return self._client("getstream", "Stream", "getstream")

    def getstream_async(self) -> Any:
        """Make a `getstream.AsyncStream` for this server; closing it is up to you.

        Raises:
            ImportError: `getstream` is not installed.
            RuntimeError: The server is not running.
        """
        return self._client("getstream", "AsyncStream", "getstream")

    def stream_chat(self) -> Any:
        """Make a `stream_chat.StreamChat` for this server; closing its `session` is up to you.

        Raises:
            ImportError: `stream_chat` is not installed.
            RuntimeError: The server is not running.
        """
        return self._client("stream_chat", "StreamChat", "stream-chat")

    def stream_chat_async(self) -> Any:
        """Make a `stream_chat.StreamChatAsync` for this server, inside a loop; close it after use.

        Raises:
            ImportError: `stream_chat` is not installed.
            RuntimeError: The server is not running.
        """
        return self._client("stream_chat", "StreamChatAsync", "stream-chat")

    def _client(self, module: str, kind: str, distribution: str) -> Any:
        arguments = self.getstream_arguments
        try:
            found = import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            msg = f"Stream's SDK is not installed: pip install {distribution}"
            raise ImportError(msg, name=module) from error
        return getattr(found, kind)(**arguments)
