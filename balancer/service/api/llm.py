"""`POST /api/test-llm` and `POST /api/ai-chat`: calls under the policy, through the proxy."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request

from ...core.errors import nearest
from ...core.modes import Mode, Priority
from ...core.routes import base_model
from ...wire import find_card, read_asked, read_usage
from ..problems import Problem
from ..proxy.answers import FALLBACK_VERSION, Refusal, Reply
from ..proxy.paths import Target
from ..proxy.reading import Call, read_labels
from .dependencies import Dependencies, refusals
from .schemas import Answer, Chat, Prompt, mode_name

__all__ = ["ask", "llm_routes"]

_REFUSALS = refusals(400, 401, 403, 404, 413, 415, 422, 429, 503, 504)


def llm_routes(dependencies: Dependencies) -> APIRouter:
    """The routes; they spend, and so are let in as changes are (`middleware`)."""
    routes = APIRouter(tags=["llm"], responses=_REFUSALS)

    @routes.post("/api/test-llm")
    async def test_llm(given: Prompt, request: Request) -> Answer:
        """Try a model with a prompt, as the mode in force would serve it."""
        body = {"contents": [_turn("user", given.prompt)]}
        return await _ask(
            dependencies,
            dict(request.headers.raw),
            body,
            given.model,
            given.priority,
            len(given.prompt),
        )

    @routes.post("/api/ai-chat")
    async def ai_chat(given: Chat, request: Request) -> Answer:
        """Continue a conversation."""
        body: dict[str, Any] = {
            "contents": [
                _turn("user" if turn.role == "user" else "model", turn.content)
                for turn in given.messages
            ]
        }
        size = sum(len(turn.content) for turn in given.messages)
        if given.system:
            body["systemInstruction"] = {"parts": [{"text": given.system}]}
            size += len(given.system)
        return await _ask(
            dependencies, dict(request.headers.raw), body, given.model, given.priority, size
        )

    return routes


async def ask(dependencies: Dependencies, prompt: str, model: str | None) -> Answer:
    """Ask a prompt for the service itself.

    Raises:
        Problem: 413, 422, 503 or what the upstream says.
    """
    body = {"contents": [_turn("user", prompt)]}
    return await _ask(dependencies, {}, body, model, "normal", len(prompt))


def _turn(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


async def _ask(
    dependencies: Dependencies,
    headers: dict[bytes, bytes],
    body: dict[str, Any],
    model: str | None,
    priority: str,
    size: int,
) -> Answer:
    if size > dependencies.settings.longest_prompt:
        raise Problem(
            413,
            f"the prompt has {size:,} characters; at most "
            f"{dependencies.settings.longest_prompt:,} are taken",
            where="prompt",
        )
    if dependencies.settings.gemini_key is None:
        raise Problem(503, "no key is configured; set GEMINI_API_KEY where the service runs")
    try:
        key, session, index = read_labels(headers)
    except Refusal as refusal:
        raise Problem(refusal.status, refusal.message) from None
    name = _model(dependencies, model)
    target = Target(model=name, method="generateContent", version="v1beta")
    begun = time.monotonic()
    reply = await dependencies.gateway.generate(
        Call(
            target=target,
            raw=json.dumps(body).encode(),
            body=body,
            query=b"",
            headers=[(b"content-type", b"application/json")],
            asked=read_asked(body, name),
            priority=Priority[priority.upper()],
            key=key,
            session=session,
            index=index,
        )
    )
    return _answer(reply, time.monotonic() - begun)


def _model(dependencies: Dependencies, model: str | None) -> str:
    if model is None:
        balancer = dependencies.balancer
        return base_model(balancer.policy.strategies[0], balancer.settings.model)
    catalog = dependencies.balancer.catalog
    if find_card(catalog, model) is None:
        names = [card.name for card in catalog.cards]
        raise Problem(
            422,
            f"unknown model {model!r}{nearest(model, names)}; known: {', '.join(names)}",
            where="model",
        )
    return model


def _answer(reply: Reply, latency_s: float) -> Answer:
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Problem(503, "the upstream's answer cannot be read")
    if reply.status >= 400:
        raise _refused(reply, body)
    candidates = _list(body.get("candidates"))
    first = candidates[0] if candidates and isinstance(candidates[0], dict) else {}
    content = first.get("content")
    parts = _list(content.get("parts")) if isinstance(content, dict) else []
    usage = read_usage(body)
    version = body.get("modelVersion")
    return Answer(
        text=_text(
            "".join(
                str(part.get("text", ""))
                for part in parts
                if isinstance(part, dict) and not part.get("thought")
            )
        ),
        model=_text(version) if isinstance(version, str) and version != FALLBACK_VERSION else None,
        mode=mode_name(reply.mode or Mode.NORMAL),
        fallback=reply.fallback,
        finish_reason=_text(str(first.get("finishReason", ""))),
        latency_s=latency_s,
        usage={}
        if usage is None
        else {
            "prompt": usage.prompt_tokens,
            "cached": usage.cached_tokens,
            "output": usage.output_tokens,
            "thinking": usage.thinking_tokens,
        },
    )


def _refused(reply: Reply, body: dict[str, Any]) -> Problem:
    """An upstream's error, as one of ours: its 401 says something of our key, not of the caller."""
    error = body.get("error")
    message = str(error.get("message", "")) if isinstance(error, dict) else ""
    status = reply.status if reply.status in (400, 404, 429, 503, 504) else 503
    return Problem(status, f"the upstream says {reply.status}: {_text(message[:500])}")


def _text(said: str) -> str:
    """The same, where half of a surrogate pair, which UTF-8 does not have, is a question mark."""
    return said.encode("utf-8", "replace").decode()


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []
