"""Members of a body that a caller gives beside the SDK's own arguments (`HttpOptions.extra_body`).

The SDK lays them over the body that it has made, object by object, so they go before what a config
says, and before what is written into one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.genai import types

from balancer.wire import Edits, apply
from balancer.wire.members import member

__all__ = ["contents_of", "extra_body_of", "merged", "rewritten"]


def extra_body_of(http: types.HttpOptions | None, client: Any) -> dict[str, Any]:
    """Of a call; a call's own takes the place of its client's, empty ones too."""
    own = getattr(http, "extra_body", None)
    found = client if own is None else own
    return found if isinstance(found, dict) else {}


def contents_of(contents: Any, extra: Mapping[str, Any]) -> Any:
    """The conversation that is sent."""
    own = member(extra, "contents")
    return contents if own is None else own


def merged(body: Mapping[str, Any], extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """A body with the members laid over it, as the SDK does; itself where there are none.

    Args:
        body: a JSON object.
        extra: others; each goes by the spelling that the body has for it.
    """
    if not extra:
        return body
    new = dict(body)
    spelled = {_plain(name): name for name in body}
    for name, value in extra.items():
        key = spelled.get(_plain(name), name)
        old = new.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            new[key] = merged(old, value)
        else:
            new[key] = value
    return new


def rewritten(extra: dict[str, Any], edits: Edits) -> dict[str, Any]:
    """The members with the edits made in those that stand there; itself where nothing changes.

    The others are written where they stand: into the config.
    """
    new: dict[str, Any] = apply(extra, edits)
    if new is extra:
        return extra
    names = {_plain(name) for name in extra}
    found = {name: value for name, value in new.items() if _plain(name) in names}
    return extra if found == extra else found


def _plain(name: str) -> str:
    """What the SDK knows a member by."""
    return name.replace("_", "").lower()
