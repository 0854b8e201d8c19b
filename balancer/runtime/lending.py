"""A ledger whose rows are leased from a fleet's store: what it tells whoever leases them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..core import budget
from .books import Books, Standing

if TYPE_CHECKING:
    from ..fleet.leases import Leases

__all__ = ["Lending"]


class Lending:
    """Called with the ledger held still.

    Args:
        leases: who says how much may be spent.
        short: called when a call wants more than there is, and must return at once.
        speed: scenario seconds in one of the store's.
    """

    __slots__ = ("_leases", "_short", "_speed")

    def __init__(self, leases: Leases, short: Callable[[], None], speed: float) -> None:
        self._leases = leases
        self._short = short
        self._speed = speed

    def take_up(self, books: Books) -> None:
        """Limit all rows to what is leased."""
        self._leases.take_up(
            (
                (key, window_s, rows is books.priority, row)
                for rows in (books.rows, books.priority)
                for (key, window_s), row in rows.items()
            ),
            speed=self._speed,
        )

    def give_up(self, books: Books) -> None:
        """Limit all rows as the policy does."""
        for row in books.every_row():
            row[budget.LIMIT] = self._leases.limit(row)

    def touch(self, rows: Iterable[list[int]]) -> None:
        """Rows are used."""
        self._leases.touch(rows)

    def want(self, rows: Iterable[list[int]], nano_usd: int) -> None:
        """A call would have taken so much of each row."""
        for row in rows:
            if budget.headroom(row) < nano_usd:
                self._leases.wants(row, nano_usd)
        self._short()

    def standing(self, own: Standing, row: list[int]) -> Standing:
        """What all replicas used of a limit, and what is leased to them.

        Args:
            own: how this replica's row stands.
            row: that.
        """
        limit, grant = self._leases.limit(row), self._leases.grant(row)
        used, leased = (own.used, own.reserved) if grant is None else (grant.settled, grant.leased)
        return replace(
            own,
            limit=limit,
            used=used,
            reserved=leased,
            left=limit - used - leased,
            eases_s=None,
            free_s=None,
        )
