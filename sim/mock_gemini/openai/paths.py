"""Paths of this API: with the version or without, and as Vertex AI has it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ..refusals import Refusal, no_such_page

__all__ = ["OpenAIRoute", "is_openai", "openai_route"]

_PATH = re.compile(
    r"(?:/v\d\w*)*(?:/openai|/projects/[^/]+/locations/[^/]+/endpoints/openapi)"
    r"/(?P<what>chat/completions|embeddings|models)(?:/(?P<name>.+?))?/?"
)
_ANY = re.compile(r"(?:/v\d\w*)*(?:/openai|/projects/[^/]+/locations/[^/]+/endpoints/openapi)/.*")


class OpenAIRoute(NamedTuple):
    """What a path asks for.

    Attributes:
        what: "chat/completions", "embeddings" or "models".
        name: of a model that is looked at; "" for all.
        vertex: whether it has the form of Vertex AI.
    """

    what: str
    name: str
    vertex: bool


def is_openai(path: str) -> bool:
    """Whether a path is one of this API's."""
    return _ANY.fullmatch(path) is not None


@lru_cache(maxsize=512)
def openai_route(verb: str, path: str) -> OpenAIRoute | None:
    """Find what a request asks for; None for a path that is none of this API's.

    Raises:
        Refusal: 404 for one that leads nowhere, or for the wrong verb.
    """
    if not is_openai(path):
        return None
    found = _PATH.fullmatch(path)
    if found is None or (found["name"] and found["what"] != "models"):
        raise no_such_page(path)
    if verb != ("GET" if found["what"] == "models" else "POST"):
        raise Refusal(404, "NOT_FOUND", f"{path} takes no {verb}.")
    return OpenAIRoute(found["what"], found["name"] or "", "/endpoints/" in path)
