"""The store's side of leases, as pure functions: what `leases.lua` does, in Python.

The store runs the script; this is the same arithmetic for the simulator, and what the script is
tested against. All times are milliseconds of the store's clock, money is nano-dollars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .grants import Ask, Grant, Leased

__all__ = ["QUIET_MS", "Pool"]

SLICES = 60
QUIET_MS = 3000
"""After a store has begun, or has lost everything: for so long it only learns what owners hold."""

LONGEST_WINDOW_MS = 86_400_000


@dataclass(slots=True)
class _Owned:
    """What one owner has of a limit."""

    allowed: int
    spent: int
    charged: int = 0
    slice: int = -1  # that it was charged in; -1: it is not

    @property
    def lease(self) -> int:
        """What it may still spend."""
        return 0 if self.slice >= 0 else max(0, self.allowed - self.spent)


@dataclass(slots=True)
class _Limit:
    """What was settled, by slices of the window, and what owners have."""

    slices: dict[int, int] = field(default_factory=dict)
    owners: dict[str, _Owned] = field(default_factory=dict)
    current: int = 0

    @property
    def settled(self) -> int:
        """In the window, and up to a slice before it."""
        return sum(self.slices.values())

    @property
    def leased(self) -> int:
        """To everybody."""
        return sum(each.lease for each in self.owners.values())

    def book(self, nano_usd: int) -> None:
        """Count money as spent now."""
        if nano_usd:
            self.slices[self.current] = self.slices.get(self.current, 0) + nano_usd


class Pool:
    """Limits that owners lease from.

    Args:
        most: replicas that a share is set aside for.
    """

    def __init__(self, most: int = 20) -> None:
        self._most = most
        self._began = -1
        self._owners: dict[str, tuple[int, bool, int]] = {}
        self._limits: dict[str, _Limit] = {}

    def forget(self) -> None:
        """As a store does that loses everything."""
        self.__init__(self._most)  # type: ignore[misc]

    def lease(
        self,
        owner: str,
        number: int,
        asks: Sequence[Ask],
        now: int,
        *,
        life: int,
        linger: int,
        gone: bool,
    ) -> Leased:
        """See `balancer.fleet.store.Store.lease`."""
        if owner in self._owners and number <= self._owners[owner][2]:
            return Leased(grants=(), place=False)
        if self._began < 0:
            self._began = now
        place = self._prolong(owner, number, now, life + linger)
        grants = tuple(self._answer(owner, ask, now) for ask in asks)
        if gone:
            del self._owners[owner]
        return Leased(grants=grants, place=place)

    def _prolong(self, owner: str, number: int, now: int, span: int) -> bool:
        """Until when an owner's leases are not charged, and whether it has a place."""
        for name, (until, _, _) in list(self._owners.items()):
            if until + LONGEST_WINDOW_MS < now:
                del self._owners[name]
        known = self._owners.get(owner)
        taken = sum(place for _, place, _ in self._owners.values())
        place = taken < self._most if known is None else known[1]
        self._owners[owner] = now + span, place, number
        return place

    def _answer(self, owner: str, ask: Ask, now: int) -> Grant:
        limit = self._limits.setdefault(ask.name, _Limit())
        self._roll(limit, ask.window_s, now)
        self._charge(limit, now)
        mine = limit.owners.get(owner)
        if mine is None:
            # New here, or the store has lost it: what it says of itself is all that is known.
            mine = limit.owners[owner] = _Owned(ask.allowed, ask.spent)
            limit.book(ask.recent)
        elif mine.slice >= 0:
            # It was charged, and is back: what it spent takes the place of that.
            if mine.slice in limit.slices:
                limit.slices[mine.slice] -= mine.charged
            else:
                mine.allowed = mine.spent
            mine.charged, mine.slice = 0, -1
        limit.book(max(0, ask.spent - mine.spent))
        mine.spent = max(mine.spent, ask.spent)
        mine.allowed = max(mine.allowed, mine.spent)
        if ask.wanted <= mine.allowed:
            mine.allowed = max(ask.wanted, mine.spent)
        elif now >= self._began + QUIET_MS:
            room = max(0, ask.limit - limit.settled - limit.leased)
            mine.allowed += min(ask.wanted - mine.allowed, room // self._most)
        return Grant(
            name=ask.name, allowed=mine.allowed, settled=limit.settled, leased=limit.leased
        )

    @staticmethod
    def _roll(limit: _Limit, window_s: float, now: int) -> None:
        length = max(1, -(-round(window_s * 1000) // SLICES))
        limit.current = max(limit.current, now // length)
        for place in [each for each in limit.slices if each < limit.current - SLICES]:
            del limit.slices[place]
        for name, owned in list(limit.owners.items()):
            if owned.slice >= 0 and owned.slice < limit.current - SLICES:
                del limit.owners[name]

    def _charge(self, limit: _Limit, now: int) -> None:
        """Leases whose owners nobody has heard of for too long are spent, as far as one knows."""
        for name, owned in limit.owners.items():
            until = self._owners.get(name, (0, False, 0))[0]
            if until < now and owned.slice < 0:
                lease = owned.lease
                limit.book(lease)
                owned.charged, owned.slice = lease, limit.current

    def standing(self, name: str) -> tuple[int, int]:
        """What is settled in a limit's window, and what is leased."""
        limit = self._limits.get(name, _Limit())
        return limit.settled, limit.leased
