"""Sends one of everything and says, step by step, what arrived."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import set_span_in_context

from balancer import metrics
from balancer.version import VERSION

from .destination import Destination
from .logs import Events
from .otlp import metrics_data
from .outbox import LogBox, SpanBox
from .reasons import Reasons
from .resource import new_resource
from .series import Series

__all__ = ["Step", "verify"]

PROBE = (("open_balancer.verify", "true"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was tried, and how it went.

    Attributes:
        name: "metrics", "traces" or "logs".
        ok: the receiver took it; None when there is nothing to send it to.
        text: what was sent, and where to look for it; or why it did not arrive.
    """

    name: str
    ok: bool | None
    text: str


def verify(to: Destination, service: str | None = None) -> Iterator[Step]:
    """Send a metric, a span and a log record that belong together.

    Args:
        to: where to.
        service: name of the service; None is the environment's.
    """
    resource = new_resource(service)
    name = str(resource.attributes["service.name"])
    now_ns = time.time_ns()
    series = Series()
    series.set(metrics.CURRENT_MODE, 0, PROBE)
    series.count(metrics.REQUESTS, 1, PROBE)
    data = metrics_data(
        series,
        resource,
        start_ns=now_ns - 1_000_000_000,
        now_ns=now_ns,
        before_ns=now_ns - 1_000_000_000 if to.delta else 0,
    )
    meter = to.metrics
    if meter is None:
        yield Step(name="metrics", ok=None, text="switched off by OTEL_METRICS_EXPORTER")
    else:
        yield _step(
            "metrics",
            lambda: meter.export(data) is MetricExportResult.SUCCESS,
            f"{metrics.CURRENT_MODE.name} = 0 and {metrics.REQUESTS.name} + 1, service {name}",
            to,
        )
    spans, logs = SpanBox(8), LogBox(8)
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracers.add_span_processor(spans)
    span = tracers.get_tracer("open-balancer", VERSION).start_span("open-balancer verification")
    loggers = LoggerProvider(resource=resource, shutdown_on_exit=False)
    loggers.add_log_record_processor(logs)
    Events(loggers).emit(
        "open_balancer.verify",
        "telemetry arrives",
        {"open_balancer.verify": True},
        level=logging.INFO,
        context=set_span_in_context(span),
    )
    span.end()
    trace_id = f"{span.get_span_context().trace_id:032x}"
    exporter = to.spans
    if exporter is None:
        yield Step(
            name="traces",
            ok=None,
            text="switched off by OTEL_TRACES_EXPORTER, or taken by an agent only: set "
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        )
    else:
        items = spans.box.take(8)
        yield _step(
            "traces",
            lambda: exporter.export(items) is SpanExportResult.SUCCESS,
            f"a span 'open-balancer verification', trace {trace_id}",
            to,
        )
    sink = to.logs
    if sink is None:
        yield Step(name="logs", ok=None, text="switched off by OTEL_LOGS_EXPORTER")
        return
    records = logs.box.take(8)
    yield _step(
        "logs",
        lambda: sink.export(records) is LogRecordExportResult.SUCCESS,
        f"'telemetry arrives', service {name}, in the same trace",
        to,
    )


def _step(name: str, send: Callable[[], bool], sent: str, to: Destination) -> Step:
    raised: Exception | None = None
    with Reasons() as reasons:
        try:
            ok = send()
        except Exception as error:  # noqa: BLE001 -- told to the user, whatever it is
            ok, raised = False, error
    text = sent if ok else f"did not arrive at {to.name}: {reasons.why(raised)}"
    return Step(name=name, ok=ok, text=text)
