"""Cached contents: which model each was made for. What they hold is not kept."""

from __future__ import annotations

from typing import Any

from balancer.wire import bare_model
from balancer.wire.members import member

__all__ = ["Caches"]

_MOST = 10_000


class Caches:
    """The caches that callers of one play have named."""

    __slots__ = ("_models",)

    def __init__(self) -> None:
        self._models: dict[str, str] = {}

    def model_of(self, document: dict[str, Any], model: str) -> str | None:
        """The model that a request's cache was made for; None where it names no cache.

        A name that nobody has used yet is taken for a cache of the model that is asked: the
        mock knows of no other way to make one.

        Args:
            document: the request.
            model: that is asked.
        """
        name = member(document, "cachedContent")
        if not isinstance(name, str) or not name:
            return None
        if len(self._models) >= _MOST:
            self._models.clear()
        return self._models.setdefault(name.rpartition("/")[2], bare_model(model))
