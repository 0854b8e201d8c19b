"""What is said of an expectation beside its verdict, for a page, a terminal and a test report."""

from __future__ import annotations

from balancer.records.deciding import deciding
from balancer.records.verdict import Judgement

from .amounts import amount, interval

__all__ = ["crosses_bound", "remarks", "spread"]


def spread(each: Judgement) -> str:
    """Its interval; "" where there is none.

    A never passes though its interval reaches beyond the bound, since only what is seen breaks it.
    What was not seen is then told as what remains possible.
    """
    value = each.value
    text = interval(value.low, value.high, each.unit)
    if text and each.verdict == "pass" and crosses_bound(each):
        lower = each.better == "lower"
        end = amount(value.high if lower else value.low, each.unit)
        return f"{'up' if lower else 'down'} to {end} possible"
    return text


def crosses_bound(each: Judgement) -> bool:
    """Whether its interval reaches to the wrong side of the bound."""
    value = each.value
    return value.high > each.bound if each.better == "lower" else value.low < each.bound


def remarks(each: Judgement) -> list[str]:
    """How the runs fared, and what would decide it."""
    value = each.value
    parts = [each.note, deciding(each.verdict, each.replications_needed)]
    if each.verdict == "fail" and value.low <= each.bound <= value.high and not each.note:
        parts.append("what was seen fails it; the interval has room for runs that were not seen")
    return [part for part in parts if part]
