"""Puts the service together: the API, the proxy, and what runs beside them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from ..runtime.balancer import Balancer
from ..version import VERSION
from .api.brownout import brownout_routes
from .api.dependencies import Dependencies
from .api.front import front_routes
from .api.health import health_routes
from .api.history import history_routes
from .api.incidents import incident_routes
from .api.llm import llm_routes
from .api.metrics import metrics_routes
from .api.metrics_views import Cpu
from .api.middleware import Middleware
from .api.openapi import Described
from .api.scrape import scrape_routes
from .api.webhook import webhook_routes
from .audit import Audit
from .console import Console, Page
from .console.app import console_of, pages_of
from .console.gate import Gate
from .entry import Entry
from .events import Events
from .history import Store, StoreError
from .history.conversations import Conversations
from .incidents.incident_tracker import IncidentTracker
from .instance import owner_of
from .integrations.integrations import integrations_of
from .policies import Policies
from .problems import install
from .proxy import Gateway
from .proxy.ungoverned import PassedCounts
from .recent import Recent
from .settings import Settings
from .stopping import Stopping

if TYPE_CHECKING:
    from ..core.decisions import Decision
    from ..core.observations import Observations

__all__ = ["create_app"]

_TEND_S = 5.0
_log = logging.getLogger("balancer.service")

_ABOUT = """\
Keeps a Gemini-powered application answering, fast and inside budget.

Beside what is listed here, the service is a **Gemini-compatible proxy**: give any Gemini client
its address as the base URL. Whatever changes something needs the header
`Authorization: Bearer …` with the service's token; without a token, only this machine may.
"""


def create_app(balancer: Balancer, settings: Settings, pages: Sequence[Page] = ()) -> FastAPI:
    """The service as an ASGI application.

    It starts the balancer and closes it; a balancer that was started already is taken as it is.

    Args:
        balancer: whose plans it serves.
        settings: how.
        pages: of the console, beside its own.

    Raises:
        InputError: a database URL that cannot be used, or something beside the service that
            it was asked to talk to and cannot.
    """
    dependencies = _dependencies(balancer, settings)
    app = _Service(
        title="open-Balancer",
        version=VERSION,
        description=_ABOUT,
        lifespan=lambda app: _life(dependencies, app.state.console),
        docs_url=None,
        redoc_url=None,
    )
    app.state.dependencies = dependencies
    install(app, StoreError)
    for routes in (
        metrics_routes,
        brownout_routes,
        llm_routes,
        history_routes,
        incident_routes,
        health_routes,
        webhook_routes,
        scrape_routes,
    ):
        app.include_router(routes(dependencies))
    app.include_router(front_routes(app))
    # The last one added is the first to see a request.
    app.add_middleware(Middleware, settings=settings, bodies=dependencies.gateway.bodies)
    console = console_of(dependencies, pages)
    app.state.console = console
    app.add_middleware(
        Gate,
        pages=pages_of(console),
        settings=settings,
        sessions=console.sessions,
        refuse=console.refusal,
    )
    app.entry = Entry(
        app.behind,
        gateway=dependencies.gateway,
        settings=settings,
        stopping=dependencies.stopping,
    )
    return app


class _Service(Described):
    """The application with its entry before the framework, whose layers would add to the latency
    of every call that the proxy takes.
    """

    entry: Entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve ASGI."""
        await self.entry(scope, receive, send)

    async def behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is not the proxy's."""
        await super().__call__(scope, receive, send)


def _dependencies(balancer: Balancer, settings: Settings) -> Dependencies:
    store, events, stopping = Store(settings.database_url), Events(), Stopping()
    tracker = IncidentTracker(balancer, events, store)
    audit = Audit(store, lambda: tracker.owner)
    integrations = integrations_of(balancer, settings, events, store, tracker)
    tracker.trace = integrations.trace
    dependencies = Dependencies(
        balancer=balancer,
        settings=settings,
        store=store,
        audit=audit,
        policies=Policies(balancer, store, settings, audit),
        recent=Recent(balancer.decision.mode),
        passed=PassedCounts(),
        conversations=Conversations(balancer),
        cpu=Cpu(),
        gateway=Gateway(balancer, settings, stopping),
        events=events,
        tracker=tracker,
        integrations=integrations,
        stopping=stopping,
    )

    def observe(observations: Observations, decision: Decision) -> None:
        """Once a tick, on the ticker: appends and no waiting."""
        dependencies.recent.add(observations, decision, balancer.policy.tick_s)
        dependencies.tracker.observe(observations, decision)

    balancer.listeners.ticks.add(observe)
    balancer.listeners.passages.add(dependencies.passed.add)
    return dependencies


@contextlib.asynccontextmanager
async def _life(dependencies: Dependencies, console: Console) -> AsyncIterator[None]:
    await asyncio.to_thread(dependencies.store.open)
    await asyncio.to_thread(dependencies.policies.open)
    owner = await asyncio.to_thread(owner_of, dependencies.settings.data)
    await asyncio.to_thread(dependencies.tracker.open, owner)
    dependencies.gateway.open()
    await asyncio.to_thread(dependencies.integrations.start)
    await asyncio.to_thread(dependencies.balancer.start)
    tasks = [
        asyncio.create_task(_lasting(dependencies.policies.watch, "watching the policy file")),
        asyncio.create_task(_lasting(dependencies.policies.follow, "following the fleet's policy")),
        asyncio.create_task(_lasting(partial(_tend, dependencies), "tending incidents")),
    ]
    try:
        yield
    finally:
        # The server has drained what was in flight: what it observed is stepped, then written.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await console.jobs.close()
        console.rollups.flush()
        await dependencies.gateway.close()
        await asyncio.to_thread(dependencies.balancer.close)
        await dependencies.integrations.close()
        await asyncio.to_thread(dependencies.store.close)


async def _lasting(work: Callable[[], Awaitable[None]], what: str) -> None:
    """Do something that goes on, and go on with it whatever happens."""
    while True:
        try:
            await work()
            return
        except Exception:  # noqa: BLE001 - what dies in silence would not be missed
            _log.exception("%s failed; it goes on", what)
            await asyncio.sleep(1.0)


async def _tend(dependencies: Dependencies) -> None:
    while True:
        await asyncio.sleep(_TEND_S)
        await asyncio.to_thread(dependencies.tracker.tend)
        await asyncio.to_thread(dependencies.integrations.tend)
