"""Calls of functions: which one a request gets in place of a text, and with what."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from balancer.core.catalog import ModelCard
from balancer.wire.asked import answers_a_tool
from balancer.wire.members import child, member

from .filler import instance
from .strict.functions import declarations, mode_of

__all__ = ["called"]

_STRIDE = 0.6180339887498949  # of a sequence that fills [0, 1) evenly, whatever its length


def called(document: dict[str, Any], card: ModelCard, index: int, share: float) -> str | None:
    """The part of an answer that calls a function; None where a text answers.

    A call that is forced is always made. One that the model may make is made in a declared
    share of requests, evenly over their indices, but not to answer what a function gave: so
    that conversations end.

    Args:
        document: the request.
        card: of the model, which may sign its calls.
        index: of the request.
        share: of requests that may get a call, and do.

    Returns:
        One line of JSON.
    """
    declared = declarations(document)
    mode = mode_of(document)
    if not declared or mode == "NONE":
        return None
    if mode != "ANY" and (
        answers_a_tool(member(document, "contents")) or index * _STRIDE % 1.0 >= share
    ):
        return None
    chosen = _choose(document, declared)
    name = str(member(chosen, "name"))
    schema = member(chosen, "parameters") or member(chosen, "parametersJsonSchema") or {}
    arguments = instance(schema, "what is asked")
    call: dict[str, Any] = {
        "functionCall": {"name": name, "args": arguments if isinstance(arguments, dict) else {}}
    }
    if card.signs_calls:
        signature = f"mock signature of {card.name}, call {index}"
        call["thoughtSignature"] = base64.b64encode(signature.encode()).decode()
    return json.dumps(call, separators=(",", ":"))


def _choose(document: Mapping[str, Any], declared: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The first function that may be called, or the one that the last content names."""
    calling = child(child(document, "toolConfig"), "functionCallingConfig")
    allowed = member(calling, "allowedFunctionNames")
    open_ = [
        each for each in declared if not allowed or member(each, "name") in allowed
    ] or declared
    contents = member(document, "contents")
    last = json.dumps(contents[-1] if isinstance(contents, list) else contents)
    named = [each for each in open_ if str(member(each, "name")) in last]
    return (named or open_)[0]
