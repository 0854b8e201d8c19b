"""Quotas that were hit: what was granted in each minute in which something was refused.

A quota is no share of failing calls: whoever calls less is refused less, so a candidate that does
must meet the quota and not the share. It is recognised by what it grants: as many calls in each of
its minutes, or as many prompt tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from balancer.core.observations import FAILURES

from .columns import Columns

__all__ = ["HIT", "SeenQuota", "fitted_quota"]

HIT = FAILURES.index("quota_minute")

Column = np.ndarray[Any, Any]

LEAST_MINUTES = 3
"""Of refusals: one or two tell no quota from a bad minute."""
LEAST_REFUSED = 3
EXACT = 0.02
"""Calls granted in such minutes differ by no more where calls are what is counted."""
SPREADS = 3.0
BEYOND = 1.05
"""What was granted unrefused by so much more shows that the quota was lower for a while."""
LAGGING = 1.5
"""Refusals that are counted in the next minute: they take a moment."""
AFTER_S = 2.0
GOES_ON = 0.2
"""Share of a minute's calls that are granted after its first refusal, where it is a sliding one."""
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
    granted = columns.per_tick(at, columns.started[rows]) - refused
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
    exact = max(EXACT, LAGGING / level) if level > 0.0 else 0.0
    if spread > max(exact, SPREADS * noise) or level < 1.0:
        return None
    tokens = spread > exact
    scale = prompt if tokens else 1.0
    places = np.flatnonzero(hit)
    begin_s, end_s = places[0] * 60.0 - phase_s, (places[-1] + 1) * 60.0 - phase_s
    more = calls[~hit][calls[~hit] > level * max(BEYOND, 1.0 + SPREADS * noise)]
    beyond = float(more.max(initial=0.0))
    limit, factor = level, 1.0
    if len(more) >= max(LEAST_MINUTES, OFTEN * hit.sum()):
        limit = beyond * AMPLE
        factor = level / limit
    return SeenQuota(
        limit=limit * scale,
        tokens=tokens,
        # After a long prompt is refused, shorter ones still fit: of tokens it says nothing.
        counting="sliding"
        if not tokens and _goes_on(granted, refused, minute, second % 60.0)
        else "calendar",
        minutes=int(hit.sum()),
        refused=int(refused.sum()),
        factor=factor,
        begin_s=max(0.0, float(begin_s)),
        end_s=float(end_s),
    )


def _goes_on(granted: Column, refused: Column, minute: Column, second: Column) -> bool:
    """Whether calls are granted again within a minute that has refused some: the clock's minutes
    do not.
    """
    after = whole = 0.0
    for place in np.unique(minute[refused > 0]):
        inside = minute == place
        first = second[inside & (refused > 0) & (second >= AFTER_S)]
        if len(first):
            calls = granted[inside]
            after += float(calls[second[inside] > first[0] + AFTER_S].sum())
            whole += float(calls.sum())
    return after > GOES_ON * max(whole, 1.0)
