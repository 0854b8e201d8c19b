"""Edits on the body of a chat completion: the plan's, in OpenAI's spelling."""

from __future__ import annotations

from typing import Any

from ..edits import Edits
from ..history import first_kept
from ..members import snake
from ..models import bare_model
from ..splice import parse, splice
from .forms import CAPS, SYSTEM, google_of, role_of, thinking_of

__all__ = ["apply", "apply_bytes"]

_TOOLS = ("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call")


def apply(body: Any, edits: Edits) -> Any:
    """The request with the edits made, the model among them; as `balancer.wire.bodies.apply`."""
    if not isinstance(body, dict):
        return body
    new = dict(body)
    if edits.model is not None:
        named = str(body.get("model") or "")
        bare = bare_model(named)
        new["model"] = (named[: -len(bare)] if bare and named.endswith(bare) else "") + edits.model
    if edits.drop_tools:
        for name in _TOOLS:
            new.pop(name, None)
    messages = body.get("messages")
    if isinstance(messages, list):
        kept = _latest(messages, edits.history_turns)
        new["messages"] = kept if edits.instruction is None else _instructed(kept, edits)
    if edits.output_cap_tokens is not None:
        for name in [name for name in CAPS if name in body] or ["max_tokens"]:
            new[name] = edits.output_cap_tokens
    for name, value in edits.settings:
        new[snake(name)] = value
    if edits.thinking is not None or edits.clear_thinking or edits.hide_thoughts:
        _think(new, edits)
    same = new.keys() == body.keys() and all(new[key] is body[key] for key in new)
    return body if same else new


def _latest(messages: list[Any], turns: int | None) -> list[Any]:
    """The last turns, and whatever is said to the system."""
    if turns is None:
        return messages
    said = [message for message in messages if role_of(message) not in SYSTEM]
    first = first_kept(said, turns, lambda message: role_of(message) == "user")
    if not first:
        return messages
    gone = {id(message) for message in said[:first]}
    return [message for message in messages if id(message) not in gone]


def _instructed(messages: list[Any], edits: Edits) -> list[Any]:
    """A system message with one text more; repeated application adds it once."""
    text = edits.instruction
    place = next((at for at, each in enumerate(messages) if role_of(each) in SYSTEM), None)
    if place is None:
        return [{"role": "system", "content": text}, *messages]
    content = messages[place].get("content")
    part = {"type": "text", "text": text}
    if isinstance(content, list):
        new: Any = content if part in content else [*content, part]
    else:
        said = content if isinstance(content, str) else ""
        new = said if said.endswith(f"{text}") else f"{said}\n\n{text}".lstrip("\n")
    if new is content:
        return messages
    changed = {**messages[place], "content": new}
    return [*messages[:place], changed, *messages[place + 1 :]]


def _think(new: dict[str, Any], edits: Edits) -> None:
    """Effort and Gemini's own setting together are refused, so one of them is left."""
    config = dict(thinking_of(new))
    own = bool(config)
    if edits.hide_thoughts:
        config.pop("include_thoughts", None)
    if edits.thinking is not None or edits.clear_thinking:
        new.pop("reasoning_effort", None)
        config.pop("thinking_budget", None)
        config.pop("thinking_level", None)
    if isinstance(edits.thinking, str) and not config:
        new["reasoning_effort"] = edits.thinking.lower()
    elif isinstance(edits.thinking, str):
        config["thinking_level"] = edits.thinking.lower()
    elif edits.thinking is not None:
        config["thinking_budget"] = edits.thinking
    if not (own or config):
        return
    google = {**google_of(new), "thinking_config": config}
    if not config:
        del google["thinking_config"]
    extra = new.get("extra_body")
    outer = dict(extra) if isinstance(extra, dict) else {}
    outer["google"] = google
    if not google:
        del outer["google"]
    new["extra_body"] = outer
    if not outer:
        del new["extra_body"]


def apply_bytes(raw: bytes, edits: Edits, body: Any = None) -> bytes:
    """The request with the edits made, as `balancer.wire.apply_bytes`; the model stands in it."""
    if body is None:
        body = parse(raw)
    return splice(raw, body, apply(body, edits))
