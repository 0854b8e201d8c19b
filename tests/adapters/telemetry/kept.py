"""A destination that keeps what it is given, and ways to read it."""

from __future__ import annotations

import threading
from typing import Any

from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from balancer.adapters.telemetry.destination import Destination
from tests.waiting import GIVE_UP_S

__all__ = ["Exporter", "Kept"]


class Exporter:
    """Takes what it is given, unless it is away, broken, or slow.

    Attributes:
        asked: set when it was first given anything, whatever became of that.
        gate: it waits until this is set.
    """

    def __init__(self, success: object, failure: object) -> None:
        self.away = self.broken = False
        self.taken: list[Any] = []
        self.asked = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self._success, self._failure = success, failure

    def export(self, items: Any) -> Any:
        """Keep it, or fail."""
        self.asked.set()
        self.gate.wait(GIVE_UP_S)
        if self.broken:
            raise OSError("no route")
        if self.away:
            return self._failure
        self.taken.append(items)
        return self._success

    def shutdown(self) -> None:
        """Nothing to close."""


class Kept:
    """See the module."""

    def __init__(self, *, delta: bool = False) -> None:
        self.metrics = Exporter(MetricExportResult.SUCCESS, MetricExportResult.FAILURE)
        self.spans = Exporter(SpanExportResult.SUCCESS, SpanExportResult.FAILURE)
        self.logs = Exporter(LogRecordExportResult.SUCCESS, LogRecordExportResult.FAILURE)
        self.destination = Destination(
            name="here",
            metrics=self.metrics,  # type: ignore[arg-type]
            spans=self.spans,  # type: ignore[arg-type]
            logs=self.logs,  # type: ignore[arg-type]
            delta=delta,
        )

    def reports(self) -> list[dict[str, Any]]:
        """Metrics by name, of each report."""
        return [_by_name(data) for data in self.metrics.taken]

    def points(self, name: str) -> dict[tuple[tuple[str, Any], ...], Any]:
        """Points of a metric in the last report, by their attributes."""
        metric = self.reports()[-1].get(name)
        if metric is None:
            return {}
        return {
            tuple(sorted((point.attributes or {}).items())): point
            for point in metric.data.data_points
        }

    def ended_spans(self) -> list[ReadableSpan]:
        """Every span."""
        return [span for batch in self.spans.taken for span in batch]


def _by_name(data: MetricsData) -> dict[str, Any]:
    return {
        metric.name: metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
