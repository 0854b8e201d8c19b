"""When the answer to a request is due: until then, that it is not here says nothing."""

from __future__ import annotations

from ..core.histogram import edge_s
from ..core.policy import Policy
from ..core.signals import latency_cuts

__all__ = ["due_s"]

_LEAST_S = 10.0
"""Gemini refuses a deadline below it."""


def due_s(policy: Policy) -> float:
    """Age of a request at which its answer is due, in scenario seconds.

    It is the baseline's P95 at rest, and no later than the lowest edge that a rule of latency is
    judged at, to enter a mode or to leave it. Where neither is said, it is the least deadline that
    Gemini takes.
    """
    cuts = latency_cuts(policy)
    known = [edge_s(cuts[0])] if cuts else []
    if policy.baseline is not None and policy.baseline.latency_p95_s is not None:
        known.append(policy.baseline.latency_p95_s)
    return min(known, default=_LEAST_S)
