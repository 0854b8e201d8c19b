"""By how much calls of a model came to more than their worst case.

A worst case rests on an estimate of the prompt. Where calls came to more after all, the next ones
hold as much more (the model's surprise); it fades by a 64th with every call that keeps to its worst
case.
"""

from __future__ import annotations

__all__ = ["Surprises"]

_FADES = 64
_MOST_MODELS = 256


class Surprises:
    """See the module; nano-dollars."""

    __slots__ = ("_by_model",)

    def __init__(self) -> None:
        self._by_model: dict[str, int] = {}

    def of(self, model: str) -> int:
        """What a call of a model is to hold beyond its worst case."""
        return self._by_model.get(model, 0)

    def learn(self, model: str, beyond: int) -> None:
        """A call of a model came to so much more than its worst case, or less."""
        if beyond <= 0 and model not in self._by_model:
            return
        before = self._by_model.pop(model, 0)
        after = max(beyond, before - -(-before // _FADES))
        if after > 0 and len(self._by_model) < _MOST_MODELS:
            self._by_model[model] = after
