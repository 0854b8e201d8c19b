"""What a chat completion asks for, in the terms that plans and edits understand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import asked as generation
from .. import blame, validity
from ..asked import Asked
from .forms import as_generation

__all__ = ["is_plausible", "read_asked", "shape_of", "wants_stream"]


def read_asked(
    body: Any,
    model: str = "",
    *,
    min_output_tokens: int | None = None,
    needs_tools: bool = False,
    prompt_tokens: int | None = None,
) -> Asked:
    """What a chat completion asks for; odd values count as not said.

    Args:
        body: JSON value of `POST /chat/completions`.
        model: as whoever sends it has it; "" takes it from the body, where it stands.
        min_output_tokens, needs_tools, prompt_tokens: as `balancer.wire.read_asked` has them.
    """
    named = model or (body.get("model") if isinstance(body, dict) else "")
    asked = generation.read_asked(
        as_generation(body),
        named if isinstance(named, str) else "",
        min_output_tokens=min_output_tokens,
        needs_tools=needs_tools,
        prompt_tokens=prompt_tokens,
    )
    # Nobody has said which tiers this path takes, so none is asked for in its name.
    return replace(asked, takes_tiers=False)


def is_plausible(body: Any) -> bool:
    """As `balancer.wire.is_plausible`."""
    return validity.is_plausible(as_generation(body))


def shape_of(body: Any) -> str:
    """As `balancer.wire.shape_of`, in its names; never that of a request of generateContent."""
    return f"chat {blame.shape_of(as_generation(body))}"


def wants_stream(body: Any) -> bool:
    """Whether it is to be answered by a stream of events."""
    return isinstance(body, dict) and body.get("stream") is True
