"""What is used of a mock's quotas and of its spend limit, for its errors and its admin API."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from balancer.core.pricing import NANO_USD

from ..plant.quota import BUCKET, COUNTINGS, MINUTE_S, grants
from ..plant.spend_limit import spend_wait_s
from ..plant.upstream_records import Upstream

__all__ = ["Limits", "Spending", "limits_now", "spending_now"]


class Limits(NamedTuple):
    """A quota.

    Attributes:
        rpm, tpm, rpd: its limits; None: none.
        counting: how its minute is counted.
        counts_refused: whether refused calls count.
        calls, tokens: used of the minute, or missing in the bucket.
        calls_today: used of the day.
    """

    rpm: int | None
    tpm: int | None
    rpd: int | None
    counting: str
    counts_refused: bool
    calls: int
    tokens: int
    calls_today: int


class Spending(NamedTuple):
    """A spend limit.

    Attributes:
        usd: the limit.
        per_s: its window.
        spent_usd: billed in the window.
    """

    usd: float
    per_s: float
    spent_usd: float


def limits_now(upstream: Upstream, row: int | None, now_s: float) -> Limits:
    """What is used of a quota.

    Args:
        upstream: whose.
        row: of the model; None: the project's.
        now_s: time; must not go back.
    """
    place = len(upstream.models) if row is None else row
    quota: Any = upstream.quotas[place]
    # An empty question brings the quota up to now and counts nothing.
    grants(quota, upstream.cells[place], upstream.midnights, now_s, 0, 1.0)
    rpm, tpm, rpd = (_limit(quota[name]) for name in ("rpm", "tpm", "rpd"))
    calls, tokens = int(quota["calls"]), int(quota["tokens"])
    if quota["counting"] == BUCKET:
        per_burst = float(quota["burst_s"]) / MINUTE_S
        calls = _missing(rpm, per_burst, float(quota["free_calls"]))
        tokens = _missing(tpm, per_burst, float(quota["free_tokens"]))
    return Limits(
        rpm=rpm,
        tpm=tpm,
        rpd=rpd,
        counting=COUNTINGS[int(quota["counting"])],
        counts_refused=bool(quota["counts_refused"]),
        calls=calls,
        tokens=tokens,
        calls_today=int(quota["calls_today"]),
    )


def spending_now(upstream: Upstream, now_s: float) -> Spending | None:
    """What is used of the spend limit; None: there is none."""
    spending: Any = upstream.spending[0]
    if spending["limit_nano_usd"] < 0:
        return None
    spend_wait_s(spending, upstream.spent, now_s, 1.0)
    return Spending(
        usd=int(spending["limit_nano_usd"]) / NANO_USD,
        per_s=float(spending["window_s"]),
        spent_usd=int(spending["spent_nano_usd"]) / NANO_USD,
    )


def _limit(found: Any) -> int | None:
    return int(found) if found >= 0 else None


def _missing(limit: int | None, per_burst: float, free: float) -> int:
    return 0 if limit is None else math.ceil(max(0.0, limit * per_burst - free) - 1e-6)
