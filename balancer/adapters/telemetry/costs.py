"""What a request costs, all its attempts together."""

from __future__ import annotations

from collections.abc import Sequence

from balancer import metrics
from balancer.core.modes import Mode
from balancer.core.pricing import NANO_USD
from balancer.runtime.recorder import UNPRICED, Ended, Over

from .series import Attributes, Series

__all__ = ["record_plain_costs", "record_request_costs"]


def record_plain_costs(
    series: Series, batch: Sequence[Ended], nano_usd: Sequence[int], everywhere: Attributes
) -> None:
    """Record plain calls that ended, each of which is a request of one attempt.

    Args:
        series: where to.
        batch, nano_usd: as the runtime's recorder hands them over; attempts of a `Request`
            among them are left out.
        everywhere: attributes of every point.
    """
    plain = [entry[8] == UNPRICED for entry in batch]
    if all(plain):
        _record(series, [entry[0].place[0] for entry in batch], nano_usd, everywhere)
        return
    found = [
        (entry[0].place[0], cost)
        for entry, cost, is_plain in zip(batch, nano_usd, plain, strict=True)
        if is_plain
    ]
    if found:
        modes, costs = zip(*found, strict=True)
        _record(series, modes, costs, everywhere)


def record_request_costs(series: Series, batch: Sequence[Over], everywhere: Attributes) -> None:
    """Record requests that are over."""
    modes, costs, _, _ = zip(*batch, strict=True)
    _record(series, modes, costs, everywhere)


def _record(
    series: Series, modes: Sequence[Mode], costs: Sequence[int], everywhere: Attributes
) -> None:
    dollars = [cost / NANO_USD for cost in costs]
    for mode in sorted(set(modes)):
        of_mode = (
            dollars
            if modes.count(mode) == len(modes)
            else [each for whose, each in zip(modes, dollars, strict=True) if whose is mode]
        )
        place = tuple(sorted(((metrics.MODE, mode.label), *everywhere)))
        series.record_all(metrics.REQUEST_COST, of_mode, place)
