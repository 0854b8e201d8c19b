"""Objects that stand for one of the SDK's, and have something of their own."""

from __future__ import annotations

from typing import Any

__all__ = ["Passing"]


class Passing:
    """Gives what it does not have itself from what it wraps, and poses as it."""

    def __init__(self, inner: Any, wrapping: Any) -> None:
        self._inner = inner
        self._wrapping = wrapping

    def __getattr__(self, name: str) -> Any:
        if name in ("_inner", "_wrapping"):  # not set yet, as while it is being copied
            raise AttributeError(name)
        return getattr(self._inner, name)

    @property
    def __class__(self) -> Any:
        return type(self._inner)

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError("a wrapped client keeps its class")

    def __repr__(self) -> str:
        return f"<balanced {self._inner!r}>"
