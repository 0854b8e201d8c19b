"""The rows of a hard budget by limit: how they are taken up, shown, saved and read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..core import budget
from ..core.policy import BudgetLimit
from ..core.pricing import NANO_USD
from .clock import tick_of

__all__ = ["Books", "Limit", "Standing"]

Limit = tuple[str | None, float]
"""Key and window of a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How much of one budget is used. used + reserved + left = limit, in nano-dollars.

    Attributes:
        key: whose budget; None is everybody's.
        window_s: it is over.
        priority: whether it is one of the priority tier.
        limit, used, reserved, left: used was settled in the window, reserved is held for calls in
            flight. A policy that lowered the limit may leave less than nothing.
        eases_s: scenario second at which the oldest of what is used leaves the window; None where
            nothing is used.
        free_s: scenario second at which all of it has left the window.
    """

    key: str | None
    window_s: float
    priority: bool
    limit: int
    used: int
    reserved: int
    left: int
    eases_s: float | None
    free_s: float | None


class Books:
    """Rows of everybody's and a key's limits, and of those of the priority tier.

    Attributes:
        rows, priority: by limit, in the policy's order.
        tick: rolled to.
        tick_s: length of a tick.
    """

    __slots__ = ("priority", "rows", "tick", "tick_s")

    def __init__(self, tick_s: float) -> None:
        self.rows: dict[Limit, list[int]] = {}
        self.priority: dict[Limit, list[int]] = {}
        self.tick = 0
        self.tick_s = tick_s

    def use(
        self, limits: Iterable[BudgetLimit], priority: Iterable[BudgetLimit], tick_s: float
    ) -> None:
        """Take up other limits; what was spent under one of the same window and key counts."""
        same_ticks = tick_s == self.tick_s
        self.tick = round(self.tick * self.tick_s / tick_s)
        self.tick_s = tick_s
        self.rows = self._taken_up(limits, self.rows, same_ticks)
        self.priority = self._taken_up(priority, self.priority, same_ticks)

    def _taken_up(
        self, limits: Iterable[BudgetLimit], known: dict[Limit, list[int]], same_ticks: bool
    ) -> dict[Limit, list[int]]:
        rows: dict[Limit, list[int]] = {}
        for limit in limits:
            name = (limit.key, limit.window_s)
            nano_usd = round(limit.usd * NANO_USD)
            row = before = known.get(name)
            if row is None or not same_ticks:
                row = budget.new_row(nano_usd, max(1, round(limit.window_s / self.tick_s)))
                budget.advance(row, self.tick)
                if before is not None:
                    # When exactly it was spent is lost, so all of it counts as just now.
                    _book_all(row, before)
            row[budget.LIMIT] = nano_usd
            rows[name] = row
        return rows

    def every_row(self) -> Iterator[list[int]]:
        """Rows of all limits, those of the priority tier last."""
        yield from self.rows.values()
        yield from self.priority.values()

    def advance(self, tick: int) -> None:
        """Roll the windows to the tick that begins; one in the past changes nothing."""
        self.tick = max(self.tick, tick)
        for row in self.every_row():
            budget.advance(row, tick)

    def charge_rest(self) -> None:
        """Nothing is left of any limit until a whole window has passed."""
        for row in self.every_row():
            budget.settle(row, 0, max(0, budget.headroom(row)))

    def standing(self, limit: Limit, row: list[int], *, priority: bool) -> Standing:
        """How a limit stands."""
        key, window_s = limit
        current, slices = row[budget.CURRENT], row[budget.SLICES]
        ring = slices + 1
        # A slice leaves the window when as many as the ring is long have begun after it.
        used = [
            place + ring
            for place in range(max(0, current - slices), current + 1)
            if row[budget.RING + place % ring]
        ]
        ends = [place * row[budget.SLICE_TICKS] * self.tick_s for place in used]
        return Standing(
            key=key,
            window_s=window_s,
            priority=priority,
            limit=row[budget.LIMIT],
            used=row[budget.SETTLED],
            reserved=row[budget.RESERVED],
            left=budget.headroom(row),
            eases_s=ends[0] if ends else None,
            free_s=ends[-1] if ends else None,
        )

    def state(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "tick": self.tick,
            "tick_s": self.tick_s,
            "rows": [[key, window_s, list(row)] for (key, window_s), row in self.rows.items()],
            "priority": [
                [key, window_s, list(row)] for (key, window_s), row in self.priority.items()
            ],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Books:
        """What `state` gave.

        Raises:
            LookupError, TypeError, ValueError: it did not.
        """
        books = cls(float(state["tick_s"]))
        books.tick = int(state["tick"])
        for rows, kept in (
            (books.rows, state["rows"]),
            (books.priority, state.get("priority", ())),
        ):
            for key, window_s, row in kept:
                values = [int(value) for value in row]
                if len(values) != budget.RING + values[budget.SLICES] + 1:
                    raise ValueError(f"a row of {len(values)} values")
                rows[key, window_s] = values
        return books

    def take_over(self, other: Books, now_s: float) -> None:
        """Take up the rows of a process before this one, for limits of the same window and key.
        What it held for calls in flight counts as spent now: nobody knows what became of them.

        Args:
            other: is changed.
            now_s: scenario second that it is, for ticks of either length.
        """
        now_s = max(now_s, self.tick * self.tick_s, other.tick * other.tick_s)
        for books in (self, other):
            books.advance(tick_of(now_s, books.tick_s))
        same_ticks = other.tick_s == self.tick_s
        for mine, theirs in ((self.rows, other.rows), (self.priority, other.priority)):
            for name, row in mine.items():
                before = theirs.get(name)
                if before is None:
                    continue
                if same_ticks and len(before) == len(row):
                    # Beside what was spent here already: balancers that share a ledger may begin
                    # before the one that keeps it.
                    for place in (budget.SETTLED, *range(budget.RING, len(row))):
                        row[place] += before[place]
                    budget.settle(row, 0, before[budget.RESERVED])
                else:
                    _book_all(row, before)


def _book_all(row: list[int], before: list[int]) -> None:
    budget.settle(row, 0, before[budget.SETTLED] + before[budget.RESERVED])
