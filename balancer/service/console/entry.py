"""Logging in and out, what the pages load, and their streams."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from ..access import Peer
from ..console_use import Person, Role
from ..limits import Rates
from ..problems import Problem
from .frame import Console
from .gate import BACK, LOGIN, LOGOUT, OIDC, form_of, is_secure, session_of, visitor_of
from .oidc import Oidc
from .sessions import COOKIE, Visitor, person_of

__all__ = ["entry_routes"]

_STATE = "open_balancer_oidc"
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

    def login_form(request: Request, problem: str = "", *, status: int = 200) -> Response:
        return console.part(
            "login.html",
            status=status,
            then=_then(request),
            problem=problem,
            oidc=settings.console.oidc is not None,
        )

    @routes.get(LOGIN)
    async def login_page(request: Request) -> Response:
        if settings.token is None or visitor_of(request).logged_in:
            return RedirectResponse("/console", 303)
        return login_form(request)

    @routes.post(LOGIN)
    async def login(request: Request) -> Response:
        peer = Peer(request.client.host if request.client else None, request.headers)
        wait_s = tries.wait_s(peer.address)
        if wait_s:
            text = f"Too many tries from this address. Try again in {wait_s:.0f} s."
            answer = login_form(request, text, status=429)
            answer.headers["retry-after"] = str(int(wait_s) + 1)
            return answer
        person = person_of(form_of(request)["token"].strip(), people)
        if person is None:
            refused(f"from {peer.address or 'a socket'}")
            text = "No such token. It is the service's OPEN_BALANCER_TOKEN, or your own."
            return login_form(request, text, status=401)
        response = RedirectResponse(_then(request), 303)
        return _logged_in(console, request, response, person.name, person.role)

    def refused(why: str) -> None:
        nobody = Visitor(name="nobody", role=Role.VIEWER, csrf="")
        console.audit.add(nobody.author, "log-in refused", after=why)

    oidc = None if settings.console.oidc is None else Oidc(settings.console.oidc)

    @routes.get(OIDC)
    async def to_provider(request: Request) -> Response:
        peer = Peer(request.client.host if request.client else None, request.headers)
        if oidc is None:
            raise Problem(404, "no OpenID provider is set up")
        if tries.wait_s(peer.address):
            raise Problem(429, "too many tries from this address", headers={"retry-after": "2"})
        secure = is_secure(request)
        home = settings.notify.link.rstrip("/") or (
            f"{'https' if secure else 'http'}://{request.headers.get('host', '')}"
        )
        begun = await oidc.begin(home + BACK, _then(request))
        response = RedirectResponse(begun.url, 303)
        # It comes back from another site, so that a strict cookie would not come with it.
        response.set_cookie(
            _STATE, begun.state, path=BACK, max_age=600, httponly=True, samesite="lax",
            secure=secure,
        )  # fmt: skip
        return response

    @routes.get(BACK)
    async def from_provider(
        request: Request,
        state: Annotated[str, Query(max_length=200)] = "",
        code: Annotated[str, Query(max_length=4000)] = "",
        error: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        if oidc is None:
            raise Problem(404, "no OpenID provider is set up")
        try:
            name, role, then = await oidc.end(
                state=state, kept=request.cookies.get(_STATE, ""), code=code, error=error
            )
        except Problem as problem:
            refused(problem.message)
            raise
        # A page, and no redirect: the strict cookie goes with what this site asks for itself.
        response = console.part("oidc_back.html", then=then)
        return _logged_in(console, request, response, name, role)

    @routes.post(LOGOUT)
    async def logout(request: Request) -> Response:
        console.sessions.end(session_of(request))
        console.audit.add(visitor_of(request).author, "log out")
        response = RedirectResponse(LOGIN, 303)
        response.delete_cookie(COOKIE, path="/console")
        return response

    @routes.get("/console/{_rest:path}")
    async def nowhere(_rest: str) -> Response:
        raise Problem(404, "there is no such page")

    return routes


def _logged_in(
    console: Console, request: Request, response: Response, name: str, role: Role
) -> Response:
    """Begin a session; one that there was is over."""
    console.sessions.end(session_of(request))
    secret = console.sessions.begin(name, role)
    visitor = console.sessions.find(secret)
    assert visitor is not None
    console.audit.add(visitor.author, "log in")
    response.set_cookie(
        COOKIE,
        secret,
        path="/console",
        httponly=True,
        samesite="strict",
        secure=is_secure(request),
    )
    return response


def _then(request: Request) -> str:
    """Where to go after the log-in: a page of the console, whatever the address says."""
    given = request.query_params.get("next", "")
    parts = urlsplit(given)
    inside = given.startswith("/console") and not parts.scheme and not parts.netloc
    return given if inside and "\\" not in given else "/console"
