"""A service and the upstream behind it, on a thread of their own, for clients of any kind."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx
import pytest
from fastapi import FastAPI

from balancer.core.decisions import Decision
from balancer.core.observations import Observations
from balancer.core.policy import Policy
from balancer.policy_file import parse_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import CallSettings
from balancer.service.app import create_app
from balancer.service.console import Page
from balancer.service.history.engine import new_engine
from balancer.service.history.migrate import upgrade
from balancer.service.server import Server, config_of
from balancer.service.settings import Settings
from tests.service.upstream import Script, scripted_upstream
from tests.waiting import GIVE_UP_S, until

TOKEN = "a-token-for-tests-only"  # noqa: S105
KEY = "the-services-own-gemini-key"
Value = TypeVar("Value")

UNCHANGED = "name: unchanged\nmodes: {normal: {model: null, fallback_models: [], thinking: null}}"
"""A policy that changes no call in normal."""
AT_ONCE = CallSettings(backoff_initial_s=0.001, backoff_jitter_s=0.0)
"""Retries without waiting."""


@dataclass(slots=True, kw_only=True)
class Service:
    """A running service.

    Attributes:
        url: where it listens.
        script: the upstream.
        balancer: its own.
        settings: that it runs with.
        seen: every tick that was stepped.
        ticked: set once there is one.
        app: itself.
        server: that runs it.
    """

    url: str
    script: Script
    balancer: Balancer
    settings: Settings
    loop: asyncio.AbstractEventLoop
    seen: list[Observations]
    ticked: threading.Event
    app: FastAPI
    server: Server

    def connections(self) -> list[Any]:
        """Those that are open."""
        return list(self.server.server_state.connections)

    def client(self, **options: Any) -> httpx.Client:
        """An HTTP client that has the token."""
        headers = {"authorization": f"Bearer {self.settings.token}"} if self.settings.token else {}
        return httpx.Client(
            base_url=self.url,
            headers=headers | options.pop("headers", {}),
            timeout=GIVE_UP_S,
            **options,
        )

    def run(self, work: Awaitable[Value]) -> Value:
        """Do something in the service's event loop."""

        async def inside() -> Value:
            return await work

        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(GIVE_UP_S)

    def leave(self, verb: str, path: str, body: bytes, once: Callable[[], object]) -> None:
        """Ask, as one who has the token, and hang up once something is so."""
        address = httpx.URL(self.url)
        head = (
            f"{verb} {path} HTTP/1.1\r\nHost: {address.host}\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: application/json\r\nAuthorization: Bearer {self.settings.token}\r\n\r\n"
        )
        with socket.create_connection((address.host, address.port or 80)) as caller:
            caller.sendall(head.encode() + body)
            until(once, "what the caller waits for before it leaves")

    def wait_for_tick(self) -> None:
        """Until the controller has decided once: until then everybody is served normally."""
        assert self.ticked.wait(GIVE_UP_S), "the controller never decided"

    def wait_for_next_tick(self) -> None:
        """Until the controller has decided once more."""
        self.ticked.clear()
        assert self.ticked.wait(GIVE_UP_S), "the controller stopped deciding"


Start = Callable[..., Service]


class _Server(Server):
    """Looks for the end when it comes, and not ten times a second."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()

    async def main_loop(self) -> None:
        self.loop = asyncio.get_running_loop()
        await self._end.wait()

    def end(self) -> None:
        """Stop, from any thread."""
        self.should_exit = True
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self._end.set)


@cache
def _empty_history() -> bytes:
    """A database that was opened once: its tables take longer to make than to copy."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "history.sqlite3"
        engine = new_engine(f"sqlite:///{file}")
        upgrade(engine)
        engine.dispose()
        return file.read_bytes()


@contextmanager
def serving(
    directory: Path,
    *,
    policy: str | Policy = UNCHANGED,
    call_settings: CallSettings | None = None,
    balancer: Balancer | None = None,
    pages: Sequence[Page] = (),
    lived: bool = True,
    **settings: Any,
) -> Iterator[Service]:
    """A service for the time of the block.

    Args:
        directory: of its data.
        policy: YAML, or a policy.
        call_settings: of the balancer.
        balancer: instead of a new one.
        pages: of the console, beside its own.
        lived: whether it finds a history, as after an earlier life; where it has a database of its
            own under a directory that is not there yet.
        settings: of the service, beside those for tests.
    """
    if balancer is None:
        found = parse_policy(policy) if isinstance(policy, str) else policy
        balancer = Balancer(found, settings=call_settings or AT_ONCE)
    if lived and "database" not in settings and not directory.exists():
        directory.mkdir(parents=True)
        (directory / "history.sqlite3").write_bytes(_empty_history())
    ticks: list[Observations] = []
    ticked = threading.Event()

    def observe(observations: Observations, _decision: Decision) -> None:
        ticks.append(observations)
        ticked.set()

    balancer.listeners.ticks.add(observe)
    started = threading.Event()
    made: list[Service] = []
    server: list[_Server] = []

    async def main() -> None:
        async with scripted_upstream() as script:
            chosen = replace(
                Settings(
                    port=0,
                    drain_s=10.0,
                    data=directory,
                    token=TOKEN,
                    upstream=script.url,
                    vertex_upstream=script.url,
                    mutations_per_s=1000,
                    reads_per_s=1000,
                    watch_s=0.05,
                ),
                **settings,
            )
            app = create_app(balancer, chosen, pages)
            running = _Server(
                config_of(app, chosen),
                lambda _url: None,
                app.state.dependencies.stopping,
                chosen.drain_s,
                app.state.console.live.close,
            )
            server.append(running)
            task = asyncio.create_task(running.serve())
            # uvicorn has no event to wait for
            while not running.started and not task.done():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            port = running.servers[0].sockets[0].getsockname()[1]
            made.append(
                Service(
                    url=f"http://127.0.0.1:{port}",
                    script=script,
                    balancer=balancer,
                    settings=chosen,
                    loop=asyncio.get_running_loop(),
                    seen=ticks,
                    ticked=ticked,
                    app=app,
                    server=running,
                )
            )
            started.set()
            await task

    def thread() -> None:
        try:
            asyncio.run(main())
        finally:
            started.set()

    runner = threading.Thread(target=thread, name="service under test")
    runner.start()
    assert started.wait(GIVE_UP_S), "the service neither started nor failed"
    assert made, "the service did not start"
    try:
        yield made[0]
    finally:
        server[0].end()
        runner.join(GIVE_UP_S)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Of a service's data."""
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Uvicorn's own words are not under test."""
    logger = logging.getLogger("uvicorn.error")
    before = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(before)


@pytest.fixture
def start(directory: Path) -> Iterator[Start]:
    """Starts services that end with the test."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda **how: stack.enter_context(serving(how.pop("data", directory), **how))


@pytest.fixture
def service(start: Start) -> Service:
    """With a token and without a key of its own, under a policy that changes no call."""
    return start()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Such a service, one for all of a file's tests that only look at it."""
    with serving(tmp_path_factory.mktemp("shared") / "data") as made:
        yield made


@pytest.fixture
def untouched(shared: Service) -> Iterator[Service]:
    """The same, for tests that ask for what is refused; a test that changes something fails."""
    policy = shared.balancer.policy
    yield shared
    asked, shared.script.asked[:] = list(shared.script.asked), []
    status = shared.balancer.status()
    assert (asked, status.override, status.bypass) == ([], None, "")
    assert shared.balancer.policy is policy
