"""The thinking setting that a model accepts and that comes nearest to the one wanted.

Models take a budget in tokens or a level, never the other one, and refuse what is out of
their range with a 400. A plan that falls back to another model must not fail for that.
"""

from __future__ import annotations

from balancer.core.catalog import LEVEL_TOKENS, ModelCard, Thinking

__all__ = ["fit_thinking"]


def fit_thinking(card: ModelCard, wanted: Thinking) -> Thinking | None:
    """A setting that the model accepts, at or below what is wanted where it has one.

    Args:
        card: the model.
        wanted: a budget in tokens (0 off, -1 the model's choice) or a level.

    Returns:
        None where nothing can be set: the model takes no setting, or the choice is to be its
        own and it is told so by saying nothing.
    """
    if not card.refuses(wanted):
        return wanted
    if wanted == -1 or not card.thinks:
        return None
    tokens = LEVEL_TOKENS.get(wanted, 0) if isinstance(wanted, str) else max(wanted, 0)
    if card.levels:
        fitting = [level for level in card.levels if LEVEL_TOKENS[level] <= tokens]
        return max(fitting or card.levels[:1], key=LEVEL_TOKENS.__getitem__)
    least, most = card.budget or (1, 1)
    if tokens < least:
        return 0 if card.off else least
    return min(tokens, most)
