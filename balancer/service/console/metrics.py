"""The metrics of the explorer: what each is made of, and by what it can be split."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from ...core.histogram import Histogram
from ...core.modes import MODES
from ...core.pricing import NANO_USD
from ..history import Store
from .rollups import HOUR_S, MINUTE_S, Data, added, rows_since

__all__ = ["METRICS", "RANGES", "Metric", "Series", "series"]

Value = Callable[[Data, float], float | None]
_DAY_S = 86_400.0

RANGES: dict[str, tuple[str, float, int, int]] = {
    "1h": ("the last hour", 3600.0, MINUTE_S, MINUTE_S),
    "6h": ("6 hours", 6 * 3600.0, MINUTE_S, 2 * MINUTE_S),
    "24h": ("24 hours", _DAY_S, MINUTE_S, 10 * MINUTE_S),
    "7d": ("7 days", 7 * _DAY_S, HOUR_S, HOUR_S),
    "30d": ("30 days", 30 * _DAY_S, HOUR_S, 4 * HOUR_S),
    "1y": ("a year", 366 * _DAY_S, HOUR_S, 48 * HOUR_S),
}
"""By name: in words, seconds, which rows, and how many seconds a point is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric.

    Attributes:
        label: with its unit.
        unit: s, share, usd or "".
        value: of a row's part and the row's seconds; None is unknown.
        fields: of a part, that it is made of.
        part: which parts of a row it is of: served, priority, keys, or "" for the row itself.
    """

    label: str
    unit: str
    value: Value
    fields: tuple[str, ...]
    part: str

    @property
    def splits(self) -> tuple[str, ...]:
        """By what it can be split."""
        return {"served": ("mode", "model"), "priority": ("priority",), "keys": ("key",)}.get(
            self.part, ()
        )


def _quantile(q: float) -> Value:
    def value(part: Data, _seconds: float) -> float | None:
        counts = {int(index): n for index, n in part.get("latency", {}).items()}
        found = Histogram.from_counts(counts).quantile(q)
        return None if math.isnan(found) else found

    return value


def _rate(name: str, scale: float) -> Value:
    def value(part: Data, seconds: float) -> float | None:
        return part.get(name, 0) * scale / seconds if seconds > 0 else None

    return value


def _share(name: str, *of: str) -> Value:
    def value(part: Data, _seconds: float) -> float | None:
        whole = sum(part.get(each, 0) for each in of)
        return part.get(name, 0) / whole if whole > 0 else None

    return value


def _most(name: str) -> Value:
    return lambda part, _seconds: part.get(name)


def _degraded(part: Data, _seconds: float) -> float | None:
    ticks = part.get("modes", [0] * len(MODES))
    return sum(ticks[1:]) / sum(ticks) if sum(ticks) else None


_USD_PER_HOUR = 3600.0 / NANO_USD
METRICS: dict[str, Metric] = {
    "latency_p95": Metric(
        label="P95 latency", unit="s", value=_quantile(0.95), fields=("latency",), part="served"
    ),
    "latency_p50": Metric(
        label="Median latency", unit="s", value=_quantile(0.5), fields=("latency",), part="served"
    ),
    "error_rate": Metric(
        label="Error rate of attempts",
        unit="share",
        value=_share("ill", "judged"),
        fields=("ill", "judged"),
        part="served",
    ),
    "cost": Metric(
        label="Cost per hour",
        unit="usd",
        value=_rate("nano_usd", _USD_PER_HOUR),
        fields=("nano_usd",),
        part="served",
    ),
    "attempts": Metric(
        label="Attempts per second",
        unit="",
        value=_rate("started", 1.0),
        fields=("started",),
        part="served",
    ),
    "tokens": Metric(
        label="Tokens per minute",
        unit="",
        value=_rate("tokens", 60.0),
        fields=("tokens",),
        part="served",
    ),
    "requests": Metric(
        label="Requests per second",
        unit="",
        value=_rate("offered", 1.0),
        fields=("offered",),
        part="priority",
    ),
    "shed": Metric(
        label="Share of requests shed",
        unit="share",
        value=_share("shed", "offered"),
        fields=("shed", "offered"),
        part="priority",
    ),
    "key_requests": Metric(
        label="Requests per second, by key",
        unit="",
        value=_rate("requests", 1.0),
        fields=("requests",),
        part="keys",
    ),
    "key_cost": Metric(
        label="Cost per hour, by key",
        unit="usd",
        value=_rate("nano_usd", _USD_PER_HOUR),
        fields=("nano_usd",),
        part="keys",
    ),
    "failed": Metric(
        label="Share of requests without an answer",
        unit="share",
        value=_share("failed", "failed", "answered"),
        fields=("failed", "answered"),
        part="",
    ),
    "degraded": Metric(
        label="Share of time degraded", unit="share", value=_degraded, fields=("modes",), part=""
    ),
    "in_flight": Metric(
        label="Most in flight", unit="", value=_most("in_flight"), fields=("in_flight",), part=""
    ),
    "waiting": Metric(
        label="Most waiting", unit="", value=_most("waiting"), fields=("waiting",), part=""
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A metric over time.

    Attributes:
        times: Unix seconds at which each point's stretch begins.
        lines: values by name, None where nothing is known.
        worst: the worst mode in each stretch, as a number.
        step_s: length of a stretch.
    """

    times: list[float]
    lines: dict[str, list[float | None]]
    worst: list[int]
    step_s: int


def series(
    store: Store, owner: str, metric: str, split: str, span: str, now_s: float | None = None
) -> Series:
    """A metric of `METRICS` over a range of `RANGES`. Blocks.

    Args:
        split: mode, model, priority, key or "".

    Raises:
        StoreError: the history cannot be read.
    """
    now_s = time.time() if now_s is None else now_s
    _, seconds, row_s, step_s = RANGES[span]
    first = (now_s - seconds) // step_s * step_s
    rows = rows_since(store, owner, row_s, first, now_s)
    stretches: dict[float, list[Data]] = defaultdict(list)
    for at, data in rows:
        stretches[at // step_s * step_s].append(data)
    chosen = METRICS[metric]
    times = sorted(stretches)
    found: dict[str, list[float | None]] = {}
    worst = []
    for place, at in enumerate(times):
        whole = stretches[at]
        seconds = sum(row["seconds"] for row in whole)
        worst.append(max(m for row in whole for m, n in enumerate(row["modes"]) if n or not m))
        for name, part in _parts(whole, chosen, split).items():
            line = found.setdefault(name, [None] * len(times))
            line[place] = chosen.value(part, seconds)
    return Series(times=times, lines=dict(sorted(found.items())), worst=worst, step_s=step_s)


def _parts(rows: list[Data], metric: Metric, split: str) -> dict[str, Data]:
    """What a metric is made of, added up over rows, by the names of a split."""
    groups: dict[str, list[Data]] = defaultdict(list)
    for row in rows:
        parts: dict[str, Data] = row.get(metric.part, {}) if metric.part else {"all": row}
        for name, part in parts.items():
            mode, _, model = name.partition(" ")
            shown = {"mode": mode, "model": model}.get(split, name)
            needed = {field: part[field] for field in metric.fields if field in part}
            groups[shown if split in metric.splits else "all"].append(needed)
    return {name: added(group) for name, group in groups.items()}
