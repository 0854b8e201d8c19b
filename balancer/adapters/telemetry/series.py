"""Running totals of every metric, from which a report can be taken at any moment.

Nothing is queued: a receiver that is away or slow costs no memory and, counters being
totals, loses no count. Histograms have the buckets of an OTLP exponential histogram of scale
6, which are those of `balancer.core.histogram` without its ends: tokens go higher, dollars
lower.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import ceil, log2
from operator import mul

from balancer.metrics import Kind, Metric

__all__ = ["BUCKETS_PER_OCTAVE", "Attributes", "Distribution", "Series", "Value"]

BUCKETS_PER_OCTAVE = 64
"""Scale 6."""

Attributes = tuple[tuple[str, str], ...]
"""Attribute keys and values, by key."""

MOST_SERIES = 2_000
"""Most combinations of attributes of one metric; later ones are counted under `OTHER`."""

OTHER: Attributes = (("otel.metric.overflow", "true"),)


class _Above(dict[int, int]):
    """Index of the bucket above that of a whole number, kept once it was computed."""

    def __missing__(self, value: int) -> int:
        above = self[value] = ceil(log2(value) * BUCKETS_PER_OCTAVE)
        return above


MOST_KNOWN = 65_536
_ABOVE = _Above()


class Distribution:
    """A histogram that grows.

    Attributes:
        counts: by index i of the bucket (2**(i/64), 2**((i+1)/64)].
        zeros: samples of 0.
        total: sum of the samples. Of samples that came already counted into buckets it is
            taken from the middles of the buckets, at most 0.55 % off.
    """

    __slots__ = ("counts", "total", "zeros")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.zeros = 0
        self.total = 0.0

    @property
    def count(self) -> int:
        """How many samples."""
        return self.zeros + sum(self.counts.values())

    @property
    def low(self) -> float:
        """Least sample, at most 0.55 % off: the middle of its bucket."""
        return 0.0 if self.zeros else _middle(min(self.counts))

    @property
    def high(self) -> float:
        """Largest sample, as `low`."""
        return _middle(max(self.counts)) if self.counts else 0.0

    def add(self, value: float, count: int = 1) -> None:
        """Take in samples of one value, which is not negative."""
        if value <= 0.0:
            self.zeros += count
            return
        self.total += value * count
        self._count({ceil(log2(value) * BUCKETS_PER_OCTAVE): count})

    def add_all(self, values: Sequence[float]) -> None:
        """Take in samples, which are not negative, at once."""
        if min(values) <= 0.0:
            positive = [value for value in values if value > 0.0]
            self.zeros += len(values) - len(positive)
            values = positive
        self.total += sum(values)
        # As in `add`, and every step of it in C.
        logs = map(mul, map(log2, values), repeat(float(BUCKETS_PER_OCTAVE)))
        self._count(Counter(map(ceil, logs)))

    def add_whole(self, values: Sequence[int]) -> None:
        """Take in samples that are whole numbers above 0, at once."""
        if len(_ABOVE) > MOST_KNOWN:
            _ABOVE.clear()
        self.total += sum(values)
        self._count(Counter(map(_ABOVE.__getitem__, values)))

    def _count(self, counts_above: Mapping[int, int]) -> None:
        counts = self.counts
        for above, count in counts_above.items():
            counts[above - 1] = counts.get(above - 1, 0) + count

    def add_counts(self, counts: Mapping[int, int]) -> None:
        """Take in samples that are counted by bucket."""
        for index, count in counts.items():
            self.counts[index] = self.counts.get(index, 0) + count
            self.total += _middle(index) * count

    def since(self, earlier: Distribution | None) -> Distribution:
        """What was added since a copy was taken."""
        difference = self.copy()
        if earlier is not None:
            difference.zeros -= earlier.zeros
            difference.total -= earlier.total
            for index, count in earlier.counts.items():
                difference.counts[index] -= count
            difference.counts = {
                index: count for index, count in difference.counts.items() if count
            }
        return difference

    def copy(self) -> Distribution:
        """A copy that what is added to this one does not change."""
        copy = Distribution()
        copy.counts = dict(self.counts)
        copy.zeros, copy.total = self.zeros, self.total
        return copy


def _middle(index: int) -> float:
    return float(2.0 ** ((index + 0.5) / BUCKETS_PER_OCTAVE))


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

    def begin(self, metric: Metric, attributes: Attributes = ()) -> None:
        """Report a counter from now on, though nothing was counted yet."""
        values, key = self._place(metric, Kind.COUNTER, attributes)
        values.setdefault(key, 0.0)

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
        distribution = values.get(key)
        if not isinstance(distribution, Distribution):
            distribution = values[key] = Distribution()
        if isinstance(value, float | int):
            distribution.add(value)
        else:
            distribution.add_counts(value)

    def record_all(
        self, metric: Metric, values: Sequence[float], attributes: Attributes = ()
    ) -> None:
        """Add samples to a histogram at once: at least one, all of them floats, or all of them
        whole numbers above 0.
        """
        rows, key = self._place(metric, Kind.HISTOGRAM, attributes)
        distribution = rows.get(key)
        if not isinstance(distribution, Distribution):
            distribution = rows[key] = Distribution()
        if isinstance(values[0], int):
            distribution.add_whole(values)  # type: ignore[arg-type]
        else:
            distribution.add_all(values)

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
