"""What a request costs, all its attempts together."""

from __future__ import annotations

from collections.abc import Sequence

from balancer import metrics
from balancer.core.modes import Mode
from balancer.core.pricing import NANO_USD

from .series import Attributes, Series

__all__ = ["record_costs"]


def record_costs(
    series: Series, modes: Sequence[Mode], nano_usd: Sequence[int], everywhere: Attributes
) -> None:
    """Record requests that are over.

    Args:
        series: where to.
        modes, nano_usd: of each of them.
        everywhere: attributes of every point.
    """
    dollars = [cost / NANO_USD for cost in nano_usd]
    for mode in sorted(set(modes)):
        of_mode = (
            dollars
            if modes.count(mode) == len(modes)
            else [each for whose, each in zip(modes, dollars, strict=True) if whose is mode]
        )
        place = tuple(sorted(((metrics.MODE, mode.label), *everywhere)))
        series.record_all(metrics.REQUEST_COST, of_mode, place)
