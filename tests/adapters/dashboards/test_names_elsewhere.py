"""Names are those that OpenTelemetry's own Prometheus exporter for Python gives."""

from __future__ import annotations

import pytest
from opentelemetry.exporter.prometheus import _CustomCollector
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Metric as Exported
from opentelemetry.sdk.resources import Resource

from balancer.adapters.telemetry.otlp import SCOPE
from balancer.metrics import METRICS, Kind, Metric
from balancer.prometheus_names import Translation, label_name, metric_name

CUMULATIVE = AggregationTemporality.CUMULATIVE


def data_of(metric: Metric) -> Sum | Gauge | Histogram:
    """One point with every attribute."""
    attributes = dict.fromkeys(metric.attributes, "x")
    if metric.kind is Kind.HISTOGRAM:
        sample = HistogramDataPoint(
            attributes=attributes,
            start_time_unix_nano=1,
            time_unix_nano=2,
            count=1,
            sum=1.0,
            bucket_counts=[1, 0],
            explicit_bounds=[1.0],
            min=1.0,
            max=1.0,
        )
        return Histogram([sample], CUMULATIVE)
    number = NumberDataPoint(
        attributes=attributes, start_time_unix_nano=1, time_unix_nano=2, value=1.0
    )
    if metric.kind is Kind.GAUGE:
        return Gauge([number])
    return Sum([number], CUMULATIVE, is_monotonic=True)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_exporter_names_it_the_same(metric: Metric) -> None:
    """But for `_ratio`, which Prometheus and the Collector append and this exporter does not."""
    exported = Exported(metric.name, metric.meaning, metric.unit, data_of(metric))
    scoped = ScopeMetrics(SCOPE, [exported], "")
    collector = _CustomCollector(disable_target_info=True, scope_info_enabled=False)
    collector.add_metrics_data(MetricsData([ResourceMetrics(Resource({}), [scoped], "")]))
    samples = [sample for family in collector.collect() for sample in family.samples]
    name = metric_name(metric, Translation.UNDERSCORES).removesuffix("_ratio")
    parts = ("_bucket", "_count", "_sum") if metric.kind is Kind.HISTOGRAM else ("",)
    assert {sample.name for sample in samples} == {name + part for part in parts}
    labels = {label_name(each, Translation.UNDERSCORES) for each in metric.attributes}
    assert {label for sample in samples for label in sample.labels} - {"le"} == labels
