"""Where telemetry goes: OTLP exporters by the standard environment variables, or Datadog's intake.

`OTEL_EXPORTER_OTLP_ENDPOINT`, `…_HEADERS`, `…_TIMEOUT` and their per-signal forms are read by
the exporters themselves; here the protocol and the temporality are chosen. Secrets are taken
from the environment and go into headers only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace.export import SpanExporter

from balancer.core.errors import InputError, nearest

__all__ = ["Destination", "Protocol", "datadog_destination", "destination"]

Protocol = Literal["grpc", "http/protobuf"]

PROTOCOLS: tuple[Protocol, ...] = ("grpc", "http/protobuf")
DATADOG_SITES = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "ddog-gov.com",
)
DATADOG_METRICS = (
    '{"resource_attributes_as_tags":true,'
    '"histograms":{"mode":"distributions","send_aggregation_metrics":true}}'
)
MOST_POINTS = 5_000
"""Points of one request; a receiver may bound its size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Exporters of the three signals.

    Attributes:
        name: for messages; holds no secret.
        metrics, spans, logs: exporters; None where the destination does not take the signal.
        delta: counters and histograms are reported as differences, not as totals.
    """

    name: str
    metrics: MetricExporter
    spans: SpanExporter | None
    logs: LogRecordExporter | None
    delta: bool


def destination(
    endpoint: str | None = None,
    protocol: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Destination:
    """An OTLP receiver, such as a collector or an agent.

    Args:
        endpoint: base address; None is `OTEL_EXPORTER_OTLP_ENDPOINT`, or the exporters' default.
        protocol: "grpc" or "http/protobuf"; None is `OTEL_EXPORTER_OTLP_PROTOCOL`, or by the
            port of the endpoint (4318 is HTTP), or grpc.
        environment: variables.

    Raises:
        InputError: a protocol or a temporality that there is not.
    """
    chosen = _protocol(endpoint, protocol, environment)
    delta = _delta(environment)
    name = endpoint or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") or "the default endpoint"
    if chosen == "grpc":
        return _grpc(endpoint, name, delta=delta)
    return _http(endpoint, name, {}, delta=delta)


def _protocol(
    endpoint: str | None, protocol: str | None, environment: Mapping[str, str]
) -> Protocol:
    said = protocol or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip()
    if said:
        for known in PROTOCOLS:
            if said == known:
                return known
        raise InputError(
            f"found {said!r}{nearest(said, PROTOCOLS)}; expected one of {', '.join(PROTOCOLS)}",
            where="the OTLP protocol" if protocol else "OTEL_EXPORTER_OTLP_PROTOCOL",
        )
    address = endpoint or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    return "http/protobuf" if ":4318" in address else "grpc"


def _delta(environment: Mapping[str, str]) -> bool:
    name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    said = environment.get(name, "").strip().lower() or "cumulative"
    known = ("cumulative", "delta", "lowmemory")
    if said not in known:
        raise InputError(
            f"found {said!r}{nearest(said, known)}; expected one of {', '.join(known)}", where=name
        )
    return said != "cumulative"


def _grpc(endpoint: str | None, name: str, *, delta: bool) -> Destination:
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    insecure = None if endpoint is None else not endpoint.startswith("https://")
    return Destination(
        name=f"{name} (gRPC)",
        metrics=OTLPMetricExporter(
            endpoint=endpoint, insecure=insecure, max_export_batch_size=MOST_POINTS
        ),
        spans=OTLPSpanExporter(endpoint=endpoint, insecure=insecure),
        logs=OTLPLogExporter(endpoint=endpoint, insecure=insecure),
        delta=delta,
    )


def _http(endpoint: str | None, name: str, headers: dict[str, str], *, delta: bool) -> Destination:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    def signal(path: str) -> str | None:
        return None if endpoint is None else f"{endpoint.rstrip('/')}/v1/{path}"

    more = headers or None
    return Destination(
        name=f"{name} (HTTP)",
        metrics=OTLPMetricExporter(
            endpoint=signal("metrics"), headers=more, max_export_batch_size=MOST_POINTS
        ),
        spans=OTLPSpanExporter(endpoint=signal("traces"), headers=more),
        logs=OTLPLogExporter(endpoint=signal("logs"), headers=more),
        delta=delta,
    )


def datadog_destination(
    environment: Mapping[str, str] = os.environ, endpoint: str | None = None
) -> Destination:
    """Datadog's direct OTLP intake: HTTP only, differences only, metrics and logs.

    Traces go to Datadog through an agent or a collector: set
    `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and they are sent there.

    Args:
        environment: with `DD_API_KEY` or `DATADOG_API_KEY`, and `DD_SITE` or `DATADOG_SITE`.
        endpoint: instead of the site's, for tests.

    Raises:
        InputError: no key, or a site that there is not.
    """
    key = environment.get("DD_API_KEY") or environment.get("DATADOG_API_KEY")
    if not key:
        raise InputError("no key; set DD_API_KEY or DATADOG_API_KEY", where="Datadog's intake")
    site = environment.get("DD_SITE") or environment.get("DATADOG_SITE") or DATADOG_SITES[0]
    if site not in DATADOG_SITES:
        raise InputError(
            f"found {site!r}{nearest(site, DATADOG_SITES)}; known: {', '.join(DATADOG_SITES)}",
            where="DD_SITE",
        )
    headers = {"dd-api-key": key, "dd-otel-metric-config": DATADOG_METRICS}
    base = endpoint or f"https://otlp.{site}"
    found = _http(base, base, headers, delta=True)
    traces = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    spans = None
    if traces:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        spans = OTLPSpanExporter(endpoint=traces)
    return Destination(
        name=found.name, metrics=found.metrics, spans=spans, logs=found.logs, delta=True
    )
