"""An ASGI application that does nothing, on the server the mock Gemini runs on.

Says its port in one line and serves until its input ends.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading

import uvicorn

from sim.mock_gemini.replies import Receive, Scope, Send
from sim.mock_gemini.server import run_loop, uvicorn_config


async def nothing(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An empty response."""
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def main() -> None:
    """Serve it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn_config(nothing))
        loop = asyncio.get_running_loop()

        def watch() -> None:
            sys.stdin.read()
            loop.call_soon_threadsafe(setattr, server, "should_exit", True)

        threading.Thread(target=watch, daemon=True).start()
        print(listener.getsockname()[1], flush=True)
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    run_loop(main())
