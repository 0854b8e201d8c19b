"""What is allowed in a policy but probably not wanted: above all rules that never or always fire.

It is told from the policy alone: its time-outs and windows, the traffic that it declares as its
baseline, and the prices of the day. `fit` tells more, from measured traffic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from .modes import MODES, Mode
from .policy import LONGEST_WINDOW_S, Policy, Rule
from .rules import shown
from .samples import by_requests
from .signals import GAUGES, LATENCIES, SPENDING, SPENT
from .strategy import Strategy
from .tiers import FLEX

__all__ = ["doubts"]

NEAR = 0.85
"""A P95 at rest above this share of a threshold passes it now and then."""
FAR = 30.0
"""More than a spike of traffic and dearer calls together make of what is usual."""
LONGEST_WAIT_S = 61.0
"""Between two rounds of attempts: the longest backoff with its jitter, and what a quota's answer
asks for."""
_UNLESS = "unless the baseline is too high; a journal tells: policy check --journal"


def doubts(policy: Policy) -> tuple[str, ...]:
    """All of them, a sentence each without its full stop."""
    return (*_at_rest(policy), *_too_long(policy), *_blind(policy), *_tiers_not_sent(policy))


def _at_rest(policy: Policy) -> Iterator[str]:
    """Thresholds that the baseline is close to or above, and those that it is far from."""
    workload = policy.baseline.workload if policy.baseline else ""
    for signal, at_rest in policy.at_rest().items():
        entry = [rule.threshold for rule in policy.rules if rule.signal == signal]
        if not entry:
            continue
        lowest = min(entry)
        share = NEAR if signal == "latency_p95" else policy.ladder.exit
        seen, threshold = shown(at_rest, signal), shown(lowest, signal)
        at = f"{signal} at rest on {workload} is {seen}"
        if at_rest >= lowest:
            yield (
                f"{at}, at or above the lowest entry threshold {threshold}: its rule fires where "
                f"nothing is wrong, {_UNLESS}"
            )
        elif at_rest > share * lowest:
            yield (
                f"{at}, above {share:.0%} of the lowest entry threshold {threshold}: the policy "
                "may leave normal without a fault"
            )
        elif signal in SPENDING and not at_rest:
            yield f"{at} at the prices of the day: a threshold of {threshold} can never be passed"
        elif signal in SPENDING and lowest > FAR * at_rest:
            yield (
                f"{at}, and the lowest entry threshold is {threshold}: it takes "
                f"{lowest / at_rest:,.0f} times the usual to reach it, so its rule can hardly ever "
                "fire"
            )
    yield from _tails(policy)


def _tails(policy: Policy) -> Iterator[str]:
    """Thresholds of a P99 that the P95 at rest is above already."""
    p95_s = policy.at_rest().get("latency_p95", 0.0)
    for rule in policy.rules:
        if rule.signal == "latency_p99" and rule.threshold <= p95_s:
            yield (
                f"rule {rule.name!r}: {shown(rule.threshold, rule.signal)} is not above the P95 at "
                f"rest, {shown(p95_s, rule.signal)}: it fires where nothing is wrong, {_UNLESS}"
            )


def _too_long(policy: Policy) -> Iterator[str]:
    """Thresholds above what time-outs and retries let a request last in any mode they watch."""
    for rule in policy.rules:
        first = rule.signal == "ttft_p95"
        if not (first or rule.signal in LATENCIES):
            continue
        longest = [_longest_s(policy.strategies[mode], first=first) for mode in MODES[: rule.level]]
        if rule.threshold < max(longest):
            continue
        mode = MODES[longest.index(max(longest))]
        yield (
            f"rule {rule.name!r}: no {'answer begins' if first else 'request ends'} later than "
            f"{shown(max(longest), rule.signal)}, by {_attempts(policy, mode, first=first)}, so a "
            f"threshold of {shown(rule.threshold, rule.signal)} can never be passed"
        )


def _longest_s(strategy: Strategy, *, first: bool) -> float:
    """Seconds that a request, or the wait for one attempt's first token, can last at most."""
    timeout_s, retries = strategy.timeout_s, strategy.retries
    if timeout_s is None or FLEX in strategy.service_tier:
        return math.inf
    if first:
        return timeout_s
    if retries is None:
        return math.inf
    models = len(strategy.models)
    rounds = (models + retries - 1) // models
    return timeout_s * (models + retries) + LONGEST_WAIT_S * rounds


def _attempts(policy: Policy, mode: Mode, *, first: bool) -> str:
    strategy = policy.strategies[mode]
    each = f"the timeout of {strategy.timeout_s:g} s in {mode.label}"
    if first:
        return each
    attempts = len(strategy.models) + (strategy.retries or 0)
    return f"{each}, {attempts} attempt{'s' if attempts > 1 else ''} and the waits between"


def _blind(policy: Policy) -> Iterator[str]:
    """Rules whose window holds too few calls for a verdict, at the baseline's traffic."""
    baseline, least = policy.baseline, policy.ladder.min_samples
    if baseline is None:
        return
    by_window: dict[float, list[str]] = {}
    for rule in policy.rules:
        if _asks_for_samples(rule, policy):
            by_window.setdefault(rule.window_s, []).append(rule.name)
    normal = policy.strategies[Mode.NORMAL]
    most = len(normal.models) + (normal.retries or 0)
    for window_s, names in by_window.items():
        calls = baseline.requests_per_s * window_s
        if calls >= least:
            continue
        acts = "never act" if calls * most < least else "seldom act"
        enough_s = math.ceil(least / baseline.requests_per_s)
        ways = [f"lengthen the window to {enough_s:,} s"] if enough_s <= LONGEST_WINDOW_S else []
        ways.append("lower ladder.min_samples")
        if policy.law != "mildest":
            ways.append("take law mildest, which needs neither")
        yield (
            f"at {baseline.requests_per_s:g} requests a second ({baseline.workload}) {window_s:g} "
            f"s hold {calls:.3g} calls, and there is no verdict before {least}, so that "
            f"{', '.join(map(repr, names))} can {acts}: {', or '.join(ways)}"
        )


def _asks_for_samples(rule: Rule, policy: Policy) -> bool:
    """Whether a rule's verdict waits for `ladder.min_samples` in its window."""
    if rule.signal in GAUGES or rule.signal == SPENT:
        return False
    if policy.law == "ladder":
        return True
    literal = rule.sustained_s > 0 or rule.signal == "burn_rate"
    return policy.law == "mildest" and literal and not by_requests(rule, policy)


def _tiers_not_sent(policy: Policy) -> Iterator[str]:
    """Of each mode, tiers that it asks for of a model that has no price in them."""
    for mode, strategy in zip(MODES, policy.strategies, strict=True):
        wanted = {tier for tier in strategy.service_tier if tier is not None}
        named = [policy.catalog.card(name) for name in strategy.named_models]
        usual = policy.usual_card(strategy)
        cards = named if usual is None or usual in named else [usual, *named]
        for card in cards:
            for tier in sorted(wanted):
                if not card.takes(tier):
                    yield (
                        f"modes.{mode.label}: {card.name} has no price in the {tier} tier, so "
                        "its calls do not ask for it; declare one under prices, or take "
                        "another model"
                    )
