"""Paths of the API, in every form that clients build.

With the version or without (`/v1`, `/v1beta`, none), with what a base URL put before it
twice (`/v1beta/models/M/v1beta/models/M:generateContent`), and as Vertex AI has it
(`/v1/projects/P/locations/L/publishers/google/models/M:generateContent`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from .refusals import Refusal, no_such_page

__all__ = ["EMBEDDING", "METHODS", "Route", "route"]

METHODS = ("generateContent", "streamGenerateContent", "countTokens")
"""Methods of a model that answers."""

EMBEDDING = ("embedContent", "batchEmbedContents")
"""Methods of a model that makes embeddings."""

_PATH = re.compile(
    r"(?:/(?:v\d\w*|projects/[^/]+|locations/[^/]+|publishers/google|models/[^/:]+))*"
    r"/models(?:/(?P<model>[^/:]+)(?::(?P<method>\w+))?)?/?"
)


class Route(NamedTuple):
    """What a path asks for.

    Attributes:
        model: name, or None for the list of models.
        method: of `METHODS` or `EMBEDDING`, or None to look at the model.
        vertex: whether it has the form of Vertex AI.
    """

    model: str | None
    method: str | None
    vertex: bool


@lru_cache(maxsize=512)
def route(verb: str, path: str) -> Route:
    """Find what a request asks for.

    Args:
        verb: HTTP method.
        path: decoded, without the query.

    Raises:
        Refusal: 404 for a path that is none of the API's, or for the wrong verb.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise no_such_page(path)
    method = found["method"]
    if method is not None and method not in (*METHODS, *EMBEDDING):
        raise no_such_page(path)
    if verb != ("GET" if method is None else "POST"):
        raise Refusal(404, "NOT_FOUND", f"{path} takes no {verb}.")
    vertex = "/publishers/" in path
    return Route(found["model"], method, vertex)
