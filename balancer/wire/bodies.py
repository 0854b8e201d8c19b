"""Edits on the body of a request."""

from __future__ import annotations

from typing import Any

from .edits import Edits
from .history import first_kept
from .members import key_of, member, snake

__all__ = ["apply"]

_TOOLS = ("tools", "toolConfig")


def apply(body: Any, edits: Edits) -> Any:
    """The body with the edits made.

    The model stands in the path, not in the body, and is left to whoever sends it.

    Args:
        body: a JSON value; it is never changed. Camel case, snake case and mixtures are
            understood, and each member keeps the spelling it has. Unknown members stay.
        edits: what to change.

    Returns:
        A new object that shares the members that stay as they are; `body` itself where
        nothing changes, or where it is no object.
    """
    if not isinstance(body, dict) or not edits.changes_body:
        return body
    new = dict(body)
    if edits.drop_tools:
        for name in _TOOLS:
            new.pop(name, None)
            new.pop(snake(name), None)
    if edits.instruction is not None:
        _set(new, "systemInstruction", _instructed(member(body, "systemInstruction"), edits))
    if edits.history_turns is not None:
        contents = member(body, "contents")
        first = first_kept(contents, edits.history_turns) if isinstance(contents, list) else 0
        if first:
            _set(new, "contents", contents[first:])
    if edits.service_tier is not None:
        _set(new, "serviceTier", edits.service_tier)
    _generation(new, edits)
    same = new.keys() == body.keys() and all(new[key] is body[key] for key in new)
    return body if same else new


def _set(body: dict[str, Any], name: str, value: Any) -> None:
    """Write a member under the spelling it has, and leave no second one."""
    key = key_of(body, name)
    body[key] = value
    if key == name and snake(name) != name:
        body.pop(snake(name), None)


def _instructed(instruction: Any, edits: Edits) -> Any:
    """A system instruction with one part more; repeated application adds it once."""
    part = {"text": edits.instruction}
    if isinstance(instruction, str):
        instruction = {"parts": [{"text": instruction}]}
    if not isinstance(instruction, dict):
        return {"parts": [part]}
    key = key_of(instruction, "parts")
    parts = instruction.get(key)
    if isinstance(parts, dict):
        parts = [parts]
    parts = parts if isinstance(parts, list) else []
    return instruction if part in parts else {**instruction, key: [*parts, part]}


def _generation(new: dict[str, Any], edits: Edits) -> None:
    key = key_of(new, "generationConfig")
    old = new.get(key)
    config = dict(old) if isinstance(old, dict) else {}
    if edits.output_cap_tokens is not None:
        _set(config, "maxOutputTokens", edits.output_cap_tokens)
    for name, value in edits.settings:
        _set(config, name, value)
    if edits.thinking is not None or edits.clear_thinking or edits.hide_thoughts:
        _think(config, edits)
    if config != old and (config or old is not None):
        _set(new, "generationConfig", config)


def _think(config: dict[str, Any], edits: Edits) -> None:
    """Budget and level together are refused, so the one that was there goes."""
    old = member(config, "thinkingConfig")
    thinking = dict(old) if isinstance(old, dict) else {}
    gone = ["includeThoughts"] if edits.hide_thoughts else []
    if edits.thinking is not None:
        level = isinstance(edits.thinking, str)
        gone.append("thinkingBudget" if level else "thinkingLevel")
        _set(thinking, "thinkingLevel" if level else "thinkingBudget", edits.thinking)
    elif edits.clear_thinking:
        gone += ["thinkingBudget", "thinkingLevel"]
    for name in gone:
        thinking.pop(name, None)
        thinking.pop(snake(name), None)
    if thinking and not (edits.clear_thinking and edits.hide_thoughts):
        _set(config, "thinkingConfig", thinking)
    elif old is not None:
        config.pop("thinkingConfig", None)
        config.pop(snake("thinkingConfig"), None)
