"""What modes lose: what they give up, whom they shed, and what their users lose."""

from __future__ import annotations

from ..modes import MODES, Mode
from ..policy import Policy
from .demand import Demand
from .illness import Illness

__all__ = ["GAUGED", "LATE", "MARGIN", "RULED", "Losses"]

LATE = 0.5
"""What a late answer loses, where one that never came loses 1."""
GIVEN_UP = 0.02
"""What each rung gives up by itself: a step must spare two users in a hundred their answer, or four
their wait."""
MARGIN = 0.1
"""Where nothing helped, losses that differ by less are equal, and the mildest mode is kept."""
RULED = 0.1
"""What it is worth to keep a rule about money, or one that is taken literally: one user in ten."""
GAUGED = 2.0
"""The same of a gauge, which is about the process itself and is not weighed against users."""


class Losses:
    """What modes lose, of 1: every user is lost.

    Args:
        policy: whom its modes shed.
        demand: how many come.
        ill: what modes lost when they were found ill.
        memory: ticks for which that is compared.
    """

    __slots__ = ("_demand", "_ill", "_memory", "_policy")

    def __init__(self, policy: Policy, demand: Demand, ill: Illness, memory: int) -> None:
        self._policy = policy
        self._demand = demand
        self._ill = ill
        self._memory = memory

    def of(self, mode: Mode, users: float, *, shedding: bool) -> float:
        """What a mode loses whose users lose so much."""
        shed = self._policy.strategies[mode].shed
        away = self._demand.turned_away(shed) if shedding else 0.0
        return GIVEN_UP * mode + away + (1.0 - away) * users

    def better(
        self, tick: int, mode: Mode, users: float, by: float, *, shedding: bool
    ) -> tuple[Mode, float] | None:
        """The milder mode that lost less, and what this one loses; None: there is none.

        Args:
            tick: now.
            mode: this one.
            users: what its users lose who are served.
            by: how much less the other must have lost.
            shedding: whether its shedding is in force.
        """
        best, least = None, GAUGED
        for milder in MODES[:mode]:
            lost = self.of_late(tick, milder)
            if lost is not None and lost < least:
                best, least = milder, lost
        if best is None:
            return None
        # Whom a mode sheds for a rule's sake is what its policy asked for.
        here = self.of(mode, users, shedding=shedding and self._ill.cause[best] != "rule")
        return (best, here) if here - by > least else None

    def of_late(self, tick: int, mode: Mode) -> float | None:
        """What a mode lost when it was found ill of late; None: it was not."""
        return self._ill.lost_since(mode, tick - self._memory)

    def least_bad(self, tick: int) -> Mode:
        """The mildest mode that lost hardly more than any; one was found ill just now."""
        known = ((mode, self.of_late(tick, mode)) for mode in MODES)
        lost = {mode: loss for mode, loss in known if loss is not None}
        least = min(lost.values())
        return min(mode for mode in lost if lost[mode] <= least + MARGIN)
