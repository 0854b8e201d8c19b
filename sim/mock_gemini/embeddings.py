"""Embeddings: a vector for each text, the same for the same text, of length one.

They cost nothing here and no fault strikes them: what is played is generation.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from balancer.wire.members import member

from .refusals import invalid_argument, no_such_model

__all__ = ["embed"]

_DIMENSIONS = 3072
_MOST_TEXTS = 100


def embed(document: dict[str, Any], model: str, method: str) -> dict[str, Any]:
    """Answer embedContent or batchEmbedContents.

    Raises:
        Refusal: 404 for a model that makes none, 400 for what cannot be embedded.
    """
    if "embedding" not in model:
        raise no_such_model(model, method)
    if method == "embedContent":
        return {"embedding": _vector(document)}
    requests = member(document, "requests")
    if not isinstance(requests, list) or not requests:
        raise invalid_argument("* BatchEmbedContentsRequest.requests: requests is not specified")
    if len(requests) > _MOST_TEXTS:
        raise invalid_argument(
            f"* BatchEmbedContentsRequest.requests: at most {_MOST_TEXTS} requests can be in one "
            "batch"
        )
    return {"embeddings": [_vector(each) for each in requests]}


def _vector(request: Any) -> dict[str, list[float]]:
    content = member(request, "content")
    if not member(content, "parts"):
        raise invalid_argument("* EmbedContentRequest.content: contents is not specified")
    size = member(request, "outputDimensionality")
    if size is None:
        size = _DIMENSIONS
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= _DIMENSIONS:
        raise invalid_argument(
            f"* EmbedContentRequest.output_dimensionality: {size!r} is not from 1 to {_DIMENSIONS}."
        )
    seed = json.dumps(content, sort_keys=True).encode()
    drawn = hashlib.shake_128(seed).digest(size)
    raw = [byte - 127.5 for byte in drawn]
    length = math.sqrt(sum(value * value for value in raw))
    return {"values": [round(value / length, 8) for value in raw]}
