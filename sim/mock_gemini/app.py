"""The Gemini API as an ASGI application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from .acting import GENERATION, Acting, Form
from .answers import as_asked
from .bodies import Body, count_body, parse, read_body, text_tokens
from .caches import Caches
from .calling import called
from .clock import ScenarioClock
from .counters import Counters
from .embeddings import embed
from .files import Files
from .headers import Headers, check_key, read_headers
from .interactions import Interactions, flat, interaction_route, is_interaction
from .models import describe_model, list_models
from .openai import OpenAI, as_list, is_openai, openai_route
from .paths import EMBEDDING, Route, route
from .refusals import Refusal, body_too_large, no_such_model
from .replies import Gone, Receive, Scope, Send, send_json
from .settings import Settings
from .strict import check
from .wall_upstream import Fate, ModelEntry, WallUpstream

__all__ = ["GeminiApp"]


class GeminiApp:
    """Answers as Gemini does, by the fates of a scenario's upstream.

    Args:
        settings: what to play.

    Attributes:
        clock: of the scenario.
        upstream: the play under way.
        counters: of this play.
        caches: that its callers have named.
        interactions: of this play.
        openai: the path for clients of OpenAI, of this play.
        files: that its callers have sent.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._key = settings.api_key.encode()
        self.begin(None)

    def begin(self, epoch: float | None) -> None:
        """Play the scenario from its second 0 on; calls under way end on the play before.

        Args:
            epoch: Unix time of second 0; None is now.
        """
        self.clock = ScenarioClock(self.settings.speed, epoch)
        self.upstream = WallUpstream(self.settings, self.clock)
        self.counters = Counters()
        self.caches = Caches()
        self.interactions = Interactions(self)
        self.openai = OpenAI(self)
        self.files = Files(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            await self._answer(scope, receive, send)
        except Refusal as refusal:
            self.counters.refused[refusal.code] += 1
            await send_json(scope, send, refusal.code, _said(refusal, scope["path"]))
        except Gone:
            return

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = read_headers(scope["headers"])
        query: bytes = scope["query_string"]
        interaction = interaction_route(scope["method"], scope["path"])
        if interaction is not None:
            check_key(headers, query, self._key)
            await self.interactions.answer(interaction, headers, scope, receive, send)
            return
        openai = openai_route(scope["method"], scope["path"])
        if openai is not None:
            check_key(headers, query, self._key)
            await self.openai.answer(openai, headers, scope, receive, send)
            return
        if self.files.is_path(scope["path"]):
            if self.files.needs_key(query):
                check_key(headers, query, self._key)
            await self.files.answer(headers, scope, receive, send)
            return
        asked = route(scope["method"], scope["path"])
        check_key(headers, query, self._key)
        if asked.method is None:
            await send_json(scope, send, 200, self._models(asked, query))
            return
        raw = await self.read(headers, receive)
        document = parse(raw)
        if asked.method in EMBEDDING:
            found = embed(document, asked.model or "", asked.method)
            self.counters.other[asked.method] += 1
            await send_json(scope, send, 200, json.dumps(found).encode())
            return
        model = self.model(asked.model or "", asked.method)
        if asked.method == "countTokens":
            self.counters.other["countTokens"] += 1
            count = count_body(document)
            if headers.request is not None:
                count = self.upstream.prompt_tokens(headers.request)
            details = [{"modality": "TEXT", "tokenCount": count}]
            found = {"totalTokens": count, "promptTokensDetails": details}
            await send_json(scope, send, 200, json.dumps(found).encode())
            return
        acting = await self.start(
            model, document, headers, vertex=asked.vertex, scope=scope, receive=receive, send=send
        )
        sse: bool | None = None
        if asked.method == "streamGenerateContent":
            sse = b"alt=sse" in query
        await acting.run(sse)

    async def start(
        self,
        model: ModelEntry,
        document: dict[str, Any],
        headers: Headers,
        *,
        vertex: bool,
        scope: Scope,
        receive: Receive,
        send: Send,
        form: Callable[[Fate], Form] = lambda _: GENERATION,
    ) -> Acting:
        """A call of a model that starts now, with its fate.

        Args:
            model: which is called.
            document: what is asked, in the words of generateContent.
            headers: of the request.
            vertex: whether in the form of Vertex AI.
            scope, receive, send: of the request.
            form: the API's words, of a fate.

        Raises:
            Refusal: what is wrong with it.
            Gone: its client has left before it had a place.
        """
        body = read_body(document, model.card)
        if vertex:
            body = body._replace(request_type=headers.request_type)
        if not self.settings.lenient:
            check(document, model.card, cached_for=self.caches.model_of(document, model.name))
        prompt = text_tokens(document) if headers.request is None else None
        began = asyncio.get_running_loop().time()
        fate = await self.fate(model, body, headers, prompt, receive)
        body = body._replace(
            call=called(document, model.card, fate.request, self.settings.call_share)
        )
        if body.stops or body.candidates > 1:
            fate, body = as_asked(fate, body, model.card)
        return Acting(
            settings=self.settings,
            upstream=self.upstream,
            counters=self.counters,
            model=model,
            vertex=vertex,
            body=body,
            began=began,
            fate=fate,
            scope=scope,
            receive=receive,
            send=send,
            form=form(fate),
        )

    async def fate(
        self, model: ModelEntry, body: Body, headers: Headers, prompt: int | None, receive: Receive
    ) -> Fate:
        """What becomes of a call that starts now; of one in the flex tier, once it has a place.

        Raises:
            Gone: its client has left before that.
        """
        fate = self.upstream.begin(model, body, headers.request, headers.attempt, prompt)
        if not fate.waits:
            return fate
        placed = await self.upstream.place(fate, receive())
        if placed is None:
            raise Gone
        return placed

    def model(self, name: str, method: str | None) -> ModelEntry:
        """A model that is served.

        Raises:
            Refusal: 404 for one that is not.
        """
        models, card = self.upstream.models, self.settings.policy.catalog.find(name)
        # A dated version or an alias is answered as the model it is one of.
        found = models.get(name) or models.get("" if card is None else card.name)
        if found is None:
            raise no_such_model(name, method)
        return found

    def _models(self, asked: Route, query: bytes) -> bytes:
        if asked.model is not None:
            return json.dumps(describe_model(self.model(asked.model, None))).encode()
        self.counters.other["models"] += 1
        given = parse_qs(query.decode("latin-1"))
        size, token = given.get("pageSize"), given.get("pageToken")
        page = list_models(
            self.upstream.models, size[0] if size else None, token[0] if token else None
        )
        return json.dumps(page).encode()

    async def read(self, headers: Headers, receive: Receive) -> bytes | bytearray:
        """The body of a request.

        Raises:
            Refusal: 400 for one that is too long.
            Gone: the client left first.
        """
        limit = self.settings.max_body_bytes
        if headers.length is not None and headers.length > limit:
            raise body_too_large(limit)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        first: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            if len(first) > limit:
                raise body_too_large(limit)
            return first
        raw = bytearray(first)
        while message.get("more_body", False):
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            raw += message.get("body", b"")
            if len(raw) > limit:
                raise body_too_large(limit)
        return raw


def _said(refusal: Refusal, path: str) -> bytes:
    """A refusal in the words of the API that was asked."""
    if is_interaction(path):
        return json.dumps(flat(refusal)).encode()
    return as_list(refusal).encode() if is_openai(path) else refusal.body()
