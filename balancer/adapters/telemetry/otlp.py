"""Series as OTLP metrics: points with explicit times, totals or differences, names and aliases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from balancer import metrics
from balancer.version import VERSION

from .series import Attributes, Distribution, Series, Value

__all__ = ["SCOPE", "Snapshot", "metrics_data"]

SCOPE = InstrumentationScope("open-balancer", VERSION)
SCALE = 6

Snapshot = dict[str, dict[Attributes, Value]]
"""Totals as `Series.copy` gives them."""


def metrics_data(
    series: Series,
    resource: Resource,
    *,
    start_ns: int,
    now_ns: int,
    before: Snapshot | None = None,
    before_ns: int = 0,
    aliases: bool = True,
) -> MetricsData:
    """Everything in the series as of now.

    Args:
        series: the totals.
        resource: what they are of.
        start_ns: Unix time in nanoseconds at which counting began.
        now_ns: Unix time of the points.
        before: for delta temporality: the totals of the last report that arrived; None is
            cumulative, or the first report.
        before_ns: when those were taken; 0 is cumulative temporality.
        aliases: whether metrics with a promised name are reported under it too.
    """
    delta = before_ns > 0
    emitted: list[Metric] = []
    for metric, values in series:
        earlier = (before or {}).get(metric.name, {})
        points = _Points(before_ns if delta else start_ns, now_ns, earlier if delta else {})
        data = points.data(metric, values, delta=delta)
        if data is None:
            continue
        emitted.append(Metric(metric.name, metric.meaning, metric.unit, data))
        if aliases and metric.alias is not None:
            emitted.append(Metric(metric.alias, metric.meaning, metric.unit, data))
    scoped = ScopeMetrics(scope=SCOPE, metrics=emitted, schema_url="")
    return MetricsData([ResourceMetrics(resource=resource, scope_metrics=[scoped], schema_url="")])


class _Points:
    """Points of one metric."""

    __slots__ = ("_earlier", "_from_ns", "_now_ns")

    def __init__(self, from_ns: int, now_ns: int, earlier: Mapping[Attributes, Value]) -> None:
        self._from_ns = from_ns
        self._now_ns = now_ns
        self._earlier = earlier

    def data(
        self, metric: metrics.Metric, values: Mapping[Attributes, Value], *, delta: bool
    ) -> Sum | Gauge | ExponentialHistogram | None:
        """The metric's data; None when nothing happened since the last report."""
        temporality = AggregationTemporality.DELTA if delta else AggregationTemporality.CUMULATIVE
        if metric.kind is metrics.Kind.HISTOGRAM:
            histograms = list(self._histograms(values))
            return ExponentialHistogram(histograms, temporality) if histograms else None
        numbers = list(self._numbers(metric, values))
        if not numbers:
            return None
        if metric.kind is metrics.Kind.GAUGE:
            return Gauge(numbers)
        return Sum(numbers, temporality, is_monotonic=True)

    def _numbers(
        self, metric: metrics.Metric, values: Mapping[Attributes, Value]
    ) -> Iterator[NumberDataPoint]:
        gauge = metric.kind is metrics.Kind.GAUGE
        for attributes, value in values.items():
            assert not isinstance(value, Distribution)
            if not gauge:
                earlier = self._earlier.get(attributes, 0.0)
                assert not isinstance(earlier, Distribution)
                if value == earlier and self._earlier:
                    continue
                value = value - earlier  # noqa: PLW2901 -- what was added since
            yield NumberDataPoint(
                attributes=dict(attributes),
                start_time_unix_nano=0 if gauge else self._from_ns,
                time_unix_nano=self._now_ns,
                value=float(value),
            )

    def _histograms(
        self, values: Mapping[Attributes, Value]
    ) -> Iterator[ExponentialHistogramDataPoint]:
        for attributes, value in values.items():
            assert isinstance(value, Distribution)
            earlier = self._earlier.get(attributes)
            assert earlier is None or isinstance(earlier, Distribution)
            since = value.since(earlier)
            if not since.count:
                continue
            first = min(since.counts, default=0)
            last = max(since.counts, default=-1)
            counts = [since.counts.get(index, 0) for index in range(first, last + 1)]
            yield ExponentialHistogramDataPoint(
                attributes=dict(attributes),
                start_time_unix_nano=self._from_ns,
                time_unix_nano=self._now_ns,
                count=since.count,
                sum=since.total,
                scale=SCALE,
                zero_count=since.zeros,
                positive=Buckets(offset=first, bucket_counts=counts),
                negative=Buckets(offset=0, bucket_counts=[]),
                flags=0,
                min=since.low,
                max=since.high,
            )
