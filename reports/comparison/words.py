"""What a comparison of laws says, in words and short numbers."""

from __future__ import annotations

import math
import re

from balancer.records.comparison import ComparedScenario, Comparison, LawResult, LawSummary
from balancer.records.interval import Interval

from ..amounts import MINUS, NOTHING, THIN, amount, duration

__all__ = [
    "answer",
    "behind",
    "given_up",
    "largest_regret",
    "near",
    "plus_minus",
    "reach",
    "regret",
    "reign",
    "standing",
    "wins",
    "worth",
]


def answer(comparison: Comparison) -> str:
    """Who does best over all scenarios, and where that law does worst."""
    total = len(comparison.scenarios)
    if not (comparison.summary and total):
        text = "No scenario was compared"
    else:
        leader = max(comparison.summary, key=lambda law: (law.within_best, law.best, law.eligible))
        text = f"{leader.law} is best, or level with the best, {wins(leader)}"
        if largest := largest_regret(leader):
            text += f"; its largest regret is {largest}"
        if price := given_up(comparison, leader.law):
            text += f"; {price}"
        others = [law for law in comparison.summary if law.law == comparison.reference]
        if others and others[0] is not leader:
            text += f". {others[0].law} is so {wins(others[0])}"
    if comparison.missing:
        text += f". Not run: {', '.join(comparison.missing)}"
    return text


def given_up(comparison: Comparison, law: str) -> str:
    """What a law gives up for what it gains, in the mean of the scenarios; "" if nobody knows."""
    own = [each for scenario in comparison.scenarios for each in scenario.laws if each.law == law]
    means = {
        name: math.fsum(interval.estimate for interval in every) / len(every)
        for name in ("quality", "degraded_share")
        if (every := [each.metrics[name] for each in own if name in each.metrics])
    }
    if len(means) < 2 or not all(map(math.isfinite, means.values())):
        return ""
    return (
        f"it serves {amount(means['degraded_share'], 'share')} of requests degraded, at a quality "
        f"of {amount(means['quality'], 'score')} (assumed)"
    )


def wins(law: LawSummary) -> str:
    """In how many scenarios a law is as good as any."""
    return f"in {law.within_best} of {law.scenarios} scenarios"


def near(law: LawSummary) -> str:
    """In how many scenarios it is nearly as good as the best, by the widest "nearly" there is."""
    return str(law.near_best[-1].scenarios) if law.near_best else NOTHING


def largest_regret(law: LawSummary) -> str:
    """The largest regret and where; "" where there is none to speak of."""
    value = law.largest_regret.value.estimate
    return f"{regret(value)} in {law.largest_regret.scenario}" if value > 0 else ""


def regret(share: float) -> str:
    """A regret in few digits, for a small space: 0.4 %, 12 %; negative above the best."""
    if not math.isfinite(share):
        return NOTHING
    percent = abs(share) * 100
    digits = f"{percent:.0f}" if percent >= 9.95 else f"{percent:.1f}"
    sign = MINUS if share < 0 and float(digits) != 0 else ""
    return f"{sign}{digits}{THIN}%"


def reign(scenario: ComparedScenario) -> str:
    """Who is best over what an answer may be worth; "" where nobody is."""
    parts = []
    for place, each in enumerate(scenario.reigns):
        end = "" if place == len(scenario.reigns) - 1 else f" up to {worth(each.to_usd)}"
        parts.append(f"{each.law}{end}")
    return ", then ".join(parts)


def worth(answer_usd: float) -> str:
    """What an answer is worth, in few digits: $0.003, $0.0167."""
    return f"${answer_usd:.3g}"


def behind(share: float) -> str:
    """How much more or less than another, with its sign: +0.4 %, -12 %."""
    text = regret(share)
    return f"+{text}" if share > 0 and any(digit in text for digit in "123456789") else text


def standing(law: LawResult) -> str:
    """What a law is in a scenario: best, level, behind, or out."""
    if not law.eligible:
        return "misses"
    if law.best:
        return "best"
    return "level" if law.within_best else "behind"


def reach(value: Interval) -> float:
    """How far an interval reaches from its estimate at its farther end; NaN where it has none.

    It is what ± stands for: an interval ends with its metric's range, so that half its width would
    leave out up to half of one side.
    """
    if not math.isfinite(value.high - value.low):
        return math.nan
    return max(value.high - value.estimate, value.estimate - value.low)


def plus_minus(value: Interval, shown: str, unit: str) -> str:
    """An interval's reach, to as many decimals as its estimate is shown with.

    "" where there is no interval, or where its reach rounds to nothing.
    """
    far = reach(value)
    if not far > 0:
        return ""
    if unit == "seconds" and value.estimate >= 119.5:
        return f"±{duration(far)}"
    scale = {"share": 100.0, "relative": 100.0}.get(unit, 1.0)
    if unit == "seconds" and value.estimate < 0.9995:
        scale = 1000.0
    decimals = re.search(r"\.(\d+)", shown)
    digits = f"{far * scale:.{len(decimals[1]) if decimals else 0}f}"
    return f"±{digits}" if float(digits) else ""
