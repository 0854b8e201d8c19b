"""How a replica stands in its fleet, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Place", "Standing"]

Place = Literal["leader", "follower", "alone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a replica stands in its fleet.

    Attributes:
        place: "alone" while it decides by itself, on what it sees by itself.
        replica: its name.
        tick: of the last line of the log that it stepped; -1 before the first.
        policy: fingerprint of its own policy.
        holds: of the leader's, by the last line.
        differ: replicas that decide by another policy or release than the leader, by the last line.
        replicas: how many had a part in the last line.
        problem: why the store cannot be used, or what is wrong with the fleet; "": nothing.
        changes: of the policy, that the log had.
        leased: whether what it may spend of a hard budget is leased; False while it has its share
            alone, and where there is no budget.
    """

    place: Place
    replica: str
    tick: int
    policy: str
    holds: str
    differ: tuple[str, ...]
    replicas: int
    problem: str
    changes: int
    leased: bool
