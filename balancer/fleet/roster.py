"""Which replicas had a part in the log of late, by its lines."""

from __future__ import annotations

from .lines import Line
from .names import shown
from .standing import Peer

__all__ = ["LATE_TICKS", "Roster"]

LATE_TICKS = 60
"""Ticks after its last part for which a replica is still named."""


class Roster:
    """See the module.

    Attributes:
        peers: the replicas, by name. Another thread may read it at any time.
    """

    __slots__ = ("peers",)

    def __init__(self) -> None:
        self.peers: tuple[Peer, ...] = ()

    def hear(self, line: Line) -> None:
        """The next line of the log."""
        last = {peer.replica: peer for peer in self.peers if line.tick - peer.tick < LATE_TICKS}
        for replica, policy in line.policies.items():
            # One that was started again takes the place of the one before.
            name = shown(replica)
            last[name] = Peer(replica=name, tick=line.tick, policy=policy or line.policy)
        self.peers = tuple(last[replica] for replica in sorted(last))
