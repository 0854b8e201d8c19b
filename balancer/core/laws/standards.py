"""What a mode is held to: which rules, what they count, and how to say it."""

from __future__ import annotations

from ..modes import Mode
from ..rules import shown
from ..signals import GAUGES, QUANTILES, SPENDING, SPENT, Bound
from ..windows import CUTS
from .felt import Round

__all__ = [
    "allowed",
    "bad_counts",
    "counts_requests",
    "counts_text",
    "limit",
    "limits_spending",
    "sample",
    "tested",
]


def counts_requests(bound: Bound) -> bool:
    """Whether a rule is about a share of requests, and not literally about a span of time."""
    rule = bound.rule
    return rule.sustained_s == 0 and (rule.signal in QUANTILES or rule.signal == "error_rate")


def limits_spending(bound: Bound) -> bool:
    """Whether a rule is about how fast is spent, and not literally about a span of time."""
    signal = bound.rule.signal
    return bound.rule.sustained_s == 0 and signal in SPENDING and signal != SPENT


def allowed(bound: Bound) -> float:
    """The share of requests that may be bad by a rule that counts them."""
    signal = bound.rule.signal
    return bound.threshold if signal == "error_rate" else 1.0 - QUANTILES[signal]


def tested(bounds: tuple[Bound, ...], mode: Mode) -> tuple[tuple[int, Bound], ...]:
    """Rules that a mode is left by, with their numbers: of each signal the mildest above it.

    Rules that leap or that mean a span of time stand for themselves.
    """
    found: dict[object, tuple[int, Bound]] = {}
    for number, bound in enumerate(bounds):
        rule = bound.rule
        if rule.level <= mode:
            continue
        alone = rule.jump or rule.sustained_s or rule.signal in (*GAUGES, "burn_rate")
        key: object = number if alone else rule.signal
        before = found.get(key)
        if before is None or bound.threshold < before[1].threshold:
            found[key] = (number, bound)
    return tuple(found.values())


def sample(bound: Bound, seen: Round) -> tuple[int, int]:
    """Bad and all requests of a tick, by a rule that counts them."""
    signal = bound.rule.signal
    if signal == "error_rate":
        return seen.failed, seen.failed + seen.answered
    place = bound.column - CUTS
    if signal == "ttft_p95":
        return seen.tardy[place - len(seen.slow)], seen.firsts
    late = seen.late(place)
    return late, late + seen.answered - seen.slow[place]


def bad_counts(seen: Round) -> tuple[int, int, int]:
    """Failed, late (by the lowest cut) and all requests of a tick, each of them once.

    Who was late before and fails is late no more, so late may be negative.
    """
    failed, answered = seen.failed, seen.answered
    if not seen.slow:
        return failed, 0, failed + answered
    late = seen.late(0) - seen.late_failed[0]
    return failed, late, failed + late + answered - seen.slow[0]


def limit(bound: Bound, tick_s: float) -> tuple[int, float]:
    """Column of `Spending` and amount a tick of a rule about spending."""
    if bound.rule.signal == "token_cost_per_hour":
        return 2, bound.threshold * 1e9 / 3600.0 * tick_s
    return 3, bound.threshold / 60.0 * tick_s


def counts_text(bound: Bound, k: int, n: int) -> str:
    """What was counted against a rule, for a person."""
    if bound.rule.signal == "error_rate":
        return f"error_rate: {k} of {n} found no answer"
    return f"{bound.rule.signal}: {k} of {n} above {shown(bound.threshold, bound.rule.signal)}"
