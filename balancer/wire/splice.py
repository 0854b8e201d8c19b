"""Edits on a request as bytes: what a plan does not change stays as it was, to the byte.

A proxy must not write a body anew: numbers would change their form, members their order, and
what Google adds tomorrow could be lost. So the body is read, edited as a value, and the two
values are compared; only where they differ, the text is replaced.
"""

from __future__ import annotations

import json
from typing import Any

from .bodies import apply
from .edits import Edits

__all__ = ["apply_bytes", "parse", "splice"]

_SPACE = " \t\n\r"
_decode = json.JSONDecoder().raw_decode


def parse(raw: bytes) -> Any:
    """The JSON value of a body, or None where it is no valid JSON in UTF-8."""
    try:
        return json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def apply_bytes(raw: bytes, edits: Edits, body: Any = None) -> bytes:
    """The request with the edits made.

    Args:
        raw: a body in JSON and UTF-8. What cannot be read is returned as it is: it is for
            the upstream to refuse, in its own words.
        edits: what to change.
        body: `parse(raw)`, where the caller has it already.

    Returns:
        `raw` itself where nothing changes. Otherwise only the changed members differ, at any
        depth: the bytes of all others, space between them included, are the original ones.
    """
    if not edits.changes_body:
        return raw
    if body is None:
        body = parse(raw)
    return splice(raw, body, apply(body, edits))


def splice(raw: bytes, body: Any, new: Any) -> bytes:
    """The bytes of a value that shares what it can with the one that was read.

    Args:
        raw: as it was read.
        body: `parse(raw)`.
        new: `body` itself where nothing changes.
    """
    if new is body:
        return raw
    text = raw.decode("utf-8")
    changes: list[tuple[int, int, str]] = []
    _compare(text, _space(text, 0), body, new, changes)
    pieces, at = [], 0
    for start, end, replacement in changes:
        pieces += [text[at:start], replacement]
        at = end
    return "".join([*pieces, text[at:]]).encode("utf-8")


def _compare(
    text: str, start: int, old: Any, new: Any, changes: list[tuple[int, int, str]]
) -> None:
    """Note what to replace in the value that begins at `start`, in order of place."""
    if old is new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        members, end = _members(text, start)
        if len(members) == len(old):  # otherwise a key stands there twice
            _compare_members(text, members, end, old, new, changes)
            return
    elif (
        isinstance(old, list)
        and isinstance(new, list)
        and (old and new)
        and _compare_elements(_elements(text, start), old, new, changes)
    ):
        return
    changes.append((start, _decode(text, start)[1], _dump(new)))


def _compare_members(
    text: str,
    members: list[tuple[str, int, int, int]],
    end: int,
    old: dict[str, Any],
    new: dict[str, Any],
    changes: list[tuple[int, int, str]],
) -> None:
    kept = [place for place, row in enumerate(members) if row[0] in new]
    # Of what stays, the first keeps the space before it; what goes takes the comma before it.
    for place, (key, key_at, value_at, after) in enumerate(members):
        if key in new:
            _compare(text, value_at, old[key], new[key], changes)
        elif kept and place < kept[0]:
            changes.append((key_at, members[place + 1][1], ""))
        else:
            changes.append((members[place - 1][3] if place else key_at, after, ""))
    added = [f"{_dump(key)}:{_dump(value)}" for key, value in new.items() if key not in old]
    if added:
        at = members[-1][3] if members else end - 1
        changes.append((at, at, ("," if kept else "") + ",".join(added)))


def _compare_elements(
    elements: list[tuple[int, int]],
    old: list[Any],
    new: list[Any],
    changes: list[tuple[int, int, str]],
) -> bool:
    """For a list that lost elements at its front or gained some at its end; others are no."""
    first = next((place for place, value in enumerate(old) if value is new[0]), None)
    if first is None:
        return False
    stay = old[first:]
    if len(new) < len(stay) or any(a is not b for a, b in zip(stay, new, strict=False)):
        return False
    if first:
        changes.append((elements[0][0], elements[first][0], ""))
    if len(new) > len(stay):
        at = elements[-1][1]
        changes.append((at, at, "".join("," + _dump(value) for value in new[len(stay) :])))
    return True


def _members(text: str, start: int) -> tuple[list[tuple[str, int, int, int]], int]:
    """Members of the object at `start`: key, and where key, value and what follows begin."""
    members = []
    at = _space(text, start + 1)
    while text[at] != "}":
        key_at = at
        key, at = _decode(text, at)
        value_at = _space(text, _space(text, at) + 1)
        after = _decode(text, value_at)[1]
        members.append((key, key_at, value_at, after))
        at = _space(text, after)
        if text[at] == ",":
            at = _space(text, at + 1)
    return members, at + 1


def _elements(text: str, start: int) -> list[tuple[int, int]]:
    """Where the elements of the list at `start` begin and end."""
    elements = []
    at = _space(text, start + 1)
    while text[at] != "]":
        after = _decode(text, at)[1]
        elements.append((at, after))
        at = _space(text, after)
        if text[at] == ",":
            at = _space(text, at + 1)
    return elements


def _space(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
