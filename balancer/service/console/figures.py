"""What the dashboard shows, from the same functions as `GET /api/metrics`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...core.histogram import merge
from ...core.modes import PRIORITIES
from ...core.observations import Observations
from ...core.pricing import NANO_USD
from ..api.dependencies import Dependencies
from ..api.metrics_schemas import Metrics
from ..api.metrics_views import WINDOWS_S, measure
from .beside import Beside, beside
from .by_key import ByKey, KeyRow
from .standing import Standing, standing

__all__ = ["Figures", "ModelRow", "PriorityRow", "figures"]

_MOST_KEYS = 12
_WELL = 0.99
_ILL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """What one model served in the window."""

    model: str
    attempts: int
    error_rate: float | None
    p95_s: float | None
    tokens: int
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityRow:
    """What became of one priority in the window."""

    priority: str
    offered: int
    admitted: int
    shed: int
    fallback: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything on the dashboard but its line.

    Attributes:
        metrics: of the window.
        request_error_rate: requests given up without an answer, over those that ended.
        quality: mean of what the application's scorer said; None: it has none.
        well: good, warn or bad.
        verdict: in words.
    """

    standing: Standing
    metrics: Metrics
    request_error_rate: float | None
    quality: float | None
    well: str
    verdict: str
    models: tuple[ModelRow, ...]
    priorities: tuple[PriorityRow, ...]
    by_key: dict[str, KeyRow]
    beside: tuple[Beside, ...]


def figures(dependencies: Dependencies, by_key: ByKey, window: str) -> Figures:
    """Everything over a window of `WINDOWS_S`. Adds up a day at most: not for the event loop."""
    now = standing(dependencies)
    metrics = measure(
        dependencies.balancer,
        dependencies.recent,
        dependencies.passed,
        dependencies.conversations,
        dependencies.cpu,
        window,
    )
    seen = dependencies.recent.last(WINDOWS_S[window]).observations or Observations(0)
    failed = sum(entry.failed.total for entry in seen.requests)
    over = failed + sum(entry.answered.total for entry in seen.requests)
    wall_s = dependencies.balancer.clock.wall_s(WINDOWS_S[window])
    keys = by_key.last(wall_s)
    well, verdict = _verdict(now, metrics)
    return Figures(
        standing=now,
        metrics=metrics,
        request_error_rate=failed / over if over else None,
        quality=metrics.business.quality_score,
        well=well,
        verdict=verdict,
        models=_models(seen),
        priorities=_priorities(seen),
        by_key=dict(list(keys.items())[:_MOST_KEYS]),
        beside=beside(dependencies),
    )


def _verdict(now: Standing, metrics: Metrics) -> tuple[str, str]:
    found = metrics.performance
    if now.troubles:
        return "bad", "Something is broken; calls go through."
    if now.bypass:
        return "warn", "The kill switch is on: calls go through unchanged."
    if found.availability is None:
        return "good", "No requests to judge by."
    answered = f"{found.availability * 100:.1f} % of requests are answered"
    if found.availability < _ILL:
        return "bad", f"Not well: {answered}."
    if now.mode != "normal":
        return "warn", f"Kept up by a brownout: {answered}."
    if found.availability < _WELL:
        return "warn", f"Nearly well: {answered}."
    return "good", f"Well: {answered}."


def _models(seen: Observations) -> tuple[ModelRow, ...]:
    names = sorted({entry.model for entry in seen.served})
    found = []
    for name in names:
        entries = [entry for entry in seen.served if entry.model == name]
        judged = sum(entry.judged for entry in entries)
        p95 = merge(entry.latency for entry in entries).quantile(0.95)
        found.append(
            ModelRow(
                model=name,
                attempts=sum(entry.started for entry in entries),
                error_rate=sum(entry.ill for entry in entries) / judged if judged else None,
                p95_s=None if math.isnan(p95) else p95,
                tokens=sum(e.prompt_tokens + e.output_tokens + e.thinking_tokens for e in entries),
                usd=sum(entry.nano_usd for entry in entries) / NANO_USD,
            )
        )
    return tuple(sorted(found, key=lambda row: -row.attempts))


def _priorities(seen: Observations) -> tuple[PriorityRow, ...]:
    return tuple(
        PriorityRow(
            priority=each.label,
            offered=seen.offered[each],
            admitted=seen.admitted[each],
            shed=seen.shed[each],
            fallback=seen.fallback[each],
        )
        for each in reversed(PRIORITIES)
    )
