"""Edits on a call of google-genai: the same that the proxy makes on bodies.

The caller's objects are never changed: a config is copied before anything is set in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from google.genai import types

from balancer.wire import Edits
from balancer.wire.members import snake

from .contents import kept
from .options import ATTEMPT_HEADER, OWN_HEADERS, REQUEST_HEADER

__all__ = ["Sending", "edited", "http_options"]

_LEAST_SERVER_TIMEOUT_S = 10.0
_SERVER_TIMEOUT = "X-Server-Timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One attempt, as it is to be made.

    Attributes:
        model, contents, config: arguments of the SDK's method.
        timeout_s: our own deadline, in wall seconds; None is none.
    """

    model: str
    contents: Any
    config: types.GenerateContentConfig | None
    timeout_s: float | None


def edited(
    model: str, contents: Any, config: types.GenerateContentConfig | None, edits: Edits
) -> tuple[str, Any, types.GenerateContentConfig | None]:
    """Model, contents and config with the edits made; the same objects where nothing changes."""
    if edits.history_turns is not None:
        contents = kept(contents, edits.history_turns)
    if edits.model is not None:
        model = _path(model, edits.model)
    changes = _changes(config or types.GenerateContentConfig(), edits)
    if changes:
        config = (config or types.GenerateContentConfig()).model_copy(update=changes)
    return model, contents, config


def _path(model: str, name: str) -> str:
    """Another model of the same publisher; a tuned model's path is its own."""
    head, slash, _ = model.rpartition("/")
    return name if head.endswith("tunedModels") else f"{head}{slash}{name}"


def _changes(config: types.GenerateContentConfig, edits: Edits) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if edits.output_cap_tokens is not None:
        changes["max_output_tokens"] = edits.output_cap_tokens
    for name, value in edits.settings:
        changes[snake(name)] = value
    if edits.service_tier is not None:
        changes["service_tier"] = types.ServiceTier(edits.service_tier)
    thinking = _thinking(config.thinking_config, edits)
    if thinking is not config.thinking_config:
        changes["thinking_config"] = thinking
    if edits.instruction is not None:
        changes["system_instruction"] = _instructed(config.system_instruction, edits.instruction)
    if edits.drop_tools and (config.tools or config.tool_config):
        changes["tools"] = None
        changes["tool_config"] = None
    return changes


def _thinking(old: types.ThinkingConfig | None, edits: Edits) -> types.ThinkingConfig | None:
    """Budget and level together are refused, so the one that was there goes."""
    changes: dict[str, Any] = {}
    setting = edits.thinking
    if setting is not None:
        changes["thinking_level"] = (
            types.ThinkingLevel(setting) if isinstance(setting, str) else None
        )
        changes["thinking_budget"] = setting if isinstance(setting, int) else None
    elif edits.clear_thinking:
        if edits.hide_thoughts:
            return None
        changes.update(thinking_level=None, thinking_budget=None)
    if edits.hide_thoughts:
        changes["include_thoughts"] = None
    own = {name: getattr(old, name, None) for name in changes}
    if changes == own:
        return old
    new = (old or types.ThinkingConfig()).model_copy(update=changes)
    return None if new == types.ThinkingConfig() else new


def _instructed(old: Any, instruction: str) -> Any:
    part = types.Part(text=instruction)
    if isinstance(old, types.Content):
        return old.model_copy(update={"parts": [*(old.parts or ()), part]})
    if isinstance(old, dict) and "parts" in old:
        return {**old, "parts": [*(old["parts"] or ()), part]}
    if isinstance(old, list):
        return [*old, part]
    return types.Content(parts=[part]) if old is None else [old, part]


def http_options(
    old: types.HttpOptions | None,
    *,
    timeout_s: float | None,
    own_retries_only: bool,
    request: int | None,
    attempt: int,
    extra_body: dict[str, Any] | None = None,
    told_only: bool = False,
) -> types.HttpOptions | None:
    """Options of one attempt's HTTP request.

    Gemini refuses deadlines below ten seconds, and the SDK sends its timeout on as one. So a
    shorter one is kept by the client alone, and the server is told ten.

    Args:
        old: the caller's; never changed.
        timeout_s: deadline in wall seconds, or None to leave the caller's.
        own_retries_only: switch the SDK's retries off, because the balancer makes them. This
            also ends the one that the SDK makes by itself over aiohttp, from 3.x on.
        request: index of the request in a scenario, to be sent on.
        attempt: number of the attempt.
        extra_body: to be laid over the body; None leaves the caller's.
        told_only: the server is told the deadline, and the HTTP client is not: whoever reads
            keeps it.
    """
    changes: dict[str, Any] = {}
    headers = dict(old.headers or {}) if old is not None else {}
    # What a caller tells us in headers is not for the upstream.
    sent = {name: text for name, text in headers.items() if name.lower() not in OWN_HEADERS}
    if request is not None:
        sent[REQUEST_HEADER] = str(request)
        sent[ATTEMPT_HEADER] = str(attempt)
    if timeout_s is not None:
        if not told_only:
            changes["timeout"] = max(1, math.ceil(timeout_s * 1000))
        if (told_only or timeout_s < _LEAST_SERVER_TIMEOUT_S) and not any(
            name.lower() == _SERVER_TIMEOUT.lower() for name in sent
        ):
            sent[_SERVER_TIMEOUT] = str(math.ceil(max(timeout_s, _LEAST_SERVER_TIMEOUT_S)))
    if sent != headers:
        changes["headers"] = sent
    if extra_body is not None:
        changes["extra_body"] = extra_body
    if own_retries_only:
        changes["retry_options"] = types.HttpRetryOptions(attempts=1)
    return (old or types.HttpOptions()).model_copy(update=changes) if changes else old
