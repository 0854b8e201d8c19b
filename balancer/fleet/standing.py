"""How a replica stands in its fleet, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Peer", "Place", "Standing"]

Place = Literal["leader", "follower", "alone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A replica as the log last showed it.

    Attributes:
        replica: its name.
        tick: of the last line that it had a part in.
        policy: fingerprint of its policy then.
    """

    replica: str
    tick: int
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a replica stands in its fleet.

    Attributes:
        place: "alone" while it decides by itself, on what it sees by itself.
        replica: its name.
        leader: name of who leads, as far as this replica knows; "": nobody, or it is alone.
        tick: of the last line of the log that it stepped; -1 before the first.
        policy: fingerprint of its own policy.
        holds: of the leader's, by the last line.
        differ: replicas that decide by another policy or release than the leader, by the last line.
        replicas: how many had a part in the last line.
        seen: those that had one of late, this one among them.
        problem: why the store cannot be used, or what is wrong with the fleet; "": nothing.
        changes: of the policy, that the log had.
        leased: whether what it may spend of a hard budget is leased; False while it has its share
            alone, and where there is no budget.
    """

    place: Place
    replica: str
    leader: str
    tick: int
    policy: str
    holds: str
    differ: tuple[str, ...]
    replicas: int
    seen: tuple[Peer, ...]
    problem: str
    changes: int
    leased: bool
