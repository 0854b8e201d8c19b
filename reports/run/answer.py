"""The question a scenario asks of a policy, and the answer, in a line each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from balancer.records.verdict import Verdict

from ..amounts import NOTHING, amount, difference, difference_interval
from ..arms import CHEAPEST, POLICY, STATIC
from ..metrics import metric

__all__ = ["answer", "cheap", "effect", "harm", "price", "question"]


def question(verdict: Verdict) -> str:
    """What was asked: the scenario's title, where its author put it as a question."""
    if verdict.title.endswith("?"):
        return verdict.title
    policy = f"policy “{verdict.policy}”" if verdict.policy else "the policy"
    return f"Does {policy} hold in “{verdict.title}”?"


def answer(verdict: Verdict) -> str:
    """What came out: yes, no or not decided, and why."""
    total = len(verdict.expectations)
    failed = [each.name for each in verdict.expectations if each.verdict == "fail"]
    undecided = [each.name for each in verdict.expectations if each.verdict == "inconclusive"]
    if failed:
        return f"No: {len(failed)} of {total} expectations not met ({_first(failed)})"
    if undecided:
        return f"Not decided: {len(undecided)} of {total} expectations open ({_first(undecided)})"
    if total == 0:
        return "The scenario expects nothing"
    return f"Yes: all {total} expectations met" if total > 1 else "Yes: its expectation was met"


def effect(verdict: Verdict) -> str:
    """What the controller changed against static, in a few words; "" without that arm."""
    parts = []
    saved = verdict.metric(POLICY, "cost_saved").estimate
    if math.isfinite(saved):
        way = "lower" if saved > 0 else "higher"
        parts.append(
            "cost unchanged" if abs(saved) < 0.0005 else f"cost {amount(abs(saved), 'share')} {way}"
        )
    parts += price(verdict)
    available = verdict.change(STATIC, "availability").estimate
    if math.isfinite(available):
        parts.append(
            "availability unchanged"
            if abs(available) < 0.00005
            else f"availability {difference(available, 'share')}"
        )
    ours, theirs = (_shown(verdict, arm, "latency_p95_s") for arm in (POLICY, STATIC))
    if NOTHING not in {ours, theirs}:
        instead = ", the same" if ours == theirs else f" instead of {theirs}"
        parts.append(f"P95 {ours}{instead}")
    return f"against static: {', '.join(parts)}" if parts else ""


def price(verdict: Verdict) -> list[str]:
    """What is given up for it: the quality of answers, and the share of requests degraded."""
    parts = []
    given = verdict.change(STATIC, "quality").estimate
    if math.isfinite(given):
        way = "lower" if given < 0 else "higher"
        size = amount(abs(given), "score")
        parts.append(f"quality {'unchanged' if abs(given) < 0.0005 else f'{size} {way}'} (assumed)")
    degraded = verdict.metric(POLICY, "degraded_share").estimate
    if math.isfinite(degraded):
        share = f"{amount(degraded, 'share')} of requests" if degraded else "no request"
        parts.append(f"{share} served degraded")
    return parts


def harm(verdict: Verdict) -> str:
    """That the controller does harm, where it does: it answers fewer than static would."""
    if not verdict.harm.found:
        return ""
    interval = verdict.harm.change
    spread = difference_interval(interval.low, interval.high, "share")
    return f"availability {difference(interval.estimate, 'share')} against static ({spread})"


def cheap(verdict: Verdict) -> str:
    """What the cheap model always would save, so that savings are not taken for skill."""
    if not math.isfinite(verdict.metric(CHEAPEST, "cost_saved").estimate):
        return ""

    def worth(arm: str) -> str:
        return f"{_shown(verdict, arm, 'quality')}, {_shown(verdict, arm, 'availability')}"

    return (
        f"Of static's cost (quality and availability {worth(STATIC)}), the cheap model always "
        f"saves {_shown(verdict, CHEAPEST, 'cost_saved')} without any controller "
        f"({worth(CHEAPEST)}); the controller saves {_shown(verdict, POLICY, 'cost_saved')} "
        f"({worth(POLICY)})."
    )


def _shown(verdict: Verdict, arm: str, name: str) -> str:
    return amount(verdict.metric(arm, name).estimate, metric(name).unit)


def _first(names: Sequence[str], most: int = 2) -> str:
    """The first of some names, and how many more there are."""
    more = len(names) - most
    return "; ".join(names[:most]) + (f"; {more} more" if more > 0 else "")
