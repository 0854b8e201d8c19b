"""Paths of the Interactions API: with the version or without, and as Vertex AI has it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ..refusals import Refusal

__all__ = ["InteractionRoute", "interaction_route", "is_interaction"]

_PATH = re.compile(
    r"(?:/(?:v\d\w*|projects/[^/]+|locations/[^/]+))*"
    r"/interactions(?:/(?P<name>[^/:]+)(?P<cancel>/cancel)?)?/?"
)
_VERBS = {"create": "POST", "get": "GET", "delete": "DELETE", "cancel": "POST"}


class InteractionRoute(NamedTuple):
    """What a path asks for.

    Attributes:
        action: "create", "get", "delete" or "cancel".
        name: of an interaction; "" for one that is to be made.
    """

    action: str
    name: str


def is_interaction(path: str) -> bool:
    """Whether a path is one of this API's."""
    return _PATH.fullmatch(path) is not None


@lru_cache(maxsize=512)
def interaction_route(verb: str, path: str) -> InteractionRoute | None:
    """Find what a request asks for; None for a path that is none of this API's.

    Raises:
        Refusal: 404 for the wrong verb.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    name = found["name"] or ""
    if found["cancel"]:
        action = "cancel"
    elif not name:
        action = "create"
    else:
        action = "delete" if verb == "DELETE" else "get"
    if verb != _VERBS[action]:
        raise Refusal(404, "NOT_FOUND", f"{path} takes no {verb}.")
    return InteractionRoute(action, name)
