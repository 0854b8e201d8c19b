"""The hard budget of a process: the core's rows behind one lock, shared by its balancers.

Money is reserved before a call starts and settled when it ends (`balancer.core.budget`,
`balancer.core.claims`), so that what was settled in any rolling window never exceeds a limit,
however many calls are in flight. Every process has a ledger of its own: processes that are to
keep to one budget together get a part of it each, or lease it from a fleet's store (`lend`).

The ledger in memory is the truth while the process lives. What it holds and settles is told to
`log`, if there is one, before the call starts (`balancer.runtime.budget_files`); whatever becomes
of that, it goes on counting and refusing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..core import budget
from ..core.catalog import ModelCard
from ..core.claims import (
    CLAIMS,
    MODEST_TOKENS,
    MOST_A_CALL_COSTS_NANO_USD,
    claimed_cap,
    claimed_thinking,
)
from ..core.policy import Policy
from ..core.pricing import affordable_output_tokens, cost_nano_usd
from ..core.surcharges import dearest_row, worst_surcharge_nano_usd
from .books import Books, Limit, Standing
from .budget_log import limits_line
from .claim import Claim, most_prompt_tokens
from .clock import tick_of
from .key_rows import KeyRows, Rows
from .lending import Lending
from .surprises import Surprises

if TYPE_CHECKING:
    from ..fleet.leases import Leases

__all__ = ["Ledger"]


class Ledger:
    """Budget rows of a policy's limits. Balancers that share one must share a clock and a tick.

    Args:
        policy: its budgets, and the length of its ticks.

    Attributes:
        log: told of every change in a line, in their order; must return at once, and never raise.
    """

    __slots__ = (
        "_books", "_calls", "_claims", "_lending", "_lock", "_reserved", "_rows", "_surprises",
        "log",
    )  # fmt: skip

    def __init__(self, policy: Policy) -> None:
        # Re-entrant: a request may be dropped, and give its claim back, in the midst of this.
        self._lock = threading.RLock()
        self._books = Books(policy.tick_s)
        self._claims: dict[int, Claim] = {}
        self._calls = 0
        self._rows = KeyRows(self._books)
        self._reserved = 0
        self._surprises = Surprises()
        self._lending: Lending | None = None
        self.log: Callable[[str], None] = _nobody_writes
        self.use(policy)

    def use(self, policy: Policy) -> None:
        """Take up another policy's limits; what was spent under a limit of the same window and
        key still counts.
        """
        with self._lock:
            limits, priority = policy.budgets, policy.priority_budgets
            self._roll_all()
            self._books.use(limits, priority, policy.tick_s)
            if self._lending is not None:
                self._lending.take_up(self._books)
            self._rows.find()
            self.log(limits_line(limits, priority, policy.tick_s))

    def lend(self, leases: Leases, short: Callable[[], None], speed: float) -> None:
        """Let nothing be spent from now on but what is leased from a fleet's store.

        Args:
            leases: who says how much that is; called with the ledger held still.
            short: called when a call wants more than there is, and must return at once.
            speed: scenario seconds in one of the store's.
        """
        with self._lock:
            if self._lending is not None:
                self._lending.give_up(self._books)
            self._lending = Lending(leases, short, speed)
            self._lending.take_up(self._books)

    @property
    def lent(self) -> bool:
        """Whether what may be spent is leased: then the store keeps what was spent."""
        return self._lending is not None

    def _rows_of(self, key: str | None) -> tuple[Rows, str]:
        """Rows that a key's calls are held in, rolled to the tick, and their places among all."""
        rows, places = self._rows.of(key)
        self._use(rows)
        return rows, places

    def _shown(self) -> Iterator[tuple[Limit, list[int]]]:
        """Limits that are shown, without those of the priority tier."""
        for limit, row in self._rows.shown():
            if self._lending is None:
                budget.advance(row, self._books.tick)
            yield limit, row

    def _use(self, rows: Iterable[list[int]]) -> None:
        """Some rows are about to be used: they are rolled to the tick, or told of to who lends."""
        if self._lending is not None:
            self._lending.touch(rows)
        else:
            tick = self._books.tick
            for row in rows:
                budget.advance(row, tick)

    def _roll_all(self) -> None:
        if self._lending is None:
            self._books.advance(self._books.tick)

    @property
    def is_kept(self) -> bool:
        """Whether somebody writes down what is counted."""
        return self.log is not _nobody_writes

    @property
    def limited(self) -> bool:
        """Whether there is any limit that refuses calls."""
        return bool(self._books.rows)

    @property
    def limits_priority(self) -> bool:
        """Whether the priority tier has a limit, beyond which its calls go as standard."""
        return bool(self._books.priority)

    @property
    def has_limits(self) -> bool:
        """Whether there is a limit of either kind, so that what was spent matters."""
        return self.limited or self.limits_priority

    @property
    def reserved_nano_usd(self) -> int:
        """Held for calls in flight, each counted once."""
        return self._reserved

    def advance(self, tick: int) -> None:
        """Roll the windows to the tick that begins; one in the past changes nothing."""
        with self._lock:
            # Each row is rolled when it is used. Where they are leased, the window is the store's,
            # and a row counts all that was spent since the start.
            if tick > self._books.tick:
                self._books.tick = tick
                self.log(f"T {tick}")

    def roll(self, now_s: float) -> None:
        """The same by scenario seconds, for when nobody ticks."""
        self.advance(tick_of(now_s, self._books.tick_s))

    def reserve(
        self,
        card: ModelCard,
        *,
        prompt_tokens: int,
        cap_tokens: int,
        thinking_tokens: int,
        min_output_tokens: int = 0,
        media: tuple[tuple[str, int], ...] = (),
        fees: Iterable[str] = (),
        key: str | None = None,
        priority: bool = False,
    ) -> Claim | None:
        """Hold the worst case of an attempt that is about to start.

        Args:
            card: of the model.
            prompt_tokens: an estimate, of which more is claimed (`balancer.core.claims`).
            cap_tokens: without a budget; at most the model's own limit.
            thinking_tokens: most thinking tokens without a budget.
            min_output_tokens: the call is refused rather than cut below this.
            media: modalities of the prompt beside text, and the most tokens of each.
            fees: what the call may be charged for beside its tokens.
            key: whose limits apply beside everybody's.
            priority: whether those of the priority tier do too. They do not shorten a call: they
                have room for what the others leave of it, or refuse.

        Returns:
            None, with nothing held, if a budget refuses.
        """
        price = dearest_row(card.price, card.surcharges)
        prompt_tokens = most_prompt_tokens(card, prompt_tokens, media)
        beside = worst_surcharge_nano_usd(card.price, card.surcharges, prompt_tokens, media, fees)
        with self._lock:
            rows, places = self._rows_of(key)
            surprise = self._surprises.of(card.name)
            room = MOST_A_CALL_COSTS_NANO_USD
            for row in rows:
                room = min(room, budget.headroom(row))
            share = room // CLAIMS
            room -= beside + surprise
            claimed = claimed_cap(
                affordable_output_tokens(price, prompt_tokens, room),
                affordable_output_tokens(price, prompt_tokens, share),
                cap_tokens,
                thinking_tokens,
            )
            modest = min(cap_tokens, MODEST_TOKENS)
            if self._lending is not None and claimed < modest:
                full = cost_nano_usd(price, prompt_tokens, 0, modest, 0) + beside + surprise
                self._lending.want(rows, full)
            if claimed < 0:
                return None
            least = min(min_output_tokens, cap_tokens)
            if claimed < least:
                if affordable_output_tokens(price, prompt_tokens, room) < least:
                    return None
                claimed = least
            worst = cost_nano_usd(price, prompt_tokens, 0, claimed, 0) + beside
            held = worst + surprise
            priority_rows = tuple(self._books.priority.values()) if priority else ()
            self._use(priority_rows)
            if any(budget.headroom(row) < held for row in priority_rows):
                if self._lending is not None:
                    self._lending.want(priority_rows, held)
                return None
            for row in (*rows, *priority_rows):
                budget.reserve(row, held)
            self._reserved += held
            number = self._calls = self._calls + 1
            claim = self._claims[number] = Claim(
                claimed,
                claimed_thinking(claimed, cap_tokens, thinking_tokens),
                held,
                claimed < cap_tokens,
                rows,
                card.name,
                worst,
                priority_rows,
                number,
            )
            if priority_rows:
                places += " " + ",".join(map(str, range(len(priority_rows))))
            self.log(f"R {number} {held} {places}")
        return claim

    def settle(self, claim: Claim, nano_usd: int, *, as_priority: bool = True) -> None:
        """Give back a claim and book what its attempt cost.

        Args:
            claim: what `reserve` gave.
            nano_usd: of the attempt.
            as_priority: whether a call in the priority tier was served there.
        """
        beyond = nano_usd - claim.worst_nano_usd
        with self._lock:
            if self._claims.pop(claim.number, None) is not claim:
                return  # it is held in the process that this one is a child of
            self._use(claim.rows)
            self._use(claim.priority_rows)
            for row in claim.rows:
                budget.settle(row, claim.nano_usd, nano_usd)
            as_priority_usd = nano_usd if as_priority else 0
            for row in claim.priority_rows:
                budget.settle(row, claim.nano_usd, as_priority_usd)
            self._reserved -= claim.nano_usd
            self.log(f"S {claim.number} {nano_usd} {as_priority_usd}")
            self._surprises.learn(claim.model, beyond)

    def book(self, nano_usd: int, key: str | None = None) -> None:
        """Book what was spent without a claim, as calls do that went past the ledger."""
        with self._lock:
            rows, places = self._rows_of(key)
            for row in rows:
                budget.settle(row, 0, nano_usd)
            self.log(f"B {nano_usd} {places}")

    def headroom_nano_usd(self, key: str | None = None) -> int | None:
        """What may still be reserved under everybody's limits and a key's; None without any."""
        with self._lock:
            rooms = [budget.headroom(row) for row in self._rows_of(key)[0]]
        return min(rooms, default=None)

    def left_nano_usd(self) -> dict[Limit, int]:
        """What each of the policy's limits still affords; of more than `MOST_SHOWN`, as many."""
        with self._lock:
            return {limit: budget.headroom(row) for limit, row in self._shown()}

    def priority_left_nano_usd(self) -> tuple[int, ...]:
        """The same of the limits of the priority tier."""
        with self._lock:
            self._roll_all()
            return tuple(budget.headroom(row) for row in self._books.priority.values())

    def standings(self) -> tuple[Standing, ...]:
        """How each of the policy's limits stands, in their order, the priority tier's last.

        Of more than `MOST_SHOWN` limits they are everybody's, and those of the keys that called
        last.
        """
        with self._lock:
            books = self._books
            found = [(limit, row, False) for limit, row in self._shown()]
            found += [(limit, row, True) for limit, row in books.priority.items()]
            standings = [
                (books.standing(limit, row, priority=priority), row)
                for limit, row, priority in found
            ]
            lending = self._lending
            return tuple(
                own if lending is None else lending.standing(own, row) for own, row in standings
            )

    def state(self) -> dict[str, Any]:
        """Plain values, the claims of calls in flight among them."""
        with self._lock:
            self._roll_all()
            books = self._books
            rows, priority = (
                {id(row): str(place) for place, row in enumerate(kind.values())}
                for kind in (books.rows, books.priority)
            )
            return {
                **books.state(),
                "calls": self._calls,
                "claims": [
                    [
                        claim.number,
                        claim.nano_usd,
                        ",".join(rows[id(row)] for row in claim.rows if id(row) in rows),
                        ",".join(
                            priority[id(row)] for row in claim.priority_rows if id(row) in priority
                        ),
                    ]
                    for claim in self._claims.values()
                ],
            }

    def restore(self, state: Mapping[str, Any], now_s: float = 0.0) -> None:
        """Take up what `state` gave, for limits of the same window and key. What was held for
        calls in flight counts as spent, because nobody knows what became of them.

        Args:
            state: of a process before this one.
            now_s: scenario second that it is; the ticks before may have been of another length.

        Raises:
            LookupError, TypeError, ValueError: it is no state.
        """
        before = Books.from_state(state)
        calls = int(state.get("calls", 0))
        with self._lock:
            self._books.take_over(before, now_s)
            self._calls = max(self._calls, calls)

    def charge_rest(self) -> None:
        """Let nothing be left until a whole window has passed: nobody knows what was spent."""
        with self._lock:
            self._roll_all()
            self._books.charge_rest()

    @contextmanager
    def still(self) -> Iterator[None]:
        """Nothing is counted inside the block; for moments."""
        with self._lock:
            yield

    def hold(self) -> None:
        """Keep everything as it is until `release`, for a fork."""
        self._lock.acquire()

    def release(self) -> None:
        """See `hold`."""
        self._lock.release()

    def forget_claims(self) -> None:
        """In the child of a fork: the calls in flight are the parent's, and so are their claims."""
        self._lock = threading.RLock()
        for row in self._books.every_row():
            row[budget.RESERVED] = 0
        self._reserved = 0
        self._claims.clear()
        self.log = _nobody_writes


def _nobody_writes(line: str) -> None:
    """Nothing is kept."""
