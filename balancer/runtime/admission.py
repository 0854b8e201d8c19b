"""Where requests are received: the decision in force, and what every request needs beside it.

One object is read by all callers and changed by the ticker, always by replacing a whole value,
so that a caller sees the old decision or the new one and nothing between.
"""

from __future__ import annotations

import logging
import math
import threading
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

from ..core.catalog import Catalog, ModelCard
from ..core.decisions import Decision, Gate, Limits, Plan
from ..core.modes import MODES, PRIORITIES, Mode, Priority
from ..core.policy import Policy, Strategy
from ..core.retry import RETRY_BURST
from ..core.routes import base_model, resolve
from .bills import FREE, Bill, bill
from .calls import Asked, CallSettings, Draws, no_price
from .claim import Claim
from .clock import Timekeeper
from .closed import Closed
from .deadlines import due_s
from .flights import ADMITTED, CALL, FALLBACK, SHED, UNJUDGED, Call, Place, UnderWay
from .ledger import Ledger
from .listeners import Listeners
from .mistakes import Mistakes
from .recorder import MOST_PENDING, Recorder
from .withdrawn import Withdrawn

__all__ = ["NO_LIMITS", "UNTOUCHED", "Admission"]

UNTOUCHED = Plan(Mode.NORMAL, Strategy())
"""The plan of a call that goes through unchanged."""

_ASKED = Asked()
_MOST_CHAINS = 4096
"""Chains that are kept; names of models come from callers, who may make up any."""

_MOST_NAMES = 1000  # callers may write any name
NO_LIMITS = Limits()
"""Not to be compared with, but known by identity."""

Row = tuple[float, Plan, Place, tuple[object, ...]]
"""A gate's row: draw below which it is taken, plan, what the call is charged to, and what is
appended to `Recorder.begun`."""

Table = tuple[tuple[Row, ...], ...]

logger = logging.getLogger("balancer")


class Admission:
    """See the module.

    Args:
        policy: its catalog and strategies.
        settings: what the application does by itself.
        clock: started.
        ledger: of the hard budget.
        draws: where chance comes from.

    Attributes:
        alive_until: raw clock after which the ticker is overdue, and `overdue` is called.
        due_s: age in scenario seconds at which an answer is due.
        broken: called with the name of a store that failed, and its error.
        enforces: whether plans are applied; False while calls go through unchanged.
        reserves: whether a hard budget is kept; also while calls go through unchanged, unless that
            is the kill switch's doing.
        mode: in force.
        own_model: of a caller that names none.
        table: for each priority, the rows of its gate.
        ticked: whether somebody rolls the budget's windows; otherwise those who reserve do.
        withdrawn: edits that are not made.
        closed: projects that the upstream has closed.
        mistakes: of callers.
        listeners: who is told what happens.
    """

    __slots__ = (
        "_bills", "_cards", "_catalog", "_chains", "_lock", "_retry_tokens", "_sizes", "_starts",
        "_strategies", "_warned", "alive_until", "broken", "clock", "closed", "draws", "due_s",
        "enforces", "ledger", "limits", "listeners", "mistakes", "mode", "overdue", "own_model",
        "raw", "recorder", "reserves", "settings", "table", "ticked", "withdrawn",
    )  # fmt: skip

    def __init__(
        self,
        policy: Policy,
        settings: CallSettings,
        clock: Timekeeper,
        ledger: Ledger,
        draws: Draws,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.raw = clock.raw
        self.ledger = ledger
        self.draws = draws
        self.listeners = Listeners()
        self.recorder = Recorder(clock.speed, self.price, self.listeners)
        self.alive_until = math.inf
        self.overdue: Callable[[], None] = _nothing
        self.broken: Callable[[str, BaseException], None] = _nobody_to_tell
        self._lock = threading.Lock()
        self._retry_tokens = RETRY_BURST
        self._starts = 0
        self._warned: set[str] = set()
        self.withdrawn, self.closed, self.mistakes = Withdrawn(), Closed(), Mistakes()
        self.use(policy)
        self.pass_through()

    def use(self, policy: Policy) -> None:
        """Take up a policy's catalog and strategies; a decision must follow."""
        self._strategies = policy.strategies
        self.due_s = due_s(policy)
        self.know(policy.catalog)
        self.withdrawn.forget()

    def know(self, catalog: Catalog) -> None:
        """Take up a catalog, such as the same one as of another day."""
        self._catalog = catalog
        self._cards: dict[str, ModelCard | None] = {}
        self._bills: dict[tuple[str, ...], Bill] = {}
        self._sizes = sorted({card.context_limit_tokens for card in catalog.cards})
        self._chains: dict[object, tuple[Strategy, tuple[str, ...]]] = {}

    @property
    def catalog(self) -> Catalog:
        """In use: the policy's, as of the day."""
        return self._catalog

    def card(self, model: str) -> ModelCard | None:
        """Card of a model for its price, also of a dated version; None: no price is known."""
        cards = self._cards
        try:
            return cards[model]
        except KeyError:
            card = self._catalog.priced(model)
            if len(cards) < _MOST_NAMES:
                cards[model] = card
            return card

    def only_priced(self, model: str) -> bool:
        """Whether nothing is known of a model but what the policy says of all such models."""
        unknown = self._catalog.unknown
        return unknown is not None and self._catalog.find(model) is None

    def price(self, model: str) -> tuple[int, int, int, int, int, int, int]:
        """Price row of a model; zeros, and a warning once, for one that has none."""
        card = self.card(model)
        if card is not None:
            return card.price
        self._warn(model, f"no price is known of model {model!r}: its calls count as free")
        return FREE

    def bill(self, model: str, sent: str, tier: str, served_model: str, served_tier: str) -> Bill:
        """Who served a call, and at which prices; see `balancer.runtime.bills`."""
        key = (model, sent, tier, served_model, served_tier)
        entry = self._bills.get(key)
        if entry is None:
            entry = bill(self._catalog, *key)
            if len(self._bills) < _MOST_NAMES:
                self._bills[key] = entry
        return entry

    def unpriced(self, model: str) -> bool:
        """Whether a hard budget has to refuse a model because nobody knows what it costs."""
        if self.card(model) is not None:
            return False
        self._warn(model, no_price(model))
        return True

    def _warn(self, model: str, words: str) -> None:
        if model not in self._warned and len(self._warned) < _MOST_NAMES:
            self._warned.add(model)
            logger.warning("%s", words)

    # --- the ticker's side --------------------------------------------------------------

    def decide(self, decision: Decision, *, shadow: bool = False) -> None:
        """Let a decision govern the requests that come from now on.

        Args:
            decision: of the policy in use.
            shadow: charge calls to the modes it says, but change nothing about them.
        """
        limits = decision.limits
        bounded = limits.max_in_flight is not None or limits.max_starts is not None
        self.limits = limits if bounded and not shadow else NO_LIMITS
        self.enforces = self.ticked = not shadow
        self.reserves = not shadow and self.ledger.limited
        self.mode = decision.mode
        own = self.settings.model
        self.own_model = own if shadow else base_model(self._strategies[Mode.NORMAL], own)
        gates = decision.gates
        self.table = self._rows(_unchanged(gates) if shadow else gates)

    def pass_through(self, *, reserves: bool = False) -> None:
        """Let calls go through unchanged from now on.

        Args:
            reserves: a hard budget, if there is one, goes on refusing.
        """
        self.limits = NO_LIMITS
        self.enforces = self.ticked = False
        self.reserves = reserves and self.ledger.limited
        self.mode = Mode.NORMAL
        self.own_model = self.settings.model
        self.table = self._rows((((math.inf, UNTOUCHED),),) * 3)

    def _rows(self, gates: tuple[Gate, ...]) -> Table:
        return tuple(
            tuple(self._row(priority, upper, plan) for upper, plan in gates[priority])
            for priority in PRIORITIES
        )

    def _row(self, priority: Priority, upper: float, plan: Plan) -> Row:
        place = (plan.mode, self.chain(plan, self.own_model)[0])
        if not plan.admitted:
            return upper, plan, place, (SHED, priority, plan.strategy.static_fallback is not None)
        return upper, plan, place, (CALL, priority, place)

    def new_tick(self) -> None:
        """Starts are counted anew."""
        self._starts = 0

    # --- the callers' side --------------------------------------------------------------

    def look_up(self, priority: Priority, u: float) -> Plan:
        """The plan of a request, by the same look-up as `balancer.core.decisions.plan`."""
        if self.raw() > self.alive_until:
            self.overdue()
        for upper, plan, _, _ in self.table[priority]:  # noqa: B007
            if u < upper:
                break
        return plan

    def chain(self, plan: Plan, own: str, asked: Asked = _ASKED) -> tuple[str, ...]:
        """Models that a plan tries, in order, for a caller of a model."""
        strategy = plan.strategy
        if strategy.model is None and not strategy.fallback_models:
            return (own,)
        # Of a prompt's length only that counts into which models it fits.
        size = bisect_left(self._sizes, asked.prompt_tokens)
        key = (plan.mode, own, asked.needs, size)
        owner, models = self._chains.get(key, (None, ()))
        if owner is strategy:
            return models
        models = resolve(
            strategy,
            own,
            self._catalog,
            needs=asked.needs,
            prompt_tokens=asked.prompt_tokens,
        )
        if len(self._chains) >= _MOST_CHAINS:
            self._chains.clear()
        self._chains[key] = strategy, models
        return models

    def takes_place(self, call: Call) -> bool:
        """Let a plain call in under the limits, and count it; one at a time, to be exact."""
        with self._lock:
            if not self._has_place():
                return False
            self._starts += 1
            self.recorder.flights.add(call)
            return True

    def turned_away(self, call: Call, priority: Priority) -> Call:
        """Shed a plain call, by its plan or by the limits."""
        plan = call.plan
        if plan.admitted:
            call.plan = replace(plan, admitted=False)
        self.shed(priority, fell_back=plan.strategy.static_fallback is not None)
        return call

    def _has_place(self) -> bool:
        limits = self.limits
        flights = limits.max_in_flight
        starts = limits.max_starts
        return (flights is None or len(self.recorder.flights) < flights) and (
            starts is None or self._starts < starts
        )

    def takes_start(self) -> bool:
        """Count a request as admitted, if the limits let it in."""
        if self.limits is NO_LIMITS:
            return True
        with self._lock:
            if not self._has_place():
                return False
            self._starts += 1
            return True

    def settle(
        self, claim: Claim | None, nano_usd: int, key: str | None, *, as_priority: bool = True
    ) -> None:
        """Give back what the hard budget held for an attempt, and book what it cost.

        Args:
            claim: what is held; None: nothing is.
            nano_usd: of the attempt.
            key: of the tenant.
            as_priority: whether it is charged to the priority tier, if it was sent there.
        """
        try:
            if claim is not None:
                self.ledger.settle(claim, nano_usd, as_priority=as_priority)
            elif nano_usd and self.ledger.limited:
                self.ledger.book(nano_usd, key)
        except Exception as error:  # noqa: BLE001 - the call is over, whatever breaks a store
            self.broken("ledger", error)

    def returns_start(self) -> None:
        """A request that the limits let in was refused after all."""
        if self.limits is not NO_LIMITS:
            with self._lock:
                self._starts -= 1

    def admitted(self, priority: Priority) -> None:
        """A request came and is admitted."""
        self._append((ADMITTED, priority))

    def shed(self, priority: Priority, *, fell_back: bool) -> None:
        """A request came and is shed."""
        self._append((SHED, priority, fell_back))

    def turned_back(self, priority: Priority, mode: Mode) -> None:
        """A request comes, is admitted, and ends at once: its project is closed."""
        self.admitted(priority)
        now = self.raw()
        self.recorder.done.append((UnderWay(mode, now, priority), now, UNJUDGED))

    def fell_back(self, priority: Priority) -> None:
        """A failed request gets the static answer."""
        self._append((FALLBACK, priority))

    def _append(self, event: tuple[object, ...]) -> None:
        begun = self.recorder.begun
        begun.append(event)
        if len(begun) > MOST_PENDING:
            self.recorder.relieve()

    def retries(self) -> int:
        """Retries that the mode in force allows."""
        if not self.enforces:
            return self.settings.retries
        retries = self._strategies[self.mode].retries
        return self.settings.retries if retries is None else retries

    def earn_retry(self) -> None:
        """A request was answered: it earns its share of a retry."""
        share = self.settings.retry_budget
        if share is not None:
            with self._lock:
                self._retry_tokens = min(RETRY_BURST, self._retry_tokens + share)

    def spend_retry(self) -> bool:
        """Take a retry from the budget; False when it holds none."""
        if self.settings.retry_budget is None:
            return True
        with self._lock:
            if self._retry_tokens < 1.0:
                return False
            self._retry_tokens -= 1.0
            return True

    def after_fork(self) -> None:
        """In the child: nothing is under way here yet."""
        self._lock = threading.Lock()
        self._starts = 0
        self.recorder.clear()
        self.withdrawn.after_fork()
        self.closed.after_fork()
        self.mistakes.after_fork()
        self.alive_until = math.inf


def _nothing() -> None:
    """Nobody watches yet."""


def _nobody_to_tell(source: str, error: BaseException) -> None:
    logger.error("%s failed: %s", source, error)


def _unchanged(gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
    """The gates with plans that change nothing and shed nobody, in the same modes."""
    plans = [Plan(mode, Strategy()) for mode in MODES]
    return tuple(tuple((upper, plans[plan.mode]) for upper, plan in gate) for gate in gates)
