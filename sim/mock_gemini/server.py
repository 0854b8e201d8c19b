"""Serves the Gemini API and the admin API, each on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import uvicorn

from balancer.core.errors import InputError

from .admin import AdminApp
from .app import GeminiApp
from .connections import ConnectionProtocol
from .replies import Receive, Scope, Send
from .settings import Settings

__all__ = ["Addresses", "MockServer", "keep_for_good", "run", "run_loop", "serve", "uvicorn_config"]

_KEEP_ALIVE_S = 610
"""Idle connections are kept longer than clients keep theirs, so that none is lost on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a mock Gemini listens.

    Attributes:
        url: of the Gemini API, as a base URL of clients.
        admin_url: of the admin API.
        token: bearer token of the admin API.
        api_key: that clients have to send.
    """

    url: str
    admin_url: str
    token: str
    api_key: str


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Two servers share a loop; whoever runs it handles its signals."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.listening.set()


def uvicorn_config(app: Callable[[Scope, Receive, Send], Any]) -> uvicorn.Config:
    """How every server of ours is set up."""
    return uvicorn.Config(
        app,
        http=ConnectionProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )


async def serve(
    settings: Settings, ready: Callable[[Addresses], None], stop: asyncio.Event
) -> None:
    """Serve until told to stop.

    Args:
        settings: what to play and where to listen.
        ready: called once both APIs answer.
        stop: ends it.

    Raises:
        InputError: a port that is taken, or a scenario that cannot be played.
    """
    token = settings.token or secrets.token_urlsafe(24)
    gemini = GeminiApp(settings)
    admin = AdminApp(gemini, token)
    with contextlib.ExitStack() as stack:
        front = stack.enter_context(_listen(settings.host, settings.port, "--port"))
        back = stack.enter_context(
            _listen(settings.admin_host, settings.admin_port, "--admin-port")
        )
        servers = [_Server(uvicorn_config(app)) for app in (gemini, admin)]
        async with asyncio.TaskGroup() as group:
            for server, listener in zip(servers, (front, back), strict=True):
                group.create_task(server.serve(sockets=[listener]))
            for server in servers:
                await server.listening.wait()
            gemini.begin(None)
            ready(
                Addresses(
                    url=_url(front), admin_url=_url(back), token=token, api_key=settings.api_key
                )
            )
            await stop.wait()
            for server in servers:
                server.should_exit = True


@contextlib.contextmanager
def _listen(host: str, port: int, option: str) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except (OSError, OverflowError) as error:
            problem = getattr(error, "strerror", None) or str(error)
            raise InputError(
                f"cannot listen on {host} port {port}: {problem}; expected a free port, or 0 to "
                "have one chosen",
                where=option,
            ) from None
        yield listener
    finally:
        listener.close()


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(settings: Settings, ready: Callable[[Addresses], None]) -> None:
    """Serve in this thread until SIGINT or SIGTERM.

    Raises:
        InputError: see `serve`.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows has KeyboardInterrupt
                loop.add_signal_handler(number, stop.set)
        await serve(settings, started, stop)

    def started(addresses: Addresses) -> None:
        keep_for_good()
        ready(addresses)

    run_loop(main())


def keep_for_good() -> None:
    """Take all that is loaded out of garbage collection, in a process that only serves.

    A full collection would look at every object of the compiler, again and again.
    """
    gc.collect()
    gc.freeze()


def run_loop(main: Any) -> None:
    """Run a coroutine on uvloop where it is installed, else on asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)


class MockServer:
    """A mock Gemini on a thread of this process, for tests; a context manager.

    Args:
        settings: what to play.

    Attributes:
        addresses: where it listens, once entered.
    """

    addresses: Addresses

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="mock-gemini", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        # Without a limit: it listens or fails, and a first start compiles, which takes its time.
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._stop = asyncio.Event()
            await serve(self._settings, self._started, self._stop)

        try:
            run_loop(main())
        except BaseException as error:  # noqa: BLE001  # raised where it was started
            self._failure = error
            self._ready.set()

    def _started(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self._ready.set()
