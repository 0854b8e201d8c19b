"""A policy: when to change mode, and what each mode does to a call. Validated on construction.

Amounts are in base units: seconds, dollars, tokens, shares in 0..1. Units are parsed at the
edge (`balancer.policy_file`), so nothing here has ever seen "2000ms".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise

from .catalog import Catalog, ModelCard
from .constants import Constants, check_constants
from .errors import PolicyError, nearest
from .modes import MODES, Mode
from .pricing import NANO_USD, PriceRow, cost_nano_usd
from .routes import base_model, resolve
from .rules import (
    LONGEST_WINDOW_S,
    SIGNALS,
    SPEND_WINDOW_S,
    Rule,
    check_monotone,
    check_rule,
)
from .strategy import NO_TIERS, ROUTES, Strategy, check_strategy
from .tiers import STANDARD

__all__ = [
    "FIXED_LAWS",
    "LAWS",
    "LONGEST_WINDOW_S",
    "SIGNALS",
    "Baseline",
    "BudgetLimit",
    "LadderSettings",
    "Policy",
    "Rule",
    "Strategy",
]

LAWS = (
    "ladder",
    "mildest",
    "threshold",
    "dimmer",
    "throttle",
    "gradient",
    "breaker",
    "alerts",
    "always_soft",
    "always_hard",
    "none",
)
"""Names of the transition laws."""

FIXED_LAWS = ("always_soft", "always_hard", "none")
"""Those that stay in one mode whatever happens, and hear nobody."""

LONGEST_HOLD_TICKS = 1_000_000

EXPECTED_CONCISE_FACTOR = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderSettings:
    """Constants of the laws `ladder` and `mildest`; `docs/reference/policy.md` says who reads what.

    Attributes:
        min_samples: fewer give no verdict.
        z: statistical margin of a breach, in standard deviations.
        exit: exit threshold over entry threshold.
        hold_s: calm needed before the first probe.
        settle_s: least time in a mode before the next escalation.
        probe_samples: samples that decide a probe round.
        probe_share_min, probe_share_max: least and most share of attempts probing.
        multiplier_max: longest hold, as a multiple of hold_s.
        probation_s: an escalation this soon after a step down is a relapse.
    """

    min_samples: int = 20
    z: float = 1.64
    exit: float = 0.8
    hold_s: float = 120.0
    settle_s: float = 10.0
    probe_samples: int = 30
    probe_share_min: float = 0.01
    probe_share_max: float = 0.10
    multiplier_max: int = 8
    probation_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLimit:
    """Money that may be spent in a rolling window, by everybody or by one key (tenant)."""

    usd: float
    window_s: float
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The healthy workload a policy is meant for; expectations are checked against it.

    Attributes:
        workload: its name.
        requests_per_s, prompt_tokens, output_tokens, thinking_tokens: means.
        latency_p95_s: P95 in normal mode at rest, if known.
        model: that its callers ask for; None: the one that normal names.
    """

    workload: str
    requests_per_s: float
    prompt_tokens: float
    output_tokens: float
    thinking_tokens: float
    latency_p95_s: float | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When to change mode and what each mode does, for one application.

    Attributes:
        name: for reports.
        rules: entry rules of all modes.
        strategies: one for each mode, normal first.
        catalog: models, prices and what thinking settings they accept.
        law: one of `LAWS`.
        ladder: constants of the laws `ladder` and `mildest`.
        constants: of the rivals.
        budgets: hard limits.
        priority_budgets: those of the priority tier, beyond which its calls go as standard.
        baseline: the workload it is meant for.
        tick_s: how often the controller steps.

    Raises:
        PolicyError: it cannot be what its author meant; the message says how to fix it.
    """

    name: str
    rules: tuple[Rule, ...]
    strategies: tuple[Strategy, Strategy, Strategy, Strategy]
    catalog: Catalog
    law: str = "mildest"
    ladder: LadderSettings = field(default_factory=LadderSettings)
    constants: Constants = field(default_factory=Constants)
    budgets: tuple[BudgetLimit, ...] = ()
    priority_budgets: tuple[BudgetLimit, ...] = ()
    baseline: Baseline | None = None
    tick_s: float = 1.0

    def __post_init__(self) -> None:
        if self.law not in LAWS:
            raise PolicyError(
                f"unknown law {self.law!r}{nearest(self.law, LAWS)}; known: {', '.join(LAWS)}",
                where="law",
            )
        _check_finite(self.tick_s, "tick", low=0.01, high=60.0)
        _check_ladder(self.ladder, self.tick_s)
        check_constants(self.constants)
        for rule in self.rules:
            check_rule(rule, self.tick_s)
        for mode, strategy in zip(MODES, self.strategies, strict=True):
            check_strategy(strategy, f"modes.{mode.label}", self.catalog)
            _check_timeout(strategy, mode, self)
        for limit in (*self.budgets, *self.priority_budgets):
            _check_finite(limit.usd, "budget", low=1e-9, high=1e9)
            _check_finite(limit.window_s, "budget.windows", low=self.tick_s, high=86_400.0)
        if self.baseline is not None:
            _check_baseline(self.baseline, self.catalog)
        _check_costs_fall(self)
        if any(rule.at_rest is not None for rule in self.rules):
            costs = self.at_rest()
            rules = tuple(_at_rest(rule, costs.get(rule.signal)) for rule in self.rules)
            object.__setattr__(self, "rules", rules)
        # Only now: until then a multiple is no amount of dollars, and next to none.
        check_monotone(self.rules)

    def on(self, day: str) -> Policy:
        """The same policy as of a day (ISO): its prices, and which models have ended.

        Raises:
            PolicyError: prices or models of that day do not make a policy of it.
        """
        if day == self.catalog.as_of:
            return self
        try:
            return replace(self, catalog=self.catalog.on(day))
        except PolicyError as error:
            raise PolicyError(f"as of {day}: {error.problem}", where=error.where) from None

    @property
    def usual_model(self) -> str:
        """The model that callers ask for; "" where nobody says."""
        said = None if self.baseline is None else self.baseline.model
        return said or base_model(self.strategies[Mode.NORMAL], "")

    def usual_card(self, strategy: Strategy) -> ModelCard | None:
        """What a strategy makes of the usual model; None where only callers know that."""
        name = strategy.models[0]
        if strategy.model is None and (self.baseline is None or self.baseline.model is None):
            return None
        if name in ROUTES:
            name = resolve(strategy, self.usual_model, self.catalog)[0]
        return self.catalog.find(name)

    def expected_cost_usd(self, mode: Mode) -> float | None:
        """Expected dollars an offered request costs in a mode on the baseline workload.

        Output under a cap and thinking under a budget are taken as exponential with the
        baseline's means, so that a tighter cap always saves something. None without a
        baseline or with a model that only the caller knows.
        """
        strategy = self.strategies[mode]
        card = self.usual_card(strategy)
        if self.baseline is None or card is None:
            return None
        thinking = 0.0
        room = float(strategy.output_cap_tokens or card.output_limit_tokens)
        if card.thinks and strategy.thinking != 0:
            most = card.most_thinking_tokens(strategy.thinking)
            thinking = _mean_below(self.baseline.thinking_tokens, most)
            room = max(1.0, room - thinking)
        natural = self.baseline.output_tokens
        if strategy.instruction:
            natural *= EXPECTED_CONCISE_FACTOR
        output = _mean_below(natural, room)
        prompt_tokens = round(self.baseline.prompt_tokens)
        if strategy.service_tier == NO_TIERS:
            admitted = 1.0 - sum(strategy.shed) / len(strategy.shed)
            return _usd(card.price, prompt_tokens, output + thinking) * admitted
        rows = [card.price_of(tier or STANDARD) for tier in strategy.service_tier]
        costs = [
            _usd(row, prompt_tokens, output + thinking) * (1.0 - share)
            for row, share in zip(rows, strategy.shed, strict=True)
        ]
        return sum(costs) / len(costs)

    def at_rest(self) -> dict[str, float]:
        """Signals on the baseline workload in normal mode, as far as it says; in their units."""
        if self.baseline is None:
            return {}
        found = {}
        if self.baseline.latency_p95_s is not None:
            found["latency_p95"] = self.baseline.latency_p95_s
        cost = self.expected_cost_usd(Mode.NORMAL)
        if cost is not None:
            found["token_cost_per_hour"] = cost * self.baseline.requests_per_s * 3600
            found["spend_10m"] = cost * self.baseline.requests_per_s * SPEND_WINDOW_S
        tokens = (
            self.baseline.prompt_tokens
            + self.baseline.output_tokens
            + self.baseline.thinking_tokens
        )
        found["tokens_per_minute"] = tokens * self.baseline.requests_per_s * 60
        return found


def _usd(row: PriceRow, prompt_tokens: int, output_tokens: float) -> float:
    """Dollars of a call with so many tokens, means among them."""
    # In thousandths of a token: means are no whole numbers, and small savings count.
    prompt = cost_nano_usd(row, prompt_tokens, 0, 0, 0)
    both = cost_nano_usd(row, prompt_tokens, 0, round(output_tokens * 1e3), 0)
    return (prompt + (both - prompt) / 1e3) / NANO_USD


def _mean_below(mean: float, most: float) -> float:
    """Mean of an exponential cut off at `most`: E[min(X, c)] = m (1 - exp(-c / m))."""
    return mean * -math.expm1(-most / mean) if mean > 0 else 0.0


def _check_finite(value: float, what: str, *, low: float, high: float) -> None:
    if not (isinstance(value, int | float) and low <= value <= high):
        name = what.rpartition(".")[2]
        raise PolicyError(f"{name} is {value!r}; expected {low:g} to {high:g}", where=what)


def _check_baseline(baseline: Baseline, catalog: Catalog) -> None:
    for entry in fields(baseline):
        value = getattr(baseline, entry.name)
        if entry.name not in ("workload", "model") and value is not None:
            name = entry.name.removesuffix("_s") if entry.name == "latency_p95_s" else entry.name
            _check_finite(value, f"baseline.{name}", low=0, high=1e9)
    if baseline.model is not None and catalog.find(baseline.model) is None:
        raise PolicyError(catalog.unknown_model(baseline.model), where="baseline.model")


def _check_ladder(ladder: LadderSettings, tick_s: float) -> None:
    bounds = {
        "min_samples": (1, 10_000),
        "z": (0, 10),
        "exit": (0.01, 1.0),
        "hold_s": (tick_s, 86_400),
        "settle_s": (0, 86_400),
        "probe_samples": (5, 10_000),
        "probe_share_min": (1e-6, 1),
        "probe_share_max": (1e-6, 1),
        "multiplier_max": (1, 1024),
        "probation_s": (0, 86_400),
    }
    for entry in fields(ladder):
        low, high = bounds[entry.name]
        value = getattr(ladder, entry.name)
        if entry.name == "exit" and isinstance(value, float) and value > 1:
            raise PolicyError(
                f"exit is {value:g} of entry, above it: a mode would be left while its own "
                "entry condition holds; expected a ratio of at most 1, 0.8 by default",
                where="ladder.exit",
            )
        _check_finite(value, f"ladder.{entry.name.removesuffix('_s')}", low=low, high=high)
    if ladder.probe_share_min > ladder.probe_share_max:
        raise PolicyError("ladder.probe_share_min is above probe_share_max", where="ladder")
    longest_ticks = ladder.hold_s * ladder.multiplier_max / tick_s
    if longest_ticks > LONGEST_HOLD_TICKS:
        raise PolicyError(
            f"a hold of {ladder.hold_s:g} s, {ladder.multiplier_max:g} times over, is "
            f"{longest_ticks:,.0f} ticks, all of which are kept; expected at most "
            f"{LONGEST_HOLD_TICKS:,}: shorten hold, lower multiplier_max or lengthen the tick",
            where="ladder.hold",
        )


def _check_timeout(strategy: Strategy, mode: Mode, policy: Policy) -> None:
    half_hold_s = policy.ladder.hold_s / 2
    timeout_s = strategy.timeout_s
    if policy.law == "ladder" and timeout_s is not None and timeout_s > half_hold_s:
        raise PolicyError(
            f"timeout {timeout_s:g} s is longer than half the hold ({half_hold_s:g} s), so "
            "calls of an earlier episode would be counted in a probe; shorten it or lengthen "
            "ladder.hold",
            where=f"modes.{mode.label}.timeout",
        )


def _at_rest(rule: Rule, usd: float | None) -> Rule:
    """A rule whose threshold is a multiple of the cost at rest, in dollars.

    Where nobody says any more what that is, the dollars stay that it was before.
    """
    if rule.at_rest is None:
        return rule
    if usd is not None:
        # Three digits say all that an expected cost does.
        return replace(rule, threshold=float(f"{rule.at_rest * usd:.3g}"))
    if rule.threshold == rule.at_rest:
        raise PolicyError(
            f"found x{rule.at_rest:g}, a multiple of what the baseline costs; expected a baseline "
            "with a model, or dollars",
            where=f"rule {rule.name!r}",
        )
    return replace(rule, at_rest=None)


def _check_costs_fall(policy: Policy) -> None:
    # A mode that changes nothing costs what its callers make of it.
    modes = [mode for mode in MODES if policy.strategies[mode] != Strategy()]
    costs = [(mode, policy.expected_cost_usd(mode)) for mode in modes]
    known = [(mode, cost) for mode, cost in costs if cost is not None]
    for (milder, above), (worse, below) in pairwise(known):
        if below >= above:
            raise PolicyError(
                f"a request is expected to cost ${below:.6f} in {worse.label}, not less than "
                f"${above:.6f} in {milder.label}; choose a cheaper model, less thinking, a "
                "lower output_cap or more shedding there",
                where=f"modes.{worse.label}",
            )
