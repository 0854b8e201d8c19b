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
Made = tuple[Value, tuple[str, ...]]
"""A value, and the fields that it is made of."""
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


def _rate(name: str, scale: float) -> Made:
    def value(part: Data, seconds: float) -> float | None:
        return part.get(name, 0) * scale / seconds if seconds > 0 else None

    return value, (name,)


def _share(name: str, *of: str) -> Made:
    def value(part: Data, _seconds: float) -> float | None:
        whole = sum(part.get(each, 0) for each in of)
        return part.get(name, 0) / whole if whole > 0 else None

    return value, (name, *(each for each in of if each != name))


def _most(name: str) -> Made:
    return lambda part, _seconds: part.get(name), (name,)


def _degraded(part: Data, _seconds: float) -> float | None:
    seconds = part.get("modes", [0] * len(MODES))
    return sum(seconds[1:]) / sum(seconds) if sum(seconds) else None


_USD_PER_HOUR = 3600.0 / NANO_USD
METRICS: dict[str, Metric] = {
    name: Metric(label=label, unit=unit, value=value, fields=fields, part=part)
    for part, rows in {
        "served": (
            ("latency_p95", "P95 latency", "s", _quantile(0.95), ("latency",)),
            ("latency_p50", "Median latency", "s", _quantile(0.5), ("latency",)),
            ("error_rate", "Error rate of attempts", "share", *_share("ill", "judged")),
            ("cost", "Cost per hour", "usd", *_rate("nano_usd", _USD_PER_HOUR)),
            ("attempts", "Attempts per second", "", *_rate("started", 1.0)),
            ("tokens", "Tokens per minute", "", *_rate("tokens", 60.0)),
        ),
        "priority": (
            ("requests", "Requests per second", "", *_rate("offered", 1.0)),
            ("shed", "Share of requests shed", "share", *_share("shed", "offered")),
        ),
        "keys": (
            ("key_requests", "Requests per second, by key", "", *_rate("requests", 1.0)),
            ("key_cost", "Cost per hour, by key", "usd", *_rate("nano_usd", _USD_PER_HOUR)),
        ),
        "": (
            (
                "failed",
                "Share of requests without an answer",
                "share",
                *_share("failed", "failed", "answered"),
            ),
            ("degraded", "Share of time degraded", "share", _degraded, ("modes",)),
            ("in_flight", "Most in flight", "", *_most("in_flight")),
            ("waiting", "Most waiting", "", *_most("waiting")),
        ),
    }.items()
    for name, label, unit, value, fields in rows
}
"""By name; the rows of a part are of its fields."""


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
