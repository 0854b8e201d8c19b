"""What an interaction asks for, in the terms that plans and edits understand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import asked as generation
from .. import blame, validity
from ..asked import Asked
from ..members import member
from ..models import bare_model
from .forms import as_generation

__all__ = [
    "is_background",
    "is_plausible",
    "model_of",
    "previous_of",
    "read_asked",
    "shape_of",
    "wants_stream",
]


def read_asked(
    body: Any,
    model: str = "",
    *,
    min_output_tokens: int | None = None,
    needs_tools: bool = False,
    prompt_tokens: int | None = None,
) -> Asked:
    """What an interaction asks for; odd values count as not said.

    Of one that goes on from another (`previous_interaction_id`) Google keeps the history: it is
    `pinned`, so that no plan moves it to another model, takes its tools or adds an instruction.
    Each interaction may name a model of its own, but signatures of a running turn of function
    calls are kept there too, where nobody sees whose they are. Its prompt is longer than what is
    sent by as much as is kept, so callers with a hard budget give `prompt_tokens`.

    An agent is called as it is: it has models, caps and tools of its own.

    Args:
        body: JSON value of `POST /interactions`.
        model: as whoever sends it has it; "" takes it from the body, where it stands.
        min_output_tokens, needs_tools, prompt_tokens: as `balancer.wire.read_asked` has them.
    """
    agent = member(body, "agent")
    named = model or model_of(body)
    asked = generation.read_asked(
        as_generation(body),
        named,
        min_output_tokens=min_output_tokens,
        needs_tools=needs_tools,
        prompt_tokens=prompt_tokens,
    )
    as_is = bool(agent or member(body, "agentConfig"))
    return replace(
        asked,
        model=bare_model(asked.model),
        pinned=asked.pinned or as_is or bool(previous_of(body)),
        levels_only=True,
        as_is=as_is,
        takes_tiers=not as_is,
    )


def model_of(body: Any) -> str:
    """The model or the agent that is asked, as it is written; "" where none is."""
    model = member(body, "model") or member(body, "agent")
    return model if isinstance(model, str) else ""


def is_plausible(body: Any) -> bool:
    """As `balancer.wire.is_plausible`. What goes on from a kept interaction may answer its calls,
    of which nothing is known here, and is not.
    """
    return validity.is_plausible(as_generation(body))


def shape_of(body: Any) -> str:
    """As `balancer.wire.shape_of`, in its names; never that of a request of generateContent."""
    chained = " chained" if previous_of(body) else ""
    return f"interaction{chained} {blame.shape_of(as_generation(body))}"


def previous_of(body: Any) -> str:
    """Name of the interaction that this one goes on from; "" where it begins anew."""
    previous = member(body, "previousInteractionId")
    return previous if isinstance(previous, str) else ""


def wants_stream(body: Any) -> bool:
    """Whether it is to be answered by a stream of events."""
    return member(body, "stream") is True


def is_background(body: Any) -> bool:
    """Whether its answer is only that it was taken on: what becomes of it is asked for later."""
    return member(body, "background") is True
