"""Makes, shows, cancels and deletes interactions."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from balancer.core.tiers import REQUEST_TIERS
from balancer.wire.interactions import (
    is_background,
    previous_of,
    steps_of,
    wants_stream,
)
from balancer.wire.members import child, member

from ..acting import Acting
from ..answers import as_asked
from ..bodies import Body, parse, read_body, text_tokens
from ..calling import called
from ..headers import Headers
from ..refusals import Refusal, invalid_argument, unavailable
from ..replies import Gone, Receive, Scope, Send, send_json
from ..strict import check
from ..wall_upstream import Fate, ModelEntry
from .answers import Event, InteractionForm
from .kept import Kept, KeptInteractions
from .paths import InteractionRoute
from .shape import check_request, document_of, flat

if TYPE_CHECKING:
    from ..app import GeminiApp

__all__ = ["Interactions"]

_DONE = (None, "empty", "cut")


class Interactions:
    """The Interactions API of one play.

    Args:
        app: whose models, counters and settings it shares.

    Attributes:
        kept: those that can be asked for again.
    """

    __slots__ = ("_app", "_waiting", "kept")

    def __init__(self, app: GeminiApp) -> None:
        self._app = app
        self._waiting: set[asyncio.Task[None]] = set()
        self.kept = KeptInteractions()

    async def answer(
        self,
        asked: InteractionRoute,
        headers: Headers,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """One request, whose key was checked.

        Args:
            asked: by its path.
            headers: of the request.
            scope, receive, send: likewise.

        Raises:
            Refusal: what is wrong with it.
            Gone: the client has left.
        """
        raw = await self._app.read(headers, receive)
        if asked.action == "create":
            await self._create(parse(raw), headers, scope, receive, send)
            return
        self._app.counters.other[f"{asked.action}Interaction"] += 1
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if asked.action == "get" and query.get("stream") == ["true"]:
            await self._follow(asked.name, query, scope, receive, send)
            return
        found = self._show(asked, query)
        await send_json(scope, send, 200, json.dumps(found).encode())

    # --- what is kept -----------------------------------------------------------------------

    def _show(self, asked: InteractionRoute, query: dict[str, list[str]]) -> dict[str, Any]:
        now = asyncio.get_running_loop().time()
        if asked.action == "delete":
            self.kept.drop(asked.name)
            return {}
        kept = self.kept.find(asked.name)
        if asked.action == "cancel":
            if not (kept.background and kept.is_running(now)):
                raise invalid_argument("Only background interactions that run can be cancelled.")
            kept.cancel()
        return kept.resource(now, with_input=query.get("include_input") == ["true"])

    async def _follow(
        self,
        name: str,
        query: dict[str, list[str]],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Its events after the one that is named, when they are due."""
        kept = self.kept.find(name)
        after = query.get("last_event_id", ["0"])[0]
        if not after.isdecimal():
            raise invalid_argument(f"last_event_id {after[:80]!r} is none of this interaction's.")
        stream = InteractionForm({}, shows=False).stream(scope, send, sse=True)
        await _begun(kept, receive)
        for due, event in kept.events[int(after) :]:
            await _until(due, receive)
            await stream.write(json.dumps(event))
        await _until(kept.due, receive)
        await stream.end()

    # --- a new one --------------------------------------------------------------------------

    async def _create(
        self, body: dict[str, Any], headers: Headers, scope: Scope, receive: Receive, send: Send
    ) -> None:
        app = self._app
        check_request(body)
        if member(body, "agent"):
            raise Refusal(404, "NOT_FOUND", f"Agent {str(body['agent'])[:80]!r} not found.")
        now = asyncio.get_running_loop().time()
        model = app.model(str(member(body, "model")).rpartition("/")[2], "createInteraction")
        given = steps_of(member(body, "input"))
        before = self._before(body, now)
        document = document_of(body, [*before, *given])
        asks = read_body(document, model.card)
        if not app.settings.lenient:
            check(document, model.card, cached_for=app.caches.model_of(document, model.name))
        prompt = text_tokens(document) if headers.request is None else None
        if is_background(body):
            fate = app.upstream.begin(model, asks, headers.request, headers.attempt, prompt)
        else:
            fate = await app.fate(model, asks, headers, prompt, receive)
        call = called(document, model.card, fate.request, app.settings.call_share)
        asks = asks._replace(call=call)
        head = self._head(body, model, fate)
        shows = member(child(body, "generationConfig"), "thinkingSummaries") == "auto"
        form = InteractionForm(head, shows=shows)

        def acts(fate: Fate) -> tuple[Acting, Kept]:
            fate_, asks_ = as_asked(fate, asks, model.card) if asks.stops else (fate, asks)
            acting = Acting(
                settings=app.settings,
                upstream=app.upstream,
                counters=app.counters,
                model=model,
                vertex=False,
                body=asks_,
                began=now,
                fate=fate_,
                scope=scope,
                receive=receive,
                send=send,
                form=form,
            )
            background = is_background(body)
            return acting, self._kept(form, asks_, model, fate_, now, background=background)

        if fate.waits:
            kept = Kept(head, math.inf, [], before=[], given=[], background=True, waits=True)
            task = asyncio.create_task(self._place(kept, fate, acts))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
        else:
            acting, kept = acts(fate)
        works = fate.waits or fate.outcome in _DONE or fate.served or fate.hangs
        if works and member(body, "store") is not False:
            kept.before, kept.given = [*before, *given], given
            self.kept.keep(head["id"], kept)
        if not (is_background(body) and works):
            await acting.run(True if wants_stream(body) else None)
            return
        if not fate.waits:
            acting.run_unseen()
        if wants_stream(body):
            await self._follow(head["id"], {}, scope, receive, send)
        else:
            await send_json(scope, send, 200, json.dumps(kept.resource(now)).encode())

    async def _place(
        self, kept: Kept, fate: Fate, acts: Callable[[Fate], tuple[Acting, Kept]]
    ) -> None:
        """Let one of flex begin in the background, once it has a place, unless it is cancelled."""
        placed = await self._app.upstream.place(fate, kept.begun.wait())
        if placed is not None:
            acting, found = acts(placed)
            kept.begin(found)
            acting.run_unseen()

    def _before(self, body: dict[str, Any], now: float) -> list[Any]:
        """Steps that a request goes on from.

        Raises:
            Refusal: 404 for a name that is none, 400 for one that has not ended.
        """
        name = previous_of(body)
        if not name:
            return []
        kept = self.kept.find(name)
        if kept.is_running(now):
            raise invalid_argument(f"Interaction {name!r} is still in progress.")
        return kept.steps(now)

    def _head(self, body: dict[str, Any], model: ModelEntry, fate: Fate) -> dict[str, Any]:
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        found = {
            "id": "" if member(body, "store") is False else self.kept.name(),
            "object": "interaction",
            "model": model.card.name,
            "created": at,
            "updated": at,
            "service_tier": REQUEST_TIERS[fate.tier if fate.waits else fate.served_tier],
        }
        previous = previous_of(body)
        return found | ({"previous_interaction_id": previous} if previous else {})

    def _kept(
        self,
        form: InteractionForm,
        asks: Body,
        model: ModelEntry,
        fate: Fate,
        now: float,
        *,
        background: bool,
    ) -> Kept:
        settings = self._app.settings
        answer = form.answer(fate, asks, model.name, vertex=False)

        def due(at_s: float) -> float:
            return now + at_s / settings.speed if settings.latency else now

        ended = answer.resource()
        events = [event._replace(at_s=due(event.at_s)) for event in answer.events()]
        if fate.outcome not in _DONE:
            error = flat(unavailable("overloaded" if fate.outcome == "overloaded" else "internal"))
            ended |= {"status": "failed", "errors": [error["error"]]}
            if not fate.hangs:
                said = {"event_type": "error", **error, "event_id": str(len(events) + 1)}
                events.append(Event(due(fate.duration_s), said))
        at = math.inf if fate.hangs else due(fate.duration_s)
        return Kept(ended, at, events, before=[], given=[], background=background)


async def _begun(kept: Kept, receive: Receive) -> None:
    """Wait until it has a place.

    Raises:
        Gone: the client left first.
    """
    if kept.begun.is_set():
        return
    begins, leaves = (asyncio.ensure_future(each) for each in (kept.begun.wait(), receive()))
    await asyncio.wait((begins, leaves), return_when=asyncio.FIRST_COMPLETED)
    begins.cancel()
    leaves.cancel()
    if not kept.begun.is_set():
        raise Gone


async def _until(due: float, receive: Receive) -> None:
    """Wait for a second of the event loop's clock.

    Raises:
        Gone: the client left first.
    """
    if due <= asyncio.get_running_loop().time():
        return
    try:
        async with asyncio.timeout_at(due if due < math.inf else None):
            await receive()
    except TimeoutError:
        return
    raise Gone
