"""Keeping the last turns of a conversation.

A turn is what a user says and everything up to the next time the user speaks: the model's
calls of functions, their results, its answer. A conversation is cut between turns only, so
a function's call and its result are never apart, and it still begins with the user.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .members import member

__all__ = ["first_kept", "speaks"]


def speaks(content: Any) -> bool:
    """Whether a content is a user speaking, rather than the model or a function's result."""
    if not isinstance(content, dict) or member(content, "role") not in (None, "", "user"):
        return False
    parts = member(content, "parts")
    if not isinstance(parts, list):
        return True
    return all(member(part, "functionResponse") is None for part in parts)


def first_kept(contents: Sequence[Any], turns: int, speaks: Callable[[Any], bool] = speaks) -> int:
    """Index of the first content to keep; 0 keeps all.

    Args:
        contents: a conversation, oldest first.
        turns: how many to keep; the current one counts, and is kept in any case.
        speaks: whether a content is the user speaking.
    """
    starts = [
        index
        for index, content in enumerate(contents)
        if speaks(content) and (index == 0 or not speaks(contents[index - 1]))
    ]
    turns = max(turns, 1)
    return starts[-turns] if len(starts) > turns else 0
