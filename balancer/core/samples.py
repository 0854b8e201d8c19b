"""What a rule counts in a stretch: samples beyond its threshold, and all of them.

`law: mildest` judges latencies and an error rate by requests, each with all of its attempts: one
that failed is late when it took longer than the threshold, and neither late nor in time when it
failed before. The other laws judge calls. So do rules that mean a span of time literally, burn
rates and first tokens, under any law.
"""

from __future__ import annotations

from .histogram import Histogram, snap
from .policy import Policy, Rule
from .signals import QUANTILES
from .stretches import Stretch

__all__ = ["allowed", "by_requests", "sample", "value"]


def by_requests(rule: Rule, policy: Policy) -> bool:
    """Whether a rule about latencies or errors counts requests; else it counts calls."""
    counted = policy.law == "mildest" and not rule.sustained_s
    return counted and rule.signal not in {"burn_rate", "ttft_p95"}


def sample(rule: Rule, policy: Policy, part: Stretch) -> tuple[int, int, float]:
    """Samples of a stretch beyond a threshold, all of them, and the share that may be."""
    if rule.signal in QUANTILES:
        n, (above,) = _durations(rule, policy, part).counted((snap(rule.threshold),))
        return above, n, allowed(rule)
    if by_requests(rule, policy):
        failed = part.losses.total
        return failed, failed + part.answers.total, allowed(rule)
    return part.failed, part.finished, allowed(rule)


def value(rule: Rule, policy: Policy, part: Stretch) -> float:
    """The signal of a rule that counts, in its unit; there must be a sample."""
    if rule.signal in QUANTILES:
        return _durations(rule, policy, part).quantile(QUANTILES[rule.signal])
    k, n, _ = sample(rule, policy, part)
    return k / n / (1.0 - (rule.objective or 0.0))


def allowed(rule: Rule) -> float:
    """Share of samples that a rule allows beyond its threshold; of failures, the threshold."""
    if rule.signal in QUANTILES:
        return 1.0 - QUANTILES[rule.signal]
    return rule.threshold * (1.0 - (rule.objective or 0.0))


def _durations(rule: Rule, policy: Policy, part: Stretch) -> Histogram:
    if rule.signal == "ttft_p95":
        return part.ttft
    if not by_requests(rule, policy):
        return part.latency
    losses, cut = part.losses.counts(), snap(rule.threshold)
    late = {index: count for index, count in losses.items() if index >= cut}
    return part.answers + Histogram.from_counts(late)
