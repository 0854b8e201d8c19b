"""One mode for ever: what any law has to beat.

Normal for ever is no controller. Soft or hard for ever is what savings cost without one: a
policy whose gain "the cheap model, always" also brings has shown no skill.
"""

from __future__ import annotations

from ..decisions import Reason, Stance
from ..modes import Mode
from ..policy import Policy
from .stances import stance

__all__ = ["Fixed"]


class Fixed:
    """Stays in its mode, whatever happens.

    Args:
        policy: what the mode does, its shedding included.
        mode: the mode.
    """

    __slots__ = ("_stance",)

    def __init__(self, policy: Policy, mode: Mode) -> None:
        reason = Reason(kind="policy", text=f"{mode.label}: always, by the policy's law")
        self._stance = stance(policy, mode, () if mode == Mode.NORMAL else (reason,))

    def step(self, tick: int) -> Stance:
        """The same as ever."""
        return self._stance

    def state(self) -> dict[str, object]:
        """Nothing to remember."""
        return {}

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Nothing to take back."""
