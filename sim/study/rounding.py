"""How far the means of rounded values may be off when two policies are compared.

A quantile is the middle of a bucket 1.1 % wide, so each value is off by up to half of that. Where
the values of several runs spread over many buckets, their errors cancel; where all lie in one, the
mean is off by as much as each is. So an arm's mean is taken to be off by half a bucket times the
share of the runs in the bucket that holds most of them: if all values were at an edge between two
buckets, and a share p of them rounded up, the mean would be off by 1/2 - p of a bucket.

Pairs in which no request took another time, as their exact means say, do not differ at all.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from ..run.result import Run
from .metric_kinds import KINDS

__all__ = ["EXACT", "rounding_of_difference"]

EXACT = "latency_mean_s"
"""The metric that tells whether anything took another time."""


def rounding_of_difference(metric: str, one: Sequence[Run], other: Sequence[Run]) -> float:
    """Most by which the mean difference of a metric may be off, in its unit.

    Args:
        metric: a key of `KINDS`.
        one, other: runs under two policies, which are pairs.
    """
    share = KINDS[metric].rounding
    differ = [
        [a.metrics[metric], b.metrics[metric]]
        for a, b in zip(one, other, strict=True)
        if a.metrics[EXACT] != b.metrics[EXACT]
    ]
    if not share or not differ:
        return 0.0
    off = (_off(values) for values in zip(*differ, strict=True))
    return share * math.fsum(off) * len(differ) / len(one)


def _off(values: Sequence[float]) -> float:
    """A mean, times the share of the values that are the most frequent one."""
    most = max(Counter(values).values())
    return math.fsum(values) / len(values) * most / len(values)
