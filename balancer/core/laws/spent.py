"""Which modes have no model of their own left today: what they answer, a milder one answers too.

A quota of the day that is used up is refused until the day ends, and whoever is refused falls back
to a model that normal asks anyway. Such a mode is no remedy where requests fail. It is known by
what was seen: a model is spent whose last calls, a few of them, were all refused for the day, and a
mode is spent of which all models are, but for those that normal asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..modes import MODES, Mode
from ..observations import FAILURES, ModeObservations

__all__ = ["LEAST_REFUSALS", "MOST_MODELS", "REMEMBERED_S", "Spent"]

REMEMBERED_S = 3600.0
"""A refusal for the day is taken to hold for so long; then it is worth a few requests to look."""
LEAST_REFUSALS = 3
"""In a row: a fault that hits a part of the calls may say the same once."""
MOST_MODELS = 64
"""Models remembered of a mode; callers may name any."""
_DAY = FAILURES.index("quota_day")


class Spent:
    """What is remembered of models.

    Attributes:
        refused: how many of a model's calls in a row were refused for the day, and at which tick
            the last one was; any other end of a call strikes it out.
        asked: models that each mode has asked, in the order in which they were first seen.

    Args:
        span: ticks for which a refusal is remembered.
    """

    __slots__ = ("_span", "asked", "refused")

    def __init__(self, span: int) -> None:
        self._span = span
        self.refused: dict[str, tuple[int, int]] = {}
        self.asked: list[list[str]] = [[] for _ in MODES]

    def observe(self, tick: int, served: Iterable[ModeObservations]) -> None:
        """Take in what was served in a tick."""
        for entry in served:
            model, asked = entry.model, self.asked[entry.mode]
            if model not in asked and len(asked) < MOST_MODELS:
                asked.append(model)
            refusals = entry.failures[_DAY]
            if refusals < entry.finished:
                self.refused.pop(model, None)
            elif refusals and model in asked:
                before, _ = self.refused.get(model, (0, tick))
                self.refused[model] = before + refusals, tick

    def of(self, mode: Mode, tick: int) -> bool:
        """Whether a mode has no model left that normal does not ask."""
        if not self.refused or mode is Mode.NORMAL:
            return False
        gone = {
            model
            for model, (refusals, at) in self.refused.items()
            if refusals >= LEAST_REFUSALS and tick - at <= self._span
        }
        asked = self.asked[mode]
        others = set(asked) - gone - set(self.asked[Mode.NORMAL])
        return not others and any(model in gone for model in asked)

    def state(self) -> dict[str, object]:
        """Plain values."""
        return {
            "refused": [[model, *refusals] for model, refusals in self.refused.items()],
            "asked": [list(models) for models in self.asked],
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back what `state` gave."""
        refused, asked = state["refused"], state["asked"]
        assert isinstance(refused, list) and isinstance(asked, list)
        self.refused = {model: (count, at) for model, count, at in refused}
        self.asked = [list(models) for models in asked]
