"""Before every page: who asks, whether they may, and whether it was they who asked.

The service's API is not concerned: it has its own middleware. What changes something needs a
session's secret (CSRF token) beside its cookie, so that no page of another site can send it.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from fastapi import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..access import Peer, matches
from ..console_use import Role
from ..limits import Rates
from ..problems import Problem
from ..settings import Settings
from .forms import Form, read_form
from .sessions import COOKIE, Sessions, Visitor

__all__ = [
    "BACK",
    "LOGIN",
    "LOGOUT",
    "OIDC",
    "Gate",
    "form_of",
    "is_secure",
    "need",
    "session_of",
    "visitor_of",
]

LOGIN = "/console/login"
LOGOUT = "/console/logout"
OIDC, BACK = "/console/oidc/begin", "/console/oidc/back"
_STATIC = "/console/static/"
_READING = ("GET", "HEAD")
_SECURITY = {
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; "
    b"img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    b"frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}

Refuse = Callable[[Request, Problem], Awaitable[Response]]


class Gate:
    """Takes what is the console's, and hands everything else on.

    Args:
        app: the rest of the service.
        pages: the console's own application.
        settings: token, people, limits.
        sessions: who is logged in.
        refuse: makes the page that says no.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        pages: ASGIApp,
        settings: Settings,
        sessions: Sessions,
        refuse: Refuse,
    ) -> None:
        self._app = app
        self._pages = pages
        self._settings = settings
        self._sessions = sessions
        self._refuse = refuse
        self._reads = Rates(settings.reads_per_s)
        self._mutations = Rates(settings.mutations_per_s)
        # Without a token whoever is on this machine is the operator, and needs no log-in.
        self._local = Visitor(name="local", role=Role.ADMIN, csrf=secrets.token_urlsafe(24))
        self._public = Visitor(name="public", role=Role.VIEWER, csrf="")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve ASGI."""
        path = scope.get("path", "")
        here = path == "/console" or _inside(path) or (path == "/" and _is_browser(scope))
        if scope["type"] != "http" or not here:
            await self._app(scope, receive, send)
            return
        send = _with_security(send, static=path.startswith(_STATIC))
        if path in ("/", "/console/"):
            await RedirectResponse("/console", 307)(scope, receive, send)
            return
        scope.setdefault("state", {})
        scope["state"] |= {"visitor": self._public, "form": Form(), "session": None}
        try:
            receive = await self._admit(scope, receive)
        except Problem as problem:
            answer = await self._refuse(Request(scope), problem)
            await answer(scope, receive, send)
            return
        except _LogInFirst:
            query = scope["query_string"].decode("latin-1")
            asked = f"{path}?{query}" if query else path
            then = f"?next={quote(asked, safe='')}" if path != "/console" else ""
            await RedirectResponse(LOGIN + then, 303)(scope, receive, send)
            return
        await self._pages(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive) -> Receive:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        client = scope.get("client")
        peer = Peer(client[0] if client else None, headers)
        path, reads = scope["path"], scope["method"] in _READING
        if path.startswith(_STATIC) and reads:
            return receive
        wait_s = (self._reads if reads else self._mutations).wait_s(peer.address)
        if wait_s:
            raise Problem(
                429,
                f"too many requests from this address; try again in {wait_s:.2f} s",
                headers={"retry-after": str(int(wait_s) + 1)},
            )
        session = _cookie(headers)
        visitor = self._visitor(peer, session)
        if visitor is not None:
            scope["state"] |= {"visitor": visitor, "session": session}
        if reads:
            if visitor is None and path not in (LOGIN, OIDC, BACK):
                raise _LogInFirst
            return receive
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("application/x-www-form-urlencoded", "application/json"):
            raise Problem(415, "expected a form or JSON", where="Content-Type")
        body = await _body(receive, self._settings.largest_api_body)
        form = read_form(body) if kind != "application/json" else Form()
        scope["state"]["form"] = form
        if path != LOGIN:
            _check_change(visitor, form, headers, path)
        read: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return read.pop() if read else await receive()

        return replay

    def _visitor(self, peer: Peer, session: str | None) -> Visitor | None:
        if self._settings.token is None:
            if not peer.local:
                raise Problem(
                    403,
                    "no token is configured, so the console is for this machine only; set "
                    "OPEN_BALANCER_TOKEN where the service runs",
                )
            return self._local
        found = self._sessions.find(session)
        if found is None and self._settings.console.public:
            return self._public
        return found


class _LogInFirst(Exception):  # noqa: N818 - no error: a way
    pass


def _is_browser(scope: Scope) -> bool:
    """Whether somebody looks; a program that asks for / is told what is served where."""
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def _inside(path: str) -> bool:
    return path.startswith("/console/")


def _check_change(visitor: Visitor | None, form: Form, headers: dict[str, str], path: str) -> None:
    if visitor is None or not visitor.csrf:
        raise Problem(401, "log in first; a session ends after two hours without use")
    given = headers.get("x-csrf-token") or form["csrf"]
    if not matches(given, visitor.csrf):
        raise Problem(403, "the form is from another session; load the page again", where="csrf")
    if visitor.role < Role.OPERATOR and path != LOGOUT:
        raise Problem(403, f"{visitor.name} is a viewer, and only looks; ask an operator")


async def _body(receive: Receive, most: int) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise Problem(413, f"that is larger than {most:,} bytes, the most that is taken")
    return bytes(body)


def _cookie(headers: dict[str, str]) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value


def _with_security(send: Send, *, static: bool) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = dict(message.get("headers", []))
            # A report has a stricter policy of its own: a sandbox.
            more = [each for each in _SECURITY.items() if each[0] not in given]
            message["headers"] = [*message.get("headers", []), *more]
            if not static:
                message["headers"].append((b"cache-control", b"no-store"))
        await send(message)

    return guarded


def visitor_of(request: Request) -> Visitor:
    """Who asks."""
    visitor: Visitor = request.state.visitor
    return visitor


def session_of(request: Request) -> str | None:
    """The session's secret; None where there is no session."""
    session: str | None = request.state.session
    return session


def form_of(request: Request) -> Form:
    """What the form sent."""
    form: Form = request.state.form
    return form


def need(request: Request, role: Role) -> Visitor:
    """Who asks, if they may.

    Raises:
        Problem: 403.
    """
    visitor = visitor_of(request)
    if visitor.role < role:
        raise Problem(
            403, f"this needs the role {role.label}; {visitor.name} is {visitor.role.label}"
        )
    return visitor


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or to what stands before us."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
