"""What happens when the receiver is away, slow or back."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from balancer import metrics
from balancer.adapters.telemetry.destination import Destination
from balancer.adapters.telemetry.outbox import LogBox, SpanBox
from balancer.adapters.telemetry.sender import Sender
from balancer.adapters.telemetry.series import Series
from tests.waiting import GIVE_UP_S


class Exporter:
    """Takes what it is given, unless it is away."""

    def __init__(self) -> None:
        self.away = self.broken = False
        self.taken: list[Any] = []
        self.shut = 0
        self.gate = threading.Event()
        self.gate.set()

    def export(self, items: Any) -> Any:
        """Keep it, or fail."""
        self.gate.wait(GIVE_UP_S)
        if self.broken:
            raise OSError("no route")
        metric = isinstance(items, MetricsData)
        if self.away:
            return MetricExportResult.FAILURE if metric else SpanExportResult.FAILURE
        self.taken.append(items)
        return MetricExportResult.SUCCESS if metric else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Whoever waits for a next try waits no longer."""
        self.shut += 1
        self.gate.set()


class Line:
    """A sender without its thread, and what it sends."""

    def __init__(self, *, delta: bool = False, most: int = 4) -> None:
        self.metrics, self.spans = Exporter(), Exporter()
        self.series = Series()
        self.box = SpanBox(most)
        self.now_ns = 1_000
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self.box)
        self.sender = Sender(
            Destination(
                name="here",
                metrics=self.metrics,  # type: ignore[arg-type]
                spans=self.spans,  # type: ignore[arg-type]
                logs=None,
                delta=delta,
            ),
            Resource.get_empty(),
            self.series,
            threading.Lock(),
            self.box,
            LogBox(most),
            interval_s=0.1,
            aliases=False,
            clock_ns=lambda: self.now_ns,
        )

    def call(self, count: int = 1) -> None:
        """Spans that end."""
        for _ in range(count):
            self.provider.get_tracer("test").start_span("call").end()

    def report(self, name: str) -> list[tuple[int, int, float]]:
        """Points of a metric in each report that arrived: from, at, value."""
        return [
            (point.start_time_unix_nano, point.time_unix_nano, point.value)
            for data in self.metrics.taken
            for metric in data.resource_metrics[0].scope_metrics[0].metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


def test_an_outage_costs_no_count_of_a_total() -> None:
    """The next report that arrives has them all."""
    line = Line()
    line.metrics.away = True
    line.series.count(metrics.COST, 2)
    assert not line.sender.send_metrics()
    line.metrics.away = False
    line.series.count(metrics.COST, 3)
    line.now_ns = 2_000
    assert line.sender.send_metrics()
    assert line.report("open_balancer.cost") == [(1_000, 2_000, 5.0)]


def test_an_outage_costs_no_count_of_a_difference() -> None:
    """Differences are taken to the last report that arrived, and cover its time."""
    line = Line(delta=True)
    line.series.count(metrics.COST, 1)
    line.now_ns = 2_000
    assert line.sender.send_metrics()
    line.metrics.away = True
    line.series.count(metrics.COST, 2)
    line.now_ns = 3_000
    assert not line.sender.send_metrics()
    line.metrics.away = False
    line.series.count(metrics.COST, 4)
    line.now_ns = 4_000
    assert line.sender.send_metrics()
    assert line.report("open_balancer.cost") == [(1_000, 2_000, 1.0), (2_000, 4_000, 6.0)]


def test_spans_beyond_the_bound_are_dropped_and_counted() -> None:
    """The count is a metric itself."""
    line = Line(most=4)
    line.call(10)
    assert line.sender.send_items()
    assert [len(batch) for batch in line.spans.taken] == [4]
    assert line.sender.send_metrics()
    assert line.report("open_balancer.telemetry.dropped") == [(1_000, 1_000, 6.0)]


def test_spans_that_do_not_arrive_are_counted() -> None:
    """And not tried for ever."""
    line = Line()
    line.spans.away = True
    line.call(3)
    assert not line.sender.send_items()
    assert line.sender.dropped == 3
    assert len(line.box.box) == 0


def test_an_exporter_that_raises_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    """Told once, and once more when it is well again."""
    line = Line()
    line.metrics.broken = True
    with caplog.at_level(logging.WARNING, "balancer.telemetry"):
        assert not line.sender.send_metrics()
        assert not line.sender.send_metrics()
        line.metrics.broken = False
        assert line.sender.send_metrics()
    assert [record.getMessage() for record in caplog.records] == [
        "metrics do not arrive at here: OSError: no route; calls are not affected",
        "metrics arrive again at here",
    ]


def test_a_slow_receiver_keeps_nobody_waiting() -> None:
    """The thread hangs in the exporter; callers go on, and stopping is bounded."""
    line = Line()
    line.metrics.gate.clear()
    line.spans.gate.clear()
    line.sender.start()
    line.call(100)
    line.sender.close(timeout_s=0.2)
    assert line.box.box.dropped >= 90
    line.metrics.gate.set()
    line.spans.gate.set()
    line.sender.close(timeout_s=10)


@pytest.mark.parametrize("away", [False, True])
def test_whoever_closes_leaves_no_thread_that_tries_again(away: bool) -> None:
    """Its exporters are shut down once, by the thread or by who has waited for it too long."""
    line = Line()
    if away:
        line.metrics.gate.clear()
        line.spans.gate.clear()
    line.call()
    line.sender.start()
    line.sender.close(timeout_s=0.05 if away else GIVE_UP_S)
    thread = line.sender._thread
    assert thread is not None
    thread.join(GIVE_UP_S / 2)
    assert not thread.is_alive()
    assert (line.metrics.shut, line.spans.shut) == (1, 1)
