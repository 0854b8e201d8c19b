"""Edits on the body of an interaction: the plan's, in its other spelling."""

from __future__ import annotations

from typing import Any

from ..edits import Edits
from ..history import first_kept
from ..members import member, snake
from ..splice import parse, splice
from .forms import step_kind

__all__ = ["apply", "apply_bytes", "speaks"]


def apply(body: Any, edits: Edits) -> Any:
    """The body with the edits made; the model is among them, as it stands in the body.

    Args:
        body: JSON value of `POST /interactions`; it is never changed. Each member keeps its
            spelling, new ones are in snake_case, unknown ones stay.
        edits: what to change. Thinking is a level: `Asked.levels_only` sees to that.

    Returns:
        A new object that shares the members that stay as they are; `body` itself where nothing
        changes, or where it is no object.
    """
    if not isinstance(body, dict):
        return body
    new = dict(body)
    if edits.model is not None:
        head, slash, _ = str(member(body, "model") or "").rpartition("/")
        _set(new, "model", f"{head}{slash}{edits.model}")
    if edits.service_tier is not None:
        _set(new, "serviceTier", edits.service_tier)
    if edits.drop_tools:
        _drop(new, "tools")
    if edits.instruction is not None:
        said = member(body, "systemInstruction")
        _set(new, "systemInstruction", _instructed(said, edits.instruction))
    if edits.history_turns is not None:
        steps = member(body, "input")
        first = 0
        if isinstance(steps, list):
            first = first_kept(steps, edits.history_turns, speaks)
        if first:
            _set(new, "input", steps[first:])
    _generation(new, edits)
    same = new.keys() == body.keys() and all(new[key] is body[key] for key in new)
    return body if same else new


def apply_bytes(raw: bytes, edits: Edits, body: Any = None) -> bytes:
    """The request with the edits made; see `balancer.wire.apply_bytes`."""
    if edits == Edits():
        return raw
    if body is None:
        body = parse(raw)
    return splice(raw, body, apply(body, edits))


def speaks(step: Any) -> bool:
    """Whether a step of an input is the user speaking.

    Contents in a row are one time that they do, so that a list of these is never cut.
    """
    return step_kind(step) not in _OTHERS and not step_kind(step).endswith(("_call", "_result"))


_OTHERS = ("model_output", "thought")


def _generation(new: dict[str, Any], edits: Edits) -> None:
    key = _key(new, "generationConfig")
    old = new.get(key)
    config = dict(old) if isinstance(old, dict) else {}
    if edits.output_cap_tokens is not None:
        _set(config, "maxOutputTokens", edits.output_cap_tokens)
    for name, value in edits.settings:
        _set(config, name, value)
    if isinstance(edits.thinking, str):
        _set(config, "thinkingLevel", edits.thinking.lower())
    elif edits.clear_thinking:
        _drop(config, "thinkingLevel")
    if edits.hide_thoughts:
        _drop(config, "thinkingSummaries")
    if edits.drop_tools:
        _drop(config, "toolChoice")
    if config != old and (config or old is not None):
        new[key] = config


def _instructed(said: Any, instruction: str) -> str:
    """A system instruction with one sentence more; repeated application adds it once."""
    if not isinstance(said, str) or not said:
        return instruction
    return said if said.endswith(instruction) else f"{said}\n\n{instruction}"


def _key(body: dict[str, Any], name: str) -> str:
    """The key under which a member stands, or would be added."""
    other = snake(name)
    return name if name in body and other not in body else other


def _set(body: dict[str, Any], name: str, value: Any) -> None:
    body[_key(body, name)] = value


def _drop(body: dict[str, Any], name: str) -> None:
    body.pop(name, None)
    body.pop(snake(name), None)
