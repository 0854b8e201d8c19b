"""The hard budget of a process: the core's rows behind one lock, shared by its balancers.

Money is reserved before a call starts and settled when it ends (`balancer.core.budget`,
`balancer.core.claims`), so that what was settled in any rolling window never exceeds a limit,
however many calls are in flight. Every process has a ledger of its own: processes that are to
keep to one budget together get a part of it each.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..core import budget
from ..core.catalog import ModelCard
from ..core.claims import (
    CLAIMS,
    MOST_A_CALL_COSTS_NANO_USD,
    claimed_cap,
    claimed_prompt,
    claimed_thinking,
)
from ..core.policy import BudgetLimit, Policy
from ..core.pricing import NANO_USD, affordable_output_tokens, cost_nano_usd
from ..core.surcharges import dearest_row, worst_surcharge_nano_usd

__all__ = ["Claim", "Ledger"]

_FADES = 64
_MOST_MODELS = 256

_Limit = tuple[str | None, float]


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
    """

    cap_tokens: int
    thinking_tokens: int
    nano_usd: int
    shortened: bool
    rows: tuple[list[int], ...]
    model: str
    worst_nano_usd: int
    priority_rows: tuple[list[int], ...] = ()


class Ledger:
    """Budget rows of a policy's limits. Balancers that share one must share a clock and a tick.

    A worst case rests on an estimate of the prompt. Where calls of a model came to more than their
    worst case after all, the next ones hold as much more (the model's surprise); it fades by a
    64th with every call that keeps to its worst case.

    Args:
        policy: its budgets, and the length of its ticks.
    """

    __slots__ = ("_lock", "_priority", "_reserved", "_rows", "_surprises", "_tick", "_tick_s")

    def __init__(self, policy: Policy) -> None:
        # Re-entrant: a request may be dropped, and give its claim back, in the midst of this.
        self._lock = threading.RLock()
        self._rows: dict[_Limit, list[int]] = {}
        self._priority: dict[_Limit, list[int]] = {}
        self._reserved = 0
        self._surprises: dict[str, int] = {}
        self._tick = 0
        self._tick_s = policy.tick_s
        self.use(policy)

    def use(self, policy: Policy) -> None:
        """Take up another policy's limits; what was spent under a limit of the same window and
        key still counts.
        """
        with self._lock:
            same_ticks = policy.tick_s == self._tick_s
            self._tick = round(self._tick * self._tick_s / policy.tick_s)
            self._tick_s = policy.tick_s
            self._rows = self._taken_up(policy.budgets, self._rows, same_ticks)
            self._priority = self._taken_up(policy.priority_budgets, self._priority, same_ticks)

    def _taken_up(
        self, limits: tuple[BudgetLimit, ...], known: dict[_Limit, list[int]], same_ticks: bool
    ) -> dict[_Limit, list[int]]:
        rows: dict[_Limit, list[int]] = {}
        for limit in limits:
            name = (limit.key, limit.window_s)
            nano_usd = round(limit.usd * NANO_USD)
            row = before = known.get(name)
            if row is None or not same_ticks:
                row = budget.new_row(nano_usd, max(1, round(limit.window_s / self._tick_s)))
                budget.advance(row, self._tick)
                if before is not None:
                    # When exactly it was spent is lost, so all of it counts as just now.
                    spent = before[budget.SETTLED] + before[budget.RESERVED]
                    budget.settle(row, 0, spent)
            row[budget.LIMIT] = nano_usd
            rows[name] = row
        return rows

    @property
    def limited(self) -> bool:
        """Whether there is any limit that refuses calls."""
        return bool(self._rows)

    @property
    def limits_priority(self) -> bool:
        """Whether the priority tier has a limit, beyond which its calls go as standard."""
        return bool(self._priority)

    @property
    def reserved_nano_usd(self) -> int:
        """Held for calls in flight, each counted once."""
        return self._reserved

    def advance(self, tick: int) -> None:
        """Roll the windows to the tick that begins; one in the past changes nothing."""
        with self._lock:
            self._tick = max(self._tick, tick)
            for row in self._every_row():
                budget.advance(row, tick)

    def _every_row(self) -> Iterator[list[int]]:
        yield from self._rows.values()
        yield from self._priority.values()

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
            rows = tuple(row for (whose, _), row in self._rows.items() if whose in (None, key))
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
            if claimed < 0:
                return None
            least = min(min_output_tokens, cap_tokens)
            if claimed < least:
                if affordable_output_tokens(price, prompt_tokens, room) < least:
                    return None
                claimed = least
            worst = cost_nano_usd(price, prompt_tokens, 0, claimed, 0) + beside
            held = worst + surprise
            priority_rows = tuple(self._priority.values()) if priority else ()
            if any(budget.headroom(row) < held for row in priority_rows):
                return None
            for row in (*rows, *priority_rows):
                budget.reserve(row, held)
            self._reserved += held
        return Claim(
            claimed,
            claimed_thinking(claimed, cap_tokens, thinking_tokens),
            held,
            claimed < cap_tokens,
            rows,
            card.name,
            worst,
            priority_rows,
        )

    def settle(self, claim: Claim, nano_usd: int, *, as_priority: bool = True) -> None:
        """Give back a claim and book what its attempt cost.

        Args:
            claim: what `reserve` gave.
            nano_usd: of the attempt.
            as_priority: whether a call in the priority tier was served there.
        """
        beyond = nano_usd - claim.worst_nano_usd
        with self._lock:
            for row in claim.rows:
                budget.settle(row, claim.nano_usd, nano_usd)
            for row in claim.priority_rows:
                budget.settle(row, claim.nano_usd, nano_usd if as_priority else 0)
            self._reserved -= claim.nano_usd
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
            for (whose, _), row in self._rows.items():
                if whose in (None, key):
                    budget.settle(row, 0, nano_usd)

    def headroom_nano_usd(self, key: str | None = None) -> int | None:
        """What may still be reserved under everybody's limits and a key's; None without any."""
        with self._lock:
            rooms = [
                budget.headroom(row)
                for (whose, _), row in self._rows.items()
                if whose in (None, key)
            ]
        return min(rooms, default=None)

    def left_nano_usd(self) -> tuple[int, ...]:
        """What each of the policy's limits still affords, in their order."""
        with self._lock:
            return tuple(budget.headroom(row) for row in self._rows.values())

    def priority_left_nano_usd(self) -> tuple[int, ...]:
        """The same of the limits of the priority tier."""
        with self._lock:
            return tuple(budget.headroom(row) for row in self._priority.values())

    def state(self) -> dict[str, Any]:
        """Plain values; what is held for calls in flight counts as spent in them, because
        whoever takes them up cannot know what became of those calls.
        """
        with self._lock:
            return {
                "tick": self._tick,
                "tick_s": self._tick_s,
                "rows": _kept(self._rows),
                "priority": _kept(self._priority),
            }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave, for limits of the same window and key."""
        with self._lock:
            if state["tick_s"] != self._tick_s:
                return
            self._tick = max(self._tick, state["tick"])
            for rows, kept_rows in (
                (self._rows, state["rows"]),
                (self._priority, state.get("priority", ())),
            ):
                for key, window_s, kept in kept_rows:
                    row = rows.get((key, window_s))
                    if row is not None and len(row) == len(kept):
                        row[1:] = kept[1:]

    def hold(self) -> None:
        """Keep everything as it is until `release`, for a fork."""
        self._lock.acquire()

    def release(self) -> None:
        """See `hold`."""
        self._lock.release()

    def forget_claims(self) -> None:
        """In the child of a fork: the calls in flight are the parent's, and so are their claims."""
        self._lock = threading.RLock()
        for row in self._every_row():
            row[budget.RESERVED] = 0
        self._reserved = 0


def _kept(rows: dict[_Limit, list[int]]) -> list[list[Any]]:
    """Rows as plain values, with what they hold booked."""
    found: list[list[Any]] = []
    for (key, window_s), row in rows.items():
        kept = list(row)
        budget.settle(kept, kept[budget.RESERVED], kept[budget.RESERVED])
        found.append([key, window_s, kept])
    return found


def _most_prompt_tokens(card: ModelCard, estimate: int, media: tuple[tuple[str, int], ...]) -> int:
    """Of a prompt; what the model can read is the end of it, unless the estimate is longer."""
    claimed = claimed_prompt(estimate)
    if not media:
        return claimed
    most = estimate + sum(tokens for _, tokens in media)
    return max(claimed, min(most, card.context_limit_tokens))
