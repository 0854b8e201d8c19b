"""How much of a hard budget one call claims, and how far that shortens its answer.

A call reserves its worst case before it starts. Nobody comes near the worst case of a call
without a cap, so a few such calls would put the whole budget out of use for all others;
a call therefore claims at most a 256th of what every budget concerned still affords. The cap
is shortened to that, and thinking to half of the cap, since the cap covers both.

Nobody has counted a prompt's tokens before the call: applications estimate them, and are wrong by
a tenth and more. A worst case that rests on an estimate has to leave room for that, or a budget
is passed by whatever the prompts were longer.

The functions take what `balancer.core.pricing.affordable_output_tokens` gives for a room (the
least headroom of all budgets concerned) and for its share, and run in plain Python and
compiled inside the simulator's kernel alike.
"""

from __future__ import annotations

__all__ = [
    "CLAIMS",
    "MODEST_TOKENS",
    "MOST_A_CALL_COSTS_NANO_USD",
    "claimed_cap",
    "claimed_prompt",
    "claimed_thinking",
]

CLAIMS = 256
"""A call claims at most this part of what is left."""

MOST_A_CALL_COSTS_NANO_USD = 9_000_000_000_000
"""Room beyond this is not asked for: it keeps the products of prices below 2**63."""

_LEAST_ANSWER_TOKENS = 64
_LEAST_THINKING_TOKENS = 512  # the most that any model asks for as a budget
MODEST_TOKENS = 2048
"""A claim this small is left whole: natural answers fit in it."""


def claimed_prompt(estimate_tokens: int) -> int:
    """Prompt tokens that a call claims: half as many again as it is taken to have."""
    return estimate_tokens + estimate_tokens // 2


def claimed_cap(affordable_tokens: int, share_tokens: int, cap: int, thinking: int) -> int:
    """The output cap of a call, thinking included; -1 if the budget refuses the call.

    Args:
        affordable_tokens: what the whole room affords beside the prompt.
        share_tokens: what one claim of it affords beside the prompt.
        cap: without a budget.
        thinking: most thinking tokens of the call.
    """
    least = min(cap, min(thinking, _LEAST_THINKING_TOKENS) + _LEAST_ANSWER_TOKENS)
    if affordable_tokens < least:
        return -1
    return min(cap, affordable_tokens, max(share_tokens, MODEST_TOKENS))


def claimed_thinking(claimed: int, cap: int, thinking: int) -> int:
    """Most thinking tokens of a call whose cap was shortened to what it claimed."""
    return min(thinking, claimed // 2) if claimed < cap else thinking
