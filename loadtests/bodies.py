"""Request bodies: a prompt of as many tokens as the workload says, as Gemini's API takes it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from balancer.core.catalog import Thinking
from balancer.core.errors import ScenarioError
from scenarios.schema import Clients, Scenario

from .traffic import Planned

__all__ = [
    "CHARS_PER_TOKEN",
    "chat_body",
    "check_chat",
    "gemini_body",
    "generation_config",
    "prompt",
]

CHARS_PER_TOKEN = 4
"""Usual figure for English, and the one by which the balancer and the mock estimate."""

_SENTENCE = "We talk about the weather of the coming week and what it means for our plans. "
_LONGEST = 1_000_000 * CHARS_PER_TOKEN


@lru_cache(maxsize=1)
def _text() -> str:
    return _SENTENCE * (_LONGEST // len(_SENTENCE) + 1)


def prompt(tokens: int) -> str:
    """A text of about so many tokens, at four characters each."""
    return _text()[: max(1, tokens) * CHARS_PER_TOKEN]


def generation_config(clients: Clients) -> dict[str, Any]:
    """What the application asks for by itself: its own cap and thinking, as the scenario says."""
    config: dict[str, Any] = {}
    if clients.output_cap is not None:
        config["maxOutputTokens"] = clients.output_cap
    if clients.thinking is not None:
        config["thinkingConfig"] = _thinking(clients.thinking)
    return config


def _thinking(setting: Thinking) -> dict[str, Any]:
    if isinstance(setting, str):
        return {"thinkingLevel": setting}
    return {"thinkingBudget": setting}


def gemini_body(planned: Planned, clients: Clients) -> bytes:
    """A body of generateContent."""
    body: dict[str, Any] = {
        "contents": [{"role": "user", "parts": [{"text": prompt(planned.prompt_tokens)}]}]
    }
    config = generation_config(clients)
    if config:
        body["generationConfig"] = config
    return json.dumps(body, separators=(",", ":")).encode()


def chat_body(planned: Planned) -> bytes:
    """A body of the service's own POST /api/ai-chat."""
    turn = {"role": "user", "content": prompt(planned.prompt_tokens)}
    body = {"messages": [turn], "priority": planned.priority.label}
    if planned.model:
        body["model"] = planned.model
    return json.dumps(body, separators=(",", ":")).encode()


def check_chat(scenario: Scenario) -> None:
    """Refuse clients who ask for what the service's own API has no word for.

    Raises:
        ScenarioError: a cap or thinking of their own.
    """
    for name in ("output_cap", "thinking"):
        found = getattr(scenario.clients, name)
        if found is not None:
            raise ScenarioError(
                f"found {found!r}, but POST /api/ai-chat takes no such setting of its callers; "
                "use --target proxy or --target sdk",
                where=f"{scenario.scenario}: clients.{name}",
            )
