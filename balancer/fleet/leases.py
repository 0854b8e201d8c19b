"""Leases of a hard budget: a replica takes a slice from the store and spends it by itself.

For each limit the store and a replica (the owner) keep two sums: what the owner is *allowed* to
spend since its start, and what it has *spent*. Their difference is the lease, and the store sees to
it that

    settled in the window + all leases <= limit

so whatever owners do with their leases, together they never exceed the limit. A call is reserved
and settled in the owner's own row (`balancer.core.budget`), whose limit is what is allowed: at the
cost of a call without a fleet, and without asking anybody.

A lease is given up before the store hears of it and used after the store has granted it, so an
answer that is lost costs room and never money. It lapses earlier by the owner's clock than by the
store's. One that nobody prolonged is charged in full some time after (`LINGER_S`), when the calls
that it was held for are over; if its owner comes back, what it really spent takes its place.

However many limits there are, a look costs what was used since the last one: `touch` says which
that is.

Slices go by use: one that is nearly used up is doubled, one that is hardly touched is halved, and
a call that found too little says how much it wanted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ..core import budget
from .grants import Ask, Grant, Leased

__all__ = ["LIFE_S", "LINGER_S", "Leases"]

LIFE_S = 15.0
"""Seconds for which leases hold, unless they are prolonged."""

LINGER_S = 900.0
"""Seconds from there until they are charged: as long as a call may take that was begun before."""

_FINEST = 512
_MARGIN_S = 3.0
_LOOSE_LOOKS = 5
_FRESH_S = 6 * 3600.0
_REFRESH_S = 5.0
_FEW = 100
_LOOKED_AT = 1000
_SLICES = 60

Row = list[int]


def _name(key: str | None, window_s: float, *, priority: bool) -> str:
    """Of a limit, in the store."""
    whose = "all" if key is None else f"key {key}"
    return f"{whose} {window_s:g}s{' priority' if priority else ''}"


class _Lease:
    """Of one limit.

    Attributes:
        row: of the ledger, whose limit is what is allowed.
        own: what the owner spent, by its own clock; None: nothing yet.
        shared: the same of what it spent without a lease.
        counted: what was spent when that was brought up to date.
        told_s: when the store was last told.
        lapsed: what was spent and held when it lapsed; None while it holds.
    """

    __slots__ = (
        "allowed", "counted", "grant", "lapsed", "least", "limit", "loose", "own", "row",
        "set_aside", "shared", "slice", "told_s", "wants", "window_s",
    )  # fmt: skip

    def __init__(self, row: Row, limit: int, window_s: float, set_aside: int) -> None:
        self.row = row
        self.limit = limit
        self.window_s = window_s
        self.set_aside = set_aside
        self.own: Row | None = None
        self.shared: Row | None = None
        self.least = self.slice = max(1, limit // _FINEST)
        self.loose = 0
        self.counted = row[budget.SETTLED]
        self.told_s = float("-inf")
        self.wants = False
        self.grant: Grant | None = None
        self.lapsed: tuple[int, int] | None = self.sums
        self.allow(sum(self.sums))

    @property
    def sums(self) -> tuple[int, int]:
        """What was spent, and what is held."""
        return self.row[budget.SETTLED], self.row[budget.RESERVED]

    def allow(self, nano_usd: int) -> None:
        """So much may be spent, since the start."""
        self.allowed = self.row[budget.LIMIT] = nano_usd

    def count(self, now_s: float) -> None:
        """Bring up to date what was spent in the window."""
        spent = self.row[budget.SETTLED]
        fresh, self.counted = spent - self.counted, spent
        if self.own is None and not fresh:
            return
        self.own = self._counted(self.own, fresh, now_s)
        if self.lapsed is not None or self.shared is not None:
            self.shared = self._counted(self.shared, 0 if self.lapsed is None else fresh, now_s)

    def _counted(self, row: Row | None, fresh: int, now_s: float) -> Row:
        if row is None:
            row = budget.new_row(self.limit, max(1, math.ceil(self.window_s)), _SLICES)
        budget.advance(row, int(now_s))
        budget.settle(row, 0, fresh)
        return row


class Leases:
    """The owner's side: pure, told the time in seconds of a clock that never goes back.

    Whoever calls anything holds the ledger's lock.

    Args:
        share: part of each limit that may be spent in a window without a lease.
        most: replicas that share the limits.
        life_s, linger_s: see `LIFE_S` and `LINGER_S`.
    """

    __slots__ = (
        "_active", "_at", "_by_row", "_due", "_leases", "_life_s", "_linger_s", "_most", "_names",
        "_over", "_place", "_share", "_until_s", "_urgent",
    )  # fmt: skip

    def __init__(
        self,
        *,
        share: float = 0.0,
        most: int = 20,
        life_s: float = LIFE_S,
        linger_s: float = LINGER_S,
    ) -> None:
        self._share = share
        self._most = most
        self._life_s = life_s
        self._linger_s = linger_s
        self._leases: dict[str, _Lease] = {}
        self._by_row: dict[int, str] = {}
        self._place = False
        self._until_s = float("-inf")
        self._names: list[str] = []
        self._at = 0  # of the names, up to which it was looked whether the store forgets them
        self._due: dict[str, None] = {}
        self._urgent: dict[str, None] = {}
        self._active: dict[str, None] = {}  # used since the leases lapsed
        self._over: tuple[bool, bool] | None = None  # what all limits were lapsed under

    def take_up(
        self, rows: Iterable[tuple[str | None, float, bool, Row]], *, speed: float = 1.0
    ) -> None:
        """Limit the ledger's rows to what is leased: nothing yet, of those that are new.

        Args:
            rows: of each limit: its key, its window in seconds of the policy, whether it is one of
                the priority tier, and the row, whose limit is the policy's.
            speed: seconds of the policy in one of the store's.
        """
        before, self._leases = self._leases, {}
        for key, policy_s, priority, row in rows:
            name, limit = _name(key, policy_s, priority=priority), row[budget.LIMIT]
            window_s = policy_s / speed
            set_aside = round(limit * self._share)
            known = before.get(name)
            if known is not None and known.row is row:
                known.limit, known.set_aside = limit, set_aside
                known.least = max(1, limit // _FINEST)
                known.allow(known.allowed)
            else:
                known = _Lease(row, limit, window_s, set_aside)
            self._leases[name] = known
        self._by_row = {id(lease.row): name for name, lease in self._leases.items()}
        self._names = list(self._leases)
        self._due, self._urgent, self._active = dict.fromkeys(self._names), {}, {}
        self._over = None

    def touch(self, rows: Iterable[Row]) -> None:
        """Rows were reserved from or settled in."""
        for row in rows:
            name = self._by_row.get(id(row))
            if name is not None:
                self._due[name] = self._active[name] = None

    def wants(self, row: Row, nano_usd: int) -> None:
        """A call found less than this in a row."""
        name = self._by_row.get(id(row))
        if name is None:
            return
        lease = self._leases[name]
        lease.slice = max(lease.slice, min(2 * nano_usd, self._largest(lease)))
        lease.wants = True
        self._urgent[name] = None

    def _largest(self, lease: _Lease) -> int:
        return max(lease.least, lease.limit // self._most)

    # --- asking -------------------------------------------------------------------------

    def due(self, now_s: float) -> list[str]:
        """Limits of which the store is to hear, those first that a call waits for."""
        # What others spend is worth a question where it costs little.
        fresh_s = _REFRESH_S if len(self._names) <= _FEW else _FRESH_S
        looked_at = self._names[self._at : self._at + _LOOKED_AT]
        self._at = self._at + _LOOKED_AT if len(looked_at) == _LOOKED_AT else 0
        for name in looked_at:
            if now_s - self._leases[name].told_s > fresh_s:
                self._due[name] = None
        return list(self._urgent | self._due)

    def asks(self, names: Sequence[str], now_s: float, *, gone: bool = False) -> tuple[Ask, ...]:
        """What to ask the store for. What is given back is given up here and now.

        Args:
            names: that `due` gave, or some of them.
            now_s: it is now.
            gone: nothing more is to be spent.
        """
        return tuple(
            self._ask(name, self._leases[name], now_s, gone=gone)
            for name in names
            if name in self._leases
        )

    def _ask(self, name: str, lease: _Lease, now_s: float, *, gone: bool) -> Ask:
        lease.count(now_s)
        self._resize(lease)
        spent, held = lease.sums
        wanted = spent + held + (0 if gone else lease.slice)
        if lease.allowed > wanted:
            lease.allow(wanted)
        lease.told_s = now_s
        self._urgent.pop(name, None)
        if lease.lapsed is None:
            self._due.pop(name, None)
        return Ask(
            name=name,
            limit=lease.limit - self._most * lease.set_aside,
            window_s=lease.window_s,
            spent=spent,
            allowed=lease.allowed if lease.lapsed is None else spent + held,
            wanted=wanted,
            recent=0 if lease.own is None else lease.own[budget.SETTLED],
        )

    def _resize(self, lease: _Lease) -> None:
        left = lease.allowed - sum(lease.sums)
        wants, lease.wants = lease.wants, False
        if lease.lapsed is not None:
            return
        if wants or left < lease.slice // 2:
            lease.loose = 0
            lease.slice = min(2 * lease.slice, self._largest(lease))
        elif left > lease.slice - lease.slice // 8:
            lease.loose += 1
            if lease.loose >= _LOOSE_LOOKS:
                lease.loose = 0
                lease.slice = max(lease.least, lease.slice // 2)
        else:
            lease.loose = 0

    def granted(self, leased: Leased, asked_s: float) -> None:
        """The store has answered.

        Args:
            leased: its answer.
            asked_s: when it was asked: from then on the leases hold, by the owner's clock.
        """
        self._place = leased.place
        self._until_s = max(self._until_s, asked_s + self._life_s - _MARGIN_S)
        for grant in leased.grants:
            lease = self._leases.get(grant.name)
            if lease is not None:
                lease.count(asked_s)
                lease.grant = grant
                if lease.lapsed is not None:
                    lease.lapsed = None
                    self._due.pop(grant.name, None)
                lease.allow(grant.allowed)
        self._over = None

    def lapse(self, now_s: float) -> bool:
        """Take back what nobody prolonged, and let the share be spent instead.

        Returns:
            Whether there is no lease now.
        """
        if now_s < self._until_s:
            return False
        lingers = now_s < self._until_s + self._linger_s
        over = (lingers, self._place)
        if self._over == over and not (self._place and self._share):
            return True
        names = self._active if self._over == over else self._leases
        if self._over is None:
            self._active, self._due = {}, dict.fromkeys(self._names)
        self._over = over
        for name in names:
            lease = self._leases[name]
            if lease.lapsed is not None and lingers and not (self._place and lease.set_aside):
                continue
            # What was spent until now was leased.
            lease.count(now_s)
            if lease.lapsed is None:
                lease.lapsed = lease.sums
            spent, held = lease.lapsed
            allowed = spent + (held if lingers else 0)
            if self._place and lease.set_aside:
                shared = 0 if lease.shared is None else lease.shared[budget.SETTLED]
                allowed += lease.sums[0] - spent + lease.set_aside - shared
            lease.allow(allowed)
        return True

    # --- what is seen -------------------------------------------------------------------

    def names(self) -> list[str]:
        """Of all limits."""
        return list(self._leases)

    def held(self) -> int:
        """Nano-dollars of calls in flight, in all limits."""
        return sum(lease.row[budget.RESERVED] for lease in self._leases.values())

    def hold(self, now_s: float) -> bool:
        """Whether the store has prolonged them, and they have not lapsed."""
        return now_s < self._until_s

    def grant(self, row: Row) -> Grant | None:
        """What the store last said of a row's limit; None before it did."""
        lease = self._leases.get(self._by_row.get(id(row), ""))
        return None if lease is None else lease.grant

    def limit(self, row: Row) -> int:
        """Of a row, by the policy."""
        return self._leases[self._by_row[id(row)]].limit
