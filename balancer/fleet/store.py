"""What a fleet asks of its store. Each call is one step there: it happens whole, or not at all.

A call that fails may have happened all the same (its answer was lost), so each can be made again:
parts have numbers, lines a place in their chain, spending is told as a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .grants import Ask, Leased

__all__ = ["AWAY", "Head", "Store", "StoreError"]


AWAY = "away"
"""Kind of error of a store that does not answer."""


class StoreError(Exception):
    """The store did not answer, or not as it should; the text says what to do about it.

    Args:
        text: one sentence.
        kind: what is wrong in a word, by which it is said once: `AWAY`, "password", "read-only".
    """

    def __init__(self, text: str, kind: str = AWAY) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How the log stands.

    Attributes:
        generation: of the log; "": there is none.
        form: what all replicas must have in common, as whoever began the log had it.
        tick: of the last line.
        offset: up to which parts are in lines; "": none is.
        leader: replica that has the lease.
        fence: number of the lease.
        accepted: number of the last part of the asking replica that is in the stream.
        entry: where that part is in the stream; "": it came in an earlier call.
    """

    generation: str
    form: str = ""
    tick: int = -1
    offset: str = ""
    leader: str = ""
    fence: int = 0
    accepted: int = 0
    entry: str = ""


class Store(Protocol):
    """See the module. Everything may raise `StoreError`, and does so within a deadline."""

    async def beat(self, replica: str, form: str, number: int, part: str, *, lead_s: float) -> Head:
        """Append a part, unless it was, and take or prolong the leader's lease if it is free.

        Nothing is done where there is no log, or one of another form.

        Args:
            replica: who asks.
            form: its own.
            number: of the part; 0: there is none.
            part: its text.
            lead_s: how long a lease holds; 0: it wants none.
        """

    async def parts(self, offset: str) -> Sequence[tuple[str, str, int, str]]:
        """Parts after an offset, in order: where each is, its replica, its number and its text."""

    async def close(
        self, generation: str, replica: str, fence: int, after: int, tick: int, offset: str,
        line: str,
    ) -> bool:  # fmt: skip
        """Append a line to the log.

        It is refused unless `after` is the last line's tick and the replica has the lease of that
        fence. Parts up to the offset are dropped.
        """

    async def lines(self, after: int, wait_s: float) -> Sequence[str]:
        """Lines after a tick, in order; waits some seconds for the first of them."""

    async def snapshot(self) -> str:
        """The newest snapshot; "": there is none."""

    async def save(self, generation: str, tick: int, snapshot: str) -> None:
        """Keep a snapshot, if it is of this log and not older; drop lines well before it."""

    async def found(
        self, before: str, generation: str, form: str, tick: int, snapshot: str
    ) -> bool:
        """Begin a log from a snapshot, and forget the one there was.

        It is refused unless the log's generation is `before` ("": there is none) and its last
        line's tick lower than this one.
        """

    async def leave(self, replica: str, fence: int) -> None:
        """Give the leader's lease back, if it is of that fence."""

    async def lease(
        self,
        owner: str,
        number: int,
        asks: Sequence[Ask],
        *,
        life_s: float,
        linger_s: float,
        gone: bool = False,
    ) -> Leased:
        """Settle what was spent and change leases of the budget; see `balancer.fleet.leases`.

        Args:
            owner: of the leases.
            number: of the question among those of its owner, from 1. One that comes after a later
                one, because it was on its way for long, does nothing.
            asks: one for each limit concerned; none only prolongs.
            life_s: after which the leases lapse, if nothing prolongs them.
            linger_s: after which, from there, they are charged in full.
            gone: the owner goes for good, and has nothing in flight.
        """
