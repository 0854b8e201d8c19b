"""Runs the service as a process: sockets, signals, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from socket import socket
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from ..core.errors import InputError
from .app import create_app
from .connection import Connection, connection_class
from .console import Page
from .settings import Settings
from .stopping import Stopping

if TYPE_CHECKING:
    from ..runtime.balancer import Balancer

__all__ = ["Server", "config_of", "run"]

_BACKLOG = 2048
_LAST_WORDS_S = 2.0
"""How long callers may take for what they are told at the end."""
_SPARE_FILES = 256
"""Files that the process may need beside two a caller: its connection, and its call upstream."""
_log = logging.getLogger("balancer.service")

Ready = Callable[[str], None]


class Server(uvicorn.Server):
    """Says where it listens, once it does, and stops as `Stopping` says.

    Args:
        config: of uvicorn.
        ready: told the base URL, once the service listens.
        stopping: that of its application.
        drain_s: how long calls under way may still take when it is told to stop.
        closing: called when it stops, before it drains.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Ready,
        stopping: Stopping,
        drain_s: float,
        closing: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping
        self._drain_s = drain_s
        self._closing = closing

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        if not self.started or self.should_exit:
            return
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        name = f"[{host}]" if ":" in host else host
        self._ready(f"http://{name}:{port}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: from now on it is not ready. A second one ends what is under way."""
        self._stopping.begin()
        self.should_exit = True
        # uvicorn raises again what stopped it, which for SIGTERM would end an orderly end by a
        # kill. Whoever pressed Ctrl-C is told that it was an interrupt.
        if sig == signal.SIGINT and sig not in self._captured_signals:
            self._captured_signals.append(sig)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Drain, and stop."""
        # A console that somebody looks at has no end of its own to wait for.
        self._closing()
        # It still listens, so that whoever asks is told.
        self._stopping.begun = True
        await self._stopping.drain(self._drain_s)
        asyncio.get_running_loop().call_later(_LAST_WORDS_S, self._hang_up)
        await super().shutdown(sockets)

    def _hang_up(self) -> None:
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()


def config_of(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the application."""
    fast = find_spec("uvloop") is not None
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop" if fast else "asyncio",
        http=_connections(settings),
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
        timeout_graceful_shutdown=math.ceil(2 * _LAST_WORDS_S),
    )


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
    app = create_app(balancer, settings, pages)
    stopping = app.state.dependencies.stopping
    for name in ("uvicorn.error", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    server = Server(
        config_of(app, settings),
        ready,
        stopping,
        settings.drain_s,
        app.state.console.live.close,
    )
    try:
        server.run()
    except SystemExit:
        if not server.started:
            raise InputError(
                f"cannot listen on {settings.host}:{settings.port}; is the port in use? "
                "Choose another with --port"
            ) from None
        raise


def _connections(settings: Settings) -> type[Connection]:
    """The protocol, with as many connections as the system has files for."""
    bounds = settings.bounds
    most = (_files(2 * bounds.connections + _SPARE_FILES) - _SPARE_FILES) // 2
    if most < bounds.connections:
        most = max(1, most)
        _log.warning("the system's bound on open files leaves %d connections, not %d",
                     most, bounds.connections)  # fmt: skip
        bounds = replace(bounds, connections=most)
    return connection_class(bounds)


def _files(wanted: int) -> int:
    """How many files the process may have open, once it has asked for as many as it may."""
    try:
        import resource
    except ImportError:  # not on Windows, which has no such bound
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed
