"""Quotas that were hit: what was granted in each minute in which something was refused.

A quota is no share of failing calls: whoever calls less is refused less, so a candidate that does
must meet the quota and not the share. It is recognised by what it grants: as many calls in each of
its minutes, or as many prompt tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from balancer.core.observations import FAILURES

from .columns import Columns

__all__ = ["HIT", "SeenQuota", "fitted_quota"]

HIT = FAILURES.index("quota_minute")

LEAST_MINUTES = 3
"""Of refusals: one or two tell no quota from a bad minute."""
LEAST_REFUSED = 3
EXACT = 0.02
"""Calls granted in such minutes differ by no more where calls are what is counted."""
SPREADS = 3.0
BEYOND = 1.05
"""What was granted unrefused by so much more shows that the quota was lower for a while."""
EARLY = 20.0
"""Seconds of a minute in which a quota of the clock's minutes refuses hardly anything."""
OFTEN = 0.1
"""Such minutes, as a share of those that refused: a stray one shows nothing."""
AMPLE = 10.0
"""Multiple of the most that was granted that stands for a quota nobody met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenQuota:
    """A quota that was hit.

    Attributes:
        limit: calls or prompt tokens a minute.
        tokens: whether tokens are counted.
        counting: "calendar" or "sliding".
        minutes: in which it refused.
        refused: calls.
        factor: what it is while it refuses, as a share of `limit`; 1: always the same.
        begin_s, end_s: when it is that.
    """

    limit: float
    tokens: bool
    counting: str
    minutes: int
    refused: int
    factor: float
    begin_s: float
    end_s: float


def fitted_quota(
    columns: Columns, model: str, *, tick_s: float, phase_s: float, prompt: float, prompt_sd: float
) -> SeenQuota | None:
    """The quota that a model's refusals tell, or None: they tell none.

    Args:
        columns: of the journal.
        model: which.
        tick_s: length of a tick.
        phase_s: seconds since the clock's last full minute at the first tick.
        prompt, prompt_sd: tokens of a prompt.
    """
    rows = columns.of_model(model)
    at = columns.served_at[rows]
    refused = columns.per_tick(at, columns.failures[rows, HIT])
    if not refused.any():
        return None
    granted = np.maximum(columns.per_tick(at, columns.started[rows]) - refused, 0)
    second = np.arange(columns.ticks) * tick_s + phase_s
    minute = (second // 60.0).astype(np.int64)
    by_minute = np.bincount(minute, weights=refused)
    calls = np.bincount(minute, weights=granted)
    hit = by_minute >= LEAST_REFUSED
    # The first and the last may be parts of minutes.
    whole = hit.copy()
    whole[[0, -1]] = False
    if whole.sum() < LEAST_MINUTES:
        return None
    limits = calls[whole]
    level = float(np.median(limits))
    spread = float(np.std(limits)) / level if level else math.inf
    noise = prompt_sd / prompt / math.sqrt(level) if prompt and level else 0.0
    if spread > max(EXACT, SPREADS * noise):
        return None
    tokens = spread > EXACT
    scale = prompt if tokens else 1.0
    places = np.flatnonzero(hit)
    begin_s, end_s = places[0] * 60.0 - phase_s, (places[-1] + 1) * 60.0 - phase_s
    more = calls[~hit][calls[~hit] > level * max(BEYOND, 1.0 + SPREADS * noise)]
    beyond = float(more.max(initial=0.0))
    limit, factor = level, 1.0
    if len(more) >= max(LEAST_MINUTES, OFTEN * hit.sum()):
        limit = beyond * AMPLE
        factor = level / limit
    early = refused[(second % 60.0) < EARLY].sum() / refused.sum()
    return SeenQuota(
        limit=limit * scale,
        tokens=tokens,
        counting="calendar" if early < EARLY / 60.0 / 2.0 else "sliding",
        minutes=int(hit.sum()),
        refused=int(refused.sum()),
        factor=factor,
        begin_s=max(0.0, float(begin_s)),
        end_s=float(end_s),
    )
