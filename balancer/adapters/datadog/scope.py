"""Checks the scope of a series: `service:x,!env:dev`, or `service IN (a,b) AND NOT env:dev`."""

from __future__ import annotations

import re
from typing import Final

from ...core.errors import nearest

__all__ = ["check_scope"]

_TAG = re.compile(r"[\w.\-/@*]+(?::[\w.\-/:@*]+)?|\$[\w.]+(?:\.value)?")
_TOKEN = re.compile(r"\s*(?:([(),!])|([^\s(),!]+))")
_WORDS: Final = ("AND", "OR", "NOT", "IN")
_DEEPEST: Final = 20


def check_scope(text: str) -> str | None:
    """What is wrong with a scope, as the end of a sentence; None when nothing is."""
    if not text.strip():
        return "is empty; expected * or tags such as service:x"
    tokens = [first or second for first, second in _TOKEN.findall(text)]
    try:
        end = _filters(tokens, 0, 0)
    except ValueError as error:
        return str(error)
    return None if end == len(tokens) else f"has {tokens[end]!r} where it should end"


def _filters(tokens: list[str], at: int, depth: int) -> int:
    """Index after a list of filters that are joined by commas, AND or OR."""
    if depth > _DEEPEST:
        raise ValueError("is nested too deeply")
    while True:
        at = _filter(tokens, at, depth)
        if at >= len(tokens) or tokens[at] == ")":
            return at
        if tokens[at] == "," or tokens[at].upper() in ("AND", "OR"):
            at += 1
        else:
            raise ValueError(
                f"has {tokens[at]!r} after a tag; expected a comma, AND or OR"
                f"{nearest(tokens[at].upper(), _WORDS)}"
            )


def _filter(tokens: list[str], at: int, depth: int) -> int:
    while at < len(tokens) and (tokens[at] == "!" or tokens[at].upper() == "NOT"):
        at += 1
    if at >= len(tokens):
        raise ValueError("ends where a tag is expected")
    if tokens[at] == "(":
        at = _filters(tokens, at + 1, depth + 1)
        return _closed(tokens, at)
    if _TAG.fullmatch(tokens[at]) is None or tokens[at].upper() in _WORDS:
        raise ValueError(f"has {tokens[at]!r} where a tag such as service:x is expected")
    at += 1
    negated = at < len(tokens) and tokens[at].upper() == "NOT"
    inside = at + negated
    if inside < len(tokens) and tokens[inside].upper() == "IN":
        if inside + 1 >= len(tokens) or tokens[inside + 1] != "(":
            raise ValueError("has IN without a list such as (a,b)")
        at = inside + 2
        while True:
            if at >= len(tokens) or _TAG.fullmatch(tokens[at]) is None:
                raise ValueError("has a list after IN that names no value")
            at += 1
            if at >= len(tokens) or tokens[at] != ",":
                return _closed(tokens, at)
            at += 1
    return at


def _closed(tokens: list[str], at: int) -> int:
    if at >= len(tokens) or tokens[at] != ")":
        raise ValueError("has a parenthesis that is not closed")
    return at + 1
