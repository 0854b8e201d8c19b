"""Before the API: who comes in, how often, and with how much.

This stands before the framework, which would read a whole body before it asks anything. What
changes nothing (GET, HEAD, OPTIONS) has a limit of its own; so has everything else.
"""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...webhook import WEBHOOK_PATH
from ..access import Peer, check_mutation
from ..bodies import RETRY_S, Bodies, Held
from ..limits import Rates
from ..problems import Problem, body_of, methods
from ..settings import Settings
from ..texts import can_be_held

__all__ = ["READING", "Middleware", "refuse"]

_OPEN = ("/healthz", "/readyz")
"""Load balancers ask for these, often, and without a token."""
READING = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""


class Middleware:
    """Refuses what may not come in, with nothing changed.

    Args:
        app: what is behind it.
        settings: token and limits.
        bodies: of the requests under way, the proxy's among them.
    """

    def __init__(self, app: ASGIApp, settings: Settings, bodies: Bodies) -> None:
        self._app = app
        self._bodies = bodies
        self._settings = settings
        self._reads = Rates(settings.reads_per_s)
        self._mutations = Rates(settings.mutations_per_s)
        # Many monitors may speak at once, and Datadog repeats nothing that was refused by a 429.
        self._deliveries = Rates(settings.reads_per_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve ASGI."""
        if scope["type"] != "http" or scope["path"] in _OPEN:
            await self._app(scope, receive, send)
            return
        with self._bodies.one() as held:
            try:
                receive = await self._admit(scope, receive, held)
            except Problem as problem:
                await refuse(problem, send)
                return
            await self._app(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive, held: Held) -> Receive:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        client = scope.get("client")
        peer = Peer(client[0] if client else None, headers)
        reads = scope["method"] in READING
        delivers = not reads and scope["path"] == WEBHOOK_PATH
        # Guesses at the token are limited as everything else is.
        rates = self._reads if reads else self._deliveries if delivers else self._mutations
        wait_s = rates.wait_s(peer.address)
        if wait_s:
            raise Problem(
                429,
                f"too many requests from this address; try again in {wait_s:.2f} s",
                headers={"retry-after": str(int(wait_s) + 1)},
            )
        if reads:
            return receive
        if not delivers:  # deliveries carry a secret of their own
            check_mutation(peer, self._settings)
        # A page of any site can send a form or plain text from a browser, but not JSON.
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and scope["method"] in methods(scope):
            raise Problem(
                415,
                "expected a body in JSON (Content-Type: application/json)",
                where="Content-Type",
            )
        return await _bounded(receive, headers, self._settings.largest_api_body, held)


async def _bounded(receive: Receive, headers: dict[str, str], most: int, held: Held) -> Receive:
    """Read the body, and hand it on.

    Raises:
        Problem: 400, 413 or 503.
    """
    declared = headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()):
        raise Problem(400, "the Content-Length is no number", where="Content-Length")
    body = bytearray()
    large = len(declared) > 15 or int(declared) > most
    more = True
    while more and not large:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        piece = message.get("body", b"")
        if not held.add(len(piece)):
            raise Problem(503, held.bodies.full, headers={"retry-after": str(RETRY_S)})
        body += piece
        more = message.get("more_body", False)
        large = len(body) > most
    if large:
        raise Problem(413, f"the body is larger than {most:,} bytes, the most that is taken")
    _check_text(bytes(body))
    read: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def replay() -> Message:
        return read.pop() if read else await receive()

    return replay


def _check_text(body: bytes) -> None:
    """Refuse texts that no database and no answer in UTF-8 can hold; JSON can write them.

    Raises:
        Problem: 400.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if not can_be_held(text):  # UTF-16 is read as JSON, too, and hides from what looks at bytes
        raise Problem(400, "the body is not JSON in UTF-8")
    if "\\u" not in text:
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return  # it is refused by what reads it
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and not can_be_held(value):
            raise Problem(400, "a text in the body holds half a surrogate pair, or a null")


async def refuse(problem: Problem, send: Send) -> None:
    """Answer with a refusal."""
    body = json.dumps(body_of(problem.status, problem.message, where=problem.where)).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *((name.encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
