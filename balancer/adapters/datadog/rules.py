"""Detection rules: JSON with name, query, message and tags, as users have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ...core.errors import InputError, nearest
from ...core.modes import Mode
from .query import QueryError, parse_query
from .query_tree import MonitorQuery

__all__ = ["MODE_TAG", "DetectionRule", "parse_rules"]

MODE_TAG: Final = "brownout:"
"""What the tag begins with that says which mode a monitor asks for."""

_KEYS: Final = ("name", "query", "message", "tags")
_MORE_KEYS: Final = ("type", "options", "priority")
_MOST: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionRule:
    """A monitor as a user wrote it.

    Attributes:
        name, query, message, tags: as in the file.
        parsed: what the query says.
        mode: what its `brownout:` tag asks for; None without one.
        rest: other keys of a Datadog monitor, passed through.
    """

    name: str
    query: str
    message: str
    tags: tuple[str, ...]
    parsed: MonitorQuery
    mode: Mode | None
    rest: Mapping[str, Any]


def parse_rules(text: str, where: str) -> tuple[DetectionRule, ...]:
    """Rules from JSON text: one, or a list of them.

    Raises:
        InputError: the rule and the key, what was found, what was expected.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "unreadable"
        raise InputError(f"is not JSON: {reason}", where=where) from None
    rules = document if isinstance(document, list) else [document]
    if not rules or len(rules) > _MOST:
        raise InputError(f"found {len(rules):,} rules, expected 1 to {_MOST:,}", where=where)
    return tuple(_rule(rule, f"{where}: rule {i}") for i, rule in enumerate(rules, start=1))


def _rule(values: object, where: str) -> DetectionRule:
    if not isinstance(values, dict):
        raise InputError(f"found {type(values).__name__}, expected an object", where=where)
    for key in values:
        if key not in (*_KEYS, *_MORE_KEYS):
            keys = ", ".join(_KEYS)
            raise InputError(f"unknown key {key!r}{nearest(key, _KEYS)}; known: {keys}", where)
    for key in _KEYS:
        if key not in values:
            raise InputError(f"key {key!r} is missing", where=where)
    for key in _KEYS[:3]:
        if not isinstance(values[key], str) or not values[key].strip():
            raise InputError(f"{key}: found {values[key]!r:.60}, expected text", where=where)
    tags = values["tags"]
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InputError(f"tags: found {tags!r:.60}, expected a list of texts", where=where)
    try:
        parsed = parse_query(values["query"])
    except QueryError as error:
        raise InputError(f"query: {error.problem}", where=where) from None
    return DetectionRule(
        name=values["name"],
        query=values["query"],
        message=values["message"],
        tags=tuple(tags),
        parsed=parsed,
        mode=_mode(tags, where),
        rest={key: values[key] for key in _MORE_KEYS if key in values},
    )


def _mode(tags: list[str], where: str) -> Mode | None:
    modes = []
    labels = [mode.label for mode in Mode if mode != Mode.NORMAL]
    for tag in tags:
        if tag.startswith(MODE_TAG):
            label = tag.removeprefix(MODE_TAG)
            if label not in labels:
                raise InputError(
                    f"tags: found {tag!r}, expected {MODE_TAG} and one of {', '.join(labels)}"
                    f"{nearest(label, labels)}",
                    where=where,
                )
            modes.append(Mode[label.upper()])
    return max(modes, default=None)
