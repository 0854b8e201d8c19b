"""How a response was served: kept on the response itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from balancer.core.modes import Mode

from .options import MODE_HEADER

__all__ = ["Served", "mark", "served"]

_NAME = "_open_balancer_served"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """How a response was served.

    Attributes:
        mode: of the plan it was made under.
        model: that was called; "" for a static answer.
        attempts: made for it, the last one included; 0 for a request that was shed.
        fallback: whether it is the static answer.
        outcome: None for a complete answer, or what it failed of ("empty", "malformed", "cut")
            where the SDK hands out a response all the same. A chunk of a stream that is still
            going on says None.
        quality: what the scorer gave it; None where there is none.
    """

    mode: Mode
    model: str
    attempts: int
    fallback: bool = False
    outcome: str | None = None
    quality: float | None = None


def served(response: Any) -> Served | None:
    """How a response, a chunk or a stream was served; None where no balancer had to do with it."""
    return getattr(response, _NAME, None)


def mark(response: Any, how: Served) -> None:
    """Put it on a response, and the mode into its headers.

    An attribute beside the fields: it is copied and pickled along, and neither dumped nor
    compared.
    """
    if not hasattr(response, "__dict__"):
        return  # a part of a stream that google-genai could not read, and hands out as text
    object.__setattr__(response, _NAME, how)
    http = getattr(response, "sdk_http_response", None)
    if http is not None:
        http.headers = {**(http.headers or {}), MODE_HEADER: how.mode.label}
