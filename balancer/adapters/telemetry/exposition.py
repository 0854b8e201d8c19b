"""Totals as Prometheus scrapes them, by OpenTelemetry's exporter for it.

Names are those that Prometheus makes of what it receives over OTLP, so that the dashboards and
alerts that ship fit both ways in. The exporter knows no exponential histograms: theirs are told
with fixed bounds, half an octave apart, which are edges of the buckets that were counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics.export import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from balancer import metrics
from balancer.prometheus_names import Translation, metric_name

from .otlp import SCALE

__all__ = ["CONTENT_TYPE", "exposition"]

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_PER_OCTAVE: Final = 1 << SCALE
_SECONDS: Final = range(-14, 21)
"""Half octaves of bounds of durations: 8 ms to 1,024 s."""
_OTHERS: Final = range(41)
"""Half octaves of bounds of all other histograms, such as those of tokens: 1 to a million."""


def exposition(data: MetricsData) -> bytes:
    """The text of a scrape.

    Args:
        data: cumulative totals, with their own names and without aliases.
    """
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(scope_info_enabled=False, registry=registry)
    translated = MetricsData(
        [
            ResourceMetrics(
                resource=resource.resource,
                scope_metrics=[
                    ScopeMetrics(scope=scope.scope, metrics=list(_translated(scope)), schema_url="")
                    for scope in resource.scope_metrics
                ],
                schema_url="",
            )
            for resource in data.resource_metrics
        ]
    )
    # What a meter provider does with a reader; ours keeps its totals by itself.
    reader._set_collect_callback(lambda _reader, **_timeout: translated)  # noqa: SLF001
    return generate_latest(registry)


def _translated(scope: ScopeMetrics) -> Iterator[Metric]:
    rows = {metric.name: metric for metric in metrics.METRICS}
    for source in scope.metrics:
        name = metric_name(rows[source.name], Translation.UNDERSCORES)
        data: Sum | Gauge | Histogram | ExponentialHistogram = source.data
        if isinstance(data, ExponentialHistogram):
            data = _explicit(data, _SECONDS if source.unit == "s" else _OTHERS)
        yield Metric(name=name, description=source.description, unit="", data=data)


def _explicit(data: ExponentialHistogram, halves: range) -> Histogram:
    points = [_point(each, halves) for each in data.data_points]
    return Histogram(points, data.aggregation_temporality)


def _point(point: ExponentialHistogramDataPoint, halves: range) -> HistogramDataPoint:
    counts = [0] * (len(halves) + 1)
    step = _PER_OCTAVE // 2
    counts[0] += point.zero_count
    for place, count in enumerate(point.positive.bucket_counts):
        # Bucket i holds what is above edge i, up to edge i + 1.
        half = -(-(point.positive.offset + place + 1) // step)
        counts[min(max(half - halves.start, 0), len(halves))] += count
    return HistogramDataPoint(
        attributes=point.attributes,
        start_time_unix_nano=point.start_time_unix_nano,
        time_unix_nano=point.time_unix_nano,
        count=point.count,
        sum=point.sum,
        bucket_counts=counts,
        explicit_bounds=[float(f"{2.0 ** (half / 2):.6g}") for half in halves],
        min=point.min,
        max=point.max,
    )
