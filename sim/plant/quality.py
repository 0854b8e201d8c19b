"""What a plan leaves of its answers' quality, whoever gives them and however long.

The rest of an answer's quality differs from call to call (the model's own, what it could not
think, what the cap cut off) and is worked out where the call is (`sim.plant.upstream`).
"""

from __future__ import annotations

from balancer.core.strategy import Strategy
from scenarios.schema import GeminiUpstream, Scenario

__all__ = ["kept_quality_ppm"]

_MILLION = 1_000_000


def kept_quality_ppm(scenario: Scenario, strategy: Strategy) -> int:
    """Share of quality that a strategy's instruction, tools and history leave, in millionths."""
    if not isinstance(scenario.upstream, GeminiUpstream):
        return _MILLION
    actions = scenario.upstream.actions
    kept = 1.0
    if strategy.instruction:
        kept *= actions.concise
    if not strategy.tools:
        kept *= actions.no_tools
    if strategy.history_turns is not None:
        kept *= actions.short_history
    return round(kept * _MILLION)
