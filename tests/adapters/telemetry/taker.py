"""An HTTP server that takes OTLP, or refuses it, and keeps what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.waiting import GIVE_UP_S

__all__ = ["Taker", "taker"]


class Taker:
    """See the module.

    Attributes:
        url: its base address.
        status: it answers with, from now on.
        after: requests that are taken before `status` begins to be the answer.
        paths, headers: of what came, in order.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        self.after = 0
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []


@contextmanager
def taker() -> Iterator[Taker]:
    """Start it, and stop it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            found.paths.append(self.path)
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(found.status if len(found.paths) > found.after else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Taker(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(GIVE_UP_S)
