"""The question a scenario asks of a policy, and the answer, in a line each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .amounts import NOTHING, amount, difference
from .fields import UNDEFINED
from .metrics import metric
from .verdicts import Verdict

__all__ = ["answer", "effect", "question"]


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
    """What the controller changed, in a few words; "" without a counterfactual."""
    parts = []
    cost = verdict.counterfactual.get("cost_usd", UNDEFINED).estimate
    saved = verdict.difference.get("cost_usd", UNDEFINED).estimate
    if cost > 0 and math.isfinite(saved):
        share = abs(saved) / cost
        way = "lower" if saved < 0 else "higher"
        parts.append("cost unchanged" if share < 0.0005 else f"cost {amount(share, 'share')} {way}")
    available = verdict.difference.get("availability", UNDEFINED).estimate
    if math.isfinite(available):
        parts.append(
            "availability unchanged"
            if abs(available) < 0.00005
            else f"availability {difference(available, 'share')}"
        )
    with_, without = (
        amount(arm.get("latency_p95_s", UNDEFINED).estimate, metric("latency_p95_s").unit)
        for arm in (verdict.metrics, verdict.counterfactual)
    )
    if NOTHING not in {with_, without}:
        parts.append(
            f"P95 {with_}, as without" if with_ == without else f"P95 {with_} instead of {without}"
        )
    return ", ".join(parts)


def _first(names: Sequence[str], most: int = 2) -> str:
    """The first of some names, and how many more there are."""
    more = len(names) - most
    return "; ".join(names[:most]) + (f"; {more} more" if more > 0 else "")
