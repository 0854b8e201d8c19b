"""No law: normal for ever. The counterfactual that every saving is measured against."""

from __future__ import annotations

from ..decisions import Stance, one_hot
from ..modes import Mode

__all__ = ["NoLaw"]

_NORMAL = one_hot(Mode.NORMAL)


class NoLaw:
    """Stays in normal, whatever happens."""

    __slots__ = ("_stance",)

    def __init__(self) -> None:
        self._stance = Stance(mode=Mode.NORMAL, mixes=(_NORMAL, _NORMAL, _NORMAL))

    def step(self, tick: int) -> Stance:
        """Normal."""
        return self._stance

    def state(self) -> dict[str, object]:
        """Nothing to remember."""
        return {}

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Nothing to take back."""
