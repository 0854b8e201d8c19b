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
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ..core import budget
from ..core.catalog import ModelCard, PriceRow
from ..core.claims import (
    CLAIMS,
    MODEST_TOKENS,
    MOST_A_CALL_COSTS_NANO_USD,
    claimed_cap,
    claimed_prompt,
    claimed_thinking,
)
from ..core.policy import Policy
from ..core.pricing import affordable_output_tokens, cost_nano_usd
from ..core.surcharges import dearest_row, worst_surcharge_nano_usd
from .books import Books, Limit, Standing
from .budget_log import limits_line
from .clock import tick_of

if TYPE_CHECKING:
    from ..fleet.leases import Leases

__all__ = ["MOST_SHOWN", "Claim", "Ledger"]

MOST_SHOWN = 1000
"""Limits that are shown, and keys whose rows are looked up at once."""

_FADES = 64
_MOST_MODELS = 256

_Rows = tuple[list[int], ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """Money held for one attempt.

    Attributes:
        cap_tokens: output cap that the attempt must keep to, thinking included.
        thinking_tokens: most of it that may be thinking.
        nano_usd: what is held.
        shortened: whether the budget made the cap smaller than it was asked for.
        rows: of the ledger, that it is held in.
        model: whose call it is.
        worst_nano_usd: what of it is the call's worst case; the rest is the model's surprise.
        priority_rows: of the ledger, that it is held in as a call in the priority tier.
        number: of the claim in its ledger.
    """

    cap_tokens: int
    thinking_tokens: int
    nano_usd: int
    shortened: bool
    rows: tuple[list[int], ...]
    model: str
    worst_nano_usd: int
    priority_rows: tuple[list[int], ...] = ()
    number: int = 0


class Ledger:
    """Budget rows of a policy's limits. Balancers that share one must share a clock and a tick.

    A worst case rests on an estimate of the prompt. Where calls of a model came to more than their
    worst case after all, the next ones hold as much more (the model's surprise); it fades by a
    64th with every call that keeps to its worst case.

    Args:
        policy: its budgets, and the length of its ticks.

    Attributes:
        log: told of every change in a line, in their order; must return at once, and never raise.
    """

    __slots__ = (
        "_books", "_by_key", "_calls", "_claims", "_leases", "_lock", "_named", "_reserved",
        "_short", "_speed", "_surprises", "log",
    )  # fmt: skip

    def __init__(self, policy: Policy) -> None:
        # Re-entrant: a request may be dropped, and give its claim back, in the midst of this.
        self._lock = threading.RLock()
        self._books = Books(policy.tick_s)
        self._claims: dict[int, Claim] = {}
        self._calls = 0
        self._named: dict[str | None, tuple[_Rows, str]] = {}
        self._by_key: dict[str | None, list[tuple[int, float, list[int]]]] = {}
        self._reserved = 0
        self._surprises: dict[str, int] = {}
        self._leases: Leases | None = None
        self._short: Callable[[], None] = _nothing
        self._speed = 1.0
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
            self._take_up()
            self._named, self._by_key = {}, {None: []}
            for place, ((key, window_s), row) in enumerate(self._books.rows.items()):
                self._by_key.setdefault(key, []).append((place, window_s, row))
            self.log(limits_line(limits, priority, policy.tick_s))

    def lend(self, leases: Leases, short: Callable[[], None], speed: float) -> None:
        """Let nothing be spent from now on but what is leased from a fleet's store.

        Args:
            leases: who says how much that is; called with the ledger held still.
            short: called when a call wants more than there is, and must return at once.
            speed: scenario seconds in one of the store's.
        """
        with self._lock:
            before, self._leases, self._short, self._speed = self._leases, leases, short, speed
            if before is not None:
                for row in self._books.every_row():
                    row[budget.LIMIT] = before.limit(row)
            self._take_up()

    def _take_up(self) -> None:
        books = self._books
        if self._leases is not None:
            self._leases.take_up(
                (
                    (key, window_s, rows is books.priority, row)
                    for rows in (books.rows, books.priority)
                    for (key, window_s), row in rows.items()
                ),
                speed=self._speed,
            )

    @property
    def lent(self) -> bool:
        """Whether what may be spent is leased: then the store keeps what was spent."""
        return self._leases is not None

    def _rows_of(self, key: str | None) -> tuple[_Rows, str]:
        """Rows that a key's calls are held in, and their places among all."""
        key = key if key in self._by_key else None
        # Last, so that the first is the one that called longest ago.
        known = self._named.pop(key, None)
        if known is None:
            # One at a time, for the keys that call: there may be a hundred thousand.
            own = [] if key is None else self._by_key[key]
            found = sorted([*self._by_key[None], *own], key=itemgetter(0))
            known = tuple(row for *_, row in found), ",".join(str(place) for place, *_ in found)
        self._named[key] = known
        if len(self._named) > MOST_SHOWN:
            del self._named[next(iter(self._named))]
        self._use(known[0])
        return known

    def _shown(self) -> Iterator[tuple[Limit, list[int]]]:
        """Limits without those of the priority tier: all, or those of whom called last."""
        rows = self._books.rows
        if len(rows) <= MOST_SHOWN:
            self._roll_all()
            yield from rows.items()
            return
        for key in (None, *reversed([key for key in self._named if key is not None])):
            for _, window_s, row in self._by_key[key]:
                if self._leases is None:
                    budget.advance(row, self._books.tick)
                yield (key, window_s), row

    def _use(self, rows: Iterable[list[int]]) -> None:
        """Some rows are about to be used: they are rolled to the tick, or told of to who lends."""
        if self._leases is not None:
            self._leases.touch(rows)
        else:
            tick = self._books.tick
            for row in rows:
                budget.advance(row, tick)

    def _roll_all(self) -> None:
        if self._leases is None:
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
        prompt_tokens = _most_prompt_tokens(card, prompt_tokens, media)
        beside = worst_surcharge_nano_usd(card.price, card.surcharges, prompt_tokens, media, fees)
        with self._lock:
            rows, places = self._rows_of(key)
            surprise = self._surprises.get(card.name, 0)
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
            if self._leases is not None and claimed < min(cap_tokens, MODEST_TOKENS):
                self._want(rows, price, prompt_tokens, cap_tokens, beside + surprise)
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
                if self._leases is not None:
                    for row in priority_rows:
                        self._leases.wants(row, held)
                    self._short()
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

    def _want(
        self, rows: _Rows, price: PriceRow, prompt_tokens: int, cap_tokens: int, beside: int
    ) -> None:
        """A call finds too little leased: say how much it would have taken."""
        assert self._leases is not None
        full = cost_nano_usd(price, prompt_tokens, 0, min(cap_tokens, MODEST_TOKENS), 0) + beside
        for row in rows:
            if budget.headroom(row) < full:
                self._leases.wants(row, full)
        self._short()

    def settle(self, claim: Claim, nano_usd: int, *, as_priority: bool = True) -> None:
        """Give back a claim and book what its attempt cost.

        Args:
            claim: what `reserve` gave.
            nano_usd: of the attempt.
            as_priority: whether a call in the priority tier was served there.
        """
        beyond = nano_usd - claim.worst_nano_usd
        with self._lock:
            self._use(claim.rows)
            self._use(claim.priority_rows)
            for row in claim.rows:
                budget.settle(row, claim.nano_usd, nano_usd)
            as_priority_usd = nano_usd if as_priority else 0
            for row in claim.priority_rows:
                budget.settle(row, claim.nano_usd, as_priority_usd)
            self._reserved -= claim.nano_usd
            if self._claims.pop(claim.number, None) is not None:
                self.log(f"S {claim.number} {nano_usd} {as_priority_usd}")
            if beyond > 0 or claim.model in self._surprises:
                self._surprise(claim.model, beyond)

    def _surprise(self, model: str, beyond: int) -> None:
        before = self._surprises.pop(model, 0)
        after = max(beyond, before - -(-before // _FADES))
        if after > 0 and len(self._surprises) < _MOST_MODELS:
            self._surprises[model] = after

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
            return tuple(
                self._of_fleet(books.standing(limit, row, priority=priority), row)
                for limit, row, priority in found
            )

    def _of_fleet(self, own: Standing, row: list[int]) -> Standing:
        """What all replicas used of a limit, and what is leased to them, where it is."""
        if self._leases is None:
            return own
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


def _nothing() -> None:
    """Nobody lends."""


def _nobody_writes(line: str) -> None:
    """Nothing is kept."""


def _most_prompt_tokens(card: ModelCard, estimate: int, media: tuple[tuple[str, int], ...]) -> int:
    """Of a prompt; what the model can read is the end of it, unless the estimate is longer."""
    claimed = claimed_prompt(estimate)
    if not media:
        return claimed
    most = estimate + sum(tokens for _, tokens in media)
    return max(claimed, min(most, card.context_limit_tokens))
