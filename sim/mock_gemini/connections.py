"""HTTP connections that can be reset: uvicorn's protocol, with its transport at hand."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["ResettableProtocol", "reset"]

_TRANSPORT = "open_balancer.transport"
_NO_LINGER = struct.pack("ii", 1, 0)


class ResettableProtocol(HttpToolsProtocol):
    """Puts the connection's transport into every request's scope."""

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        scope: Any = self.scope
        scope[_TRANSPORT] = self.transport


def reset(scope: Any) -> None:
    """Lose a request's connection: the client gets a TCP reset, not an orderly end."""
    transport: asyncio.Transport = scope[_TRANSPORT]
    connection = transport.get_extra_info("socket")
    # Closing without lingering sends RST, whatever is still to be sent.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
