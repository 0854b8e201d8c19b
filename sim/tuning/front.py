"""The Pareto front of some losses: who is on it, a spread-out part of it, and its knee.

The knee is the point nearest to the best of all objectives at once by Manhattan distance (Chiu, Yen
and Juan, "Minimum Manhattan Distance Approach to Multiple Criteria Decision Making in
Multiobjective Optimization Problems", IEEE Transactions on Evolutionary Computation 20, 2016,
arXiv:1705.01705).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["betters", "knee", "non_dominated", "spread"]

Losses = Sequence[Sequence[float]]
"""Of each policy a value for each objective; less is better."""


def betters(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether losses are nowhere more and somewhere less."""
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def non_dominated(losses: Losses) -> list[int]:
    """Places of those that no other betters; of equal ones the first."""
    return [
        place
        for place, loss in enumerate(losses)
        if not any(betters(other, loss) for other in losses)
        and list(loss) not in [list(other) for other in losses[:place]]
    ]


def spread(losses: Losses, most: int) -> list[int]:
    """Places of at most so many, spread out: the best of each objective, then the farthest."""
    scaled = _scaled(losses)
    columns = list(zip(*losses, strict=True))
    best = [column.index(min(column)) for column in columns]
    chosen = list(dict.fromkeys(best))[:most]
    while len(chosen) < min(most, len(losses)):
        rest = [place for place in range(len(losses)) if place not in chosen]
        chosen.append(
            max(rest, key=lambda place: min(math.dist(scaled[place], scaled[c]) for c in chosen))
        )
    return sorted(chosen)


def knee(losses: Losses) -> int:
    """Place of the best trade: the least sum of objectives, of equal ones the first.

    Objectives are scaled to 0 (best on the front) to 1 (worst). Of two, it is the point farthest
    from the line through the extremes as well.
    """
    scaled = _scaled(losses)
    return min(range(len(losses)), key=lambda place: math.fsum(scaled[place]))


def _scaled(losses: Losses) -> list[list[float]]:
    ends = [(min(column), max(column)) for column in zip(*losses, strict=True)]
    return [
        [
            (value - low) / (high - low) if high > low else 0.0
            for value, (low, high) in zip(loss, ends, strict=True)
        ]
        for loss in losses
    ]
