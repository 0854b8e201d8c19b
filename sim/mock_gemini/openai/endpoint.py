"""Answers chat completions, and what else clients of OpenAI ask for."""

from __future__ import annotations

import base64
import json
import struct
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from balancer.wire.chat import wants_stream

from ..bodies import parse, text_tokens
from ..embeddings import embed
from ..headers import Headers
from ..refusals import invalid_argument
from ..replies import Receive, Scope, Send, send_json
from .asking import document_of, wants_usage
from .paths import OpenAIRoute
from .words import ChatForm

if TYPE_CHECKING:
    from ..app import GeminiApp

__all__ = ["OpenAI"]


class OpenAI:
    """This API of one play.

    Args:
        app: whose models, counters and settings it shares.
    """

    __slots__ = ("_app",)

    def __init__(self, app: GeminiApp) -> None:
        self._app = app

    async def answer(
        self, asked: OpenAIRoute, headers: Headers, scope: Scope, receive: Receive, send: Send
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
        if asked.what == "models":
            found = self._models(asked.name)
        else:
            body = parse(await self._app.read(headers, receive))
            if asked.what == "chat/completions":
                await self._complete(body, asked, headers, scope, receive, send)
                return
            self._app.counters.other["embeddings"] += 1
            found = _embeddings(body)
        await send_json(scope, send, 200, json.dumps(found).encode())

    def _models(self, name: str) -> dict[str, Any]:
        if name:
            return _model(self._app.model(_bare(name), None).name)
        self._app.counters.other["models"] += 1
        return {"object": "list", "data": [_model(each) for each in self._app.upstream.models]}

    async def _complete(
        self,
        body: dict[str, Any],
        asked: OpenAIRoute,
        headers: Headers,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        app = self._app
        model = app.model(_bare(body.get("model")), "chatCompletion")
        acting = await app.start(
            model,
            document_of(body, model.card),
            headers,
            vertex=asked.vertex,
            scope=scope,
            receive=receive,
            send=send,
            form=lambda fate: ChatForm(
                f"mock-{fate.request}-{fate.attempt}",
                int(time.time()),
                with_usage=wants_usage(body),
            ),
        )
        await acting.run(True if wants_stream(body) else None)


def _bare(name: Any) -> str:
    """Without `models/`, or Vertex AI's `google/`."""
    return str(name or "").rpartition("/")[2]


def _model(name: str) -> dict[str, Any]:
    return {"id": f"models/{name}", "object": "model", "owned_by": "google"}


def _embeddings(body: Mapping[str, Any]) -> dict[str, Any]:
    texts = body.get("input")
    texts = texts if isinstance(texts, list) else [texts]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise invalid_argument("* EmbedContentRequest.content: contents is not specified")
    size = {} if body.get("dimensions") is None else {"outputDimensionality": body["dimensions"]}
    requests = [{"content": {"parts": [{"text": text}]}, **size} for text in texts]
    name = _bare(body.get("model"))
    vectors = embed({"requests": requests}, name, "batchEmbedContents")["embeddings"]
    packed = body.get("encoding_format") == "base64"
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": _packed(vector["values"]) if packed else vector["values"],
        }
        for index, vector in enumerate(vectors)
    ]
    tokens = text_tokens({"contents": [request["content"] for request in requests]})
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": name, "usage": usage}


def _packed(values: list[float]) -> str:
    """As OpenAI's own client asks for it: little-endian single precision."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
