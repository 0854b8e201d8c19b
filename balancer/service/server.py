"""Runs the service as a process: sockets, signals, and an end that loses nothing."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from socket import socket
from typing import TYPE_CHECKING

import uvicorn

from ..core.errors import InputError
from .app import create_app
from .console import Page
from .settings import Settings

if TYPE_CHECKING:
    from ..runtime.balancer import Balancer

__all__ = ["run"]

_BACKLOG = 2048

Ready = Callable[[str], None]


class _Server(uvicorn.Server):
    """Says where it listens, once it does."""

    def __init__(self, config: uvicorn.Config, ready: Ready, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._closing = closing

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started or self.should_exit:
            return
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self._ready(f"http://{shown}:{port}")

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        # A console that somebody looks at has no end of its own to wait for.
        self._closing()
        await super().shutdown(sockets)


def run(balancer: Balancer, settings: Settings, ready: Ready, pages: Sequence[Page] = ()) -> None:
    """Serve until a signal says otherwise; then calls in flight are drained.

    Args:
        balancer: whose plans are served; it is started and closed here.
        settings: how.
        ready: told the base URL, once the service listens.
        pages: of the console, beside its own.

    Raises:
        InputError: it cannot listen where it should.
    """
    fast = find_spec("uvloop") is not None
    app = create_app(balancer, settings, pages)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop" if fast else "asyncio",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=settings.largest_body,
        ws_per_message_deflate=False,
        lifespan="on",
        backlog=_BACKLOG,
        # A URL may hold a key, so that none is logged.
        access_log=False,
        log_config=None,
        # Whoever asks through a proxy is not local, whatever the proxy says (`access`).
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=math.ceil(settings.drain_s),
    )
    for name in ("uvicorn.error", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    server = _Server(config, ready, app.state.console.live.close)
    try:
        server.run()
    except SystemExit:
        if not server.started:
            raise InputError(
                f"cannot listen on {settings.host}:{settings.port}; is the port in use? "
                "Choose another with --port"
            ) from None
        raise
