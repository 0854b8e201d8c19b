"""Running totals of every metric, from which a report can be taken at any moment.

Nothing is queued: a receiver that is away or slow costs no memory and, counters being
totals, loses no count. Histograms have the buckets of an OTLP exponential histogram of scale
6, which are those of `balancer.core.histogram` without its ends: tokens go higher, dollars
lower.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from balancer.metrics import Kind, Metric

__all__ = ["BUCKETS_PER_OCTAVE", "Attributes", "Distribution", "Series", "Value"]

BUCKETS_PER_OCTAVE = 64
"""Scale 6."""

Attributes = tuple[tuple[str, str], ...]
"""Attribute keys and values, by key."""

MOST_SERIES = 2_000
"""Most combinations of attributes of one metric; later ones are counted under `OTHER`."""

OTHER: Attributes = (("otel.metric.overflow", "true"),)


class Distribution:
    """A histogram that grows.

    Attributes:
        counts: by index i of the bucket (2**(i/64), 2**((i+1)/64)].
        zeros: samples of 0.
        total: sum of the samples. Of samples that came already counted into buckets it is
            taken from the middles of the buckets, at most 0.55 % off.
        low, high: least and largest sample, or the middles of their buckets.
    """

    __slots__ = ("counts", "high", "low", "total", "zeros")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.zeros = 0
        self.total = 0.0
        self.low = float("inf")
        self.high = float("-inf")

    @property
    def count(self) -> int:
        """How many samples."""
        return self.zeros + sum(self.counts.values())

    def add(self, value: float, count: int = 1) -> None:
        """Take in samples of one value, which is not negative."""
        if value <= 0.0:
            self.zeros += count
            value = 0.0
        else:
            index = math.ceil(math.log2(value) * BUCKETS_PER_OCTAVE) - 1
            self.counts[index] = self.counts.get(index, 0) + count
        self.total += value * count
        self.low = min(self.low, value)
        self.high = max(self.high, value)

    def add_counts(self, counts: Mapping[int, int]) -> None:
        """Take in samples that are counted by bucket."""
        for index, count in counts.items():
            self.counts[index] = self.counts.get(index, 0) + count
            middle = 2.0 ** ((index + 0.5) / BUCKETS_PER_OCTAVE)
            self.total += middle * count
            self.low = min(self.low, middle)
            self.high = max(self.high, middle)

    def since(self, earlier: Distribution | None) -> Distribution:
        """What was added since a copy was taken; least and largest are of all."""
        found = self.copy()
        if earlier is not None:
            found.zeros -= earlier.zeros
            found.total -= earlier.total
            for index, count in earlier.counts.items():
                found.counts[index] -= count
            found.counts = {index: count for index, count in found.counts.items() if count}
        return found

    def copy(self) -> Distribution:
        """The same, apart."""
        found = Distribution()
        found.counts = dict(self.counts)
        found.zeros, found.total, found.low, found.high = (
            self.zeros,
            self.total,
            self.low,
            self.high,
        )
        return found


Value = float | Distribution


@dataclass(slots=True)
class _Rows:
    metric: Metric
    values: dict[Attributes, Value]


class Series:
    """The totals, by metric and attributes. Not thread-safe; whoever owns it locks."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[str, _Rows] = {}

    def count(self, metric: Metric, amount: float, attributes: Attributes = ()) -> None:
        """Add to a counter; nothing happens for 0."""
        if amount:
            values, key = self._place(metric, Kind.COUNTER, attributes)
            before = values.get(key, 0.0)
            assert not isinstance(before, Distribution)
            values[key] = before + amount

    def set(self, metric: Metric, value: float | None, attributes: Attributes = ()) -> None:
        """Set a gauge; None takes the point away: what is not known is not reported."""
        values, key = self._place(metric, Kind.GAUGE, attributes)
        if value is None:
            values.pop(key, None)
        else:
            values[key] = value

    def record(
        self,
        metric: Metric,
        value: float | Mapping[int, int],
        attributes: Attributes = (),
    ) -> None:
        """Add a sample, or samples counted by bucket, to a histogram."""
        values, key = self._place(metric, Kind.HISTOGRAM, attributes)
        found = values.get(key)
        if not isinstance(found, Distribution):
            found = values[key] = Distribution()
        if isinstance(value, float | int):
            found.add(value)
        else:
            found.add_counts(value)

    def _place(
        self, metric: Metric, kind: Kind, attributes: Attributes
    ) -> tuple[dict[Attributes, Value], Attributes]:
        if metric.kind is not kind:
            raise ValueError(f"{metric.name} is a {metric.kind.value}, not a {kind.value}")
        rows = self._rows.get(metric.name)
        if rows is None:
            rows = self._rows[metric.name] = _Rows(metric, {})
        if attributes not in rows.values and len(rows.values) >= MOST_SERIES:
            return rows.values, OTHER
        return rows.values, attributes

    def __iter__(self) -> Iterator[tuple[Metric, Mapping[Attributes, Value]]]:
        """Every metric that has points, in the order of their first."""
        for rows in self._rows.values():
            if rows.values:
                yield rows.metric, rows.values

    def copy(self) -> dict[str, dict[Attributes, Value]]:
        """The totals as they are now, for `Distribution.since` and differences."""
        return {
            name: {
                key: value.copy() if isinstance(value, Distribution) else value
                for key, value in rows.values.items()
            }
            for name, rows in self._rows.items()
        }
