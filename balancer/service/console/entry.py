"""Logging in and out, what the pages load, and their streams."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from ..access import Peer
from ..console_use import Person, Role
from ..limits import Rates
from ..problems import Problem
from .frame import Console
from .gate import LOGIN, LOGOUT, form_of, is_secure, session_of, visitor_of
from .sessions import COOKIE, Visitor, person_of

__all__ = ["entry_routes"]

_TRIES_PER_S = 0.5
"""Of one address; ten seconds' worth may come at once."""


def entry_routes(console: Console) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    settings = console.dependencies.settings
    own = () if settings.token is None else (
        Person(name="admin", role=Role.ADMIN, token=settings.token),
    )  # fmt: skip
    people = (*settings.console.people, *own)
    tries = Rates(_TRIES_PER_S)

    @routes.get("/console/static/{name:path}")
    async def static(name: str, request: Request) -> Response:
        return console.assets.serve(name, request.headers)

    @routes.get("/console/live/{view}")
    async def live(view: str) -> Response:
        return StreamingResponse(
            console.live.watch(view),
            media_type="text/event-stream",
            headers={"x-accel-buffering": "no"},
        )

    @routes.get(LOGIN)
    async def login_page(request: Request) -> Response:
        if settings.token is None or visitor_of(request).logged_in:
            return RedirectResponse("/console", 303)
        return console.part("login.html", then=_then(request), problem="")

    @routes.post(LOGIN)
    async def login(request: Request) -> Response:
        peer = Peer(request.client.host if request.client else None, request.headers)
        wait_s = tries.wait_s(peer.address)
        if wait_s:
            text = f"Too many tries from this address. Try again in {wait_s:.0f} s."
            answer = console.part("login.html", status=429, then=_then(request), problem=text)
            answer.headers["retry-after"] = str(int(wait_s) + 1)
            return answer
        person = person_of(form_of(request)["token"].strip(), people)
        if person is None:
            nobody = Visitor(name="nobody", role=Role.VIEWER, csrf="")
            console.audit.add(nobody, "log-in refused", after=f"from {peer.address or 'a socket'}")
            return console.part(
                "login.html",
                status=401,
                then=_then(request),
                problem="No such token. It is the service's OPEN_BALANCER_TOKEN, or your own.",
            )
        console.sessions.end(session_of(request))
        secret = console.sessions.begin(person.name, person.role)
        visitor = console.sessions.find(secret)
        assert visitor is not None
        console.audit.add(visitor, "log in")
        response = RedirectResponse(_then(request), 303)
        response.set_cookie(
            COOKIE,
            secret,
            path="/console",
            httponly=True,
            samesite="strict",
            secure=is_secure(request),
        )
        return response

    @routes.post(LOGOUT)
    async def logout(request: Request) -> Response:
        console.sessions.end(session_of(request))
        console.audit.add(visitor_of(request), "log out")
        response = RedirectResponse(LOGIN, 303)
        response.delete_cookie(COOKIE, path="/console")
        return response

    @routes.get("/console/{_rest:path}")
    async def nowhere(_rest: str) -> Response:
        raise Problem(404, "there is no such page")

    return routes


def _then(request: Request) -> str:
    """Where to go after the log-in: a page of the console, whatever the address says."""
    given = request.query_params.get("next", "")
    parts = urlsplit(given)
    inside = given.startswith("/console") and not parts.scheme and not parts.netloc
    return given if inside and "\\" not in given else "/console"
