"""The first to see a request: from whom nothing is taken, whatever is asked, and what is whose."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from .access import Sites
from .api.middleware import READING, refuse
from .problems import Problem
from .proxy import Gateway
from .proxy.answers import Refusal, error_reply
from .proxy.sockets import refuse_socket
from .settings import Settings
from .stopping import Stopping

__all__ = ["Entry"]


class Entry:
    """Refuses pages of other sites and, while the service stops, new work; sends the Gemini API's
    paths to the proxy, before any framework.

    Args:
        app: what serves the rest.
        gateway: the proxy.
        settings: names and origins that are known.
        stopping: whether the service stops.
    """

    def __init__(
        self, app: ASGIApp, gateway: Gateway, settings: Settings, stopping: Stopping
    ) -> None:
        self._app = app
        self._gateway = gateway
        self._sites = Sites(settings)
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve ASGI."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        destination = self._gateway.find(scope)
        problem = self._sites.problem(scope["headers"])
        works = destination is not None or scope["method"] not in READING
        if problem is None and self._stopping.begun and works:
            problem = _stops()
        if destination is not None:
            if problem is not None:
                destination = _refusal(problem)
            await self._gateway.serve(destination, scope, receive, send)
        elif problem is not None:
            await refuse(problem, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._sites.problem(scope["headers"])
        if problem is None and self._stopping.begun:
            problem = _stops()
        if problem is not None:
            await receive()
            reply = error_reply(problem.status, problem.message)
            await refuse_socket(scope, receive, send, reply)
        elif not await self._gateway.serve_socket(scope, receive, send):
            await self._app(scope, receive, send)


def _stops() -> Problem:
    return Problem(
        503,
        "open-Balancer: the service stops. Please retry in 1s.",
        headers={"retry-after": "1", "connection": "close"},
    )


def _refusal(problem: Problem) -> Refusal:
    headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    return Refusal(problem.status, problem.message, headers)
