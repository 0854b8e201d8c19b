"""Where telemetry goes: OTLP exporters by the standard environment variables, or Datadog's intake.

`OTEL_EXPORTER_OTLP_ENDPOINT`, `…_HEADERS`, `…_TIMEOUT` and their per-signal forms are read by
the exporters themselves; here the protocols, the temporality and what is sent at all are chosen,
and addresses are checked before anything is sent. Secrets are taken from the environment and go
into headers only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace.export import SpanExporter

from balancer.core.errors import InputError, nearest
from balancer.datadog_account import api_key_from, site_from

from .addresses import check_address, shown

__all__ = ["Destination", "Protocol", "datadog_destination", "destination", "disabled"]

Protocol = Literal["grpc", "http/protobuf"]
Signal = Literal["metrics", "traces", "logs"]

PROTOCOLS: Final[tuple[Protocol, ...]] = ("grpc", "http/protobuf")
SIGNALS: Final[tuple[Signal, ...]] = ("metrics", "traces", "logs")
EXPORTERS: Final = ("otlp", "none")
ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL"
TEMPORALITY: Final = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
HTTP_PORT: Final = 4318
DEFAULTS: Final[Mapping[Protocol, str]] = {
    "grpc": "http://localhost:4317",
    "http/protobuf": f"http://localhost:{HTTP_PORT}",
}
"""Where the exporters send to when nothing says where."""
DATADOG_METRICS: Final = (
    '{"resource_attributes_as_tags":true,'
    '"histograms":{"mode":"distributions","send_aggregation_metrics":true}}'
)
MOST_POINTS: Final = 5_000
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
    metrics: MetricExporter | None
    spans: SpanExporter | None
    logs: LogRecordExporter | None
    delta: bool


def disabled(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether `OTEL_SDK_DISABLED` switches all telemetry off."""
    return environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def destination(
    endpoint: str | None = None,
    protocol: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Destination:
    """An OTLP receiver, such as a collector or an agent.

    Args:
        endpoint: base address; None is by `OTEL_EXPORTER_OTLP_ENDPOINT` and its per-signal
            forms, or the exporters' default.
        protocol: "grpc" or "http/protobuf"; None is by `OTEL_EXPORTER_OTLP_PROTOCOL` and its
            per-signal forms, or by the port of the endpoint (4318 is HTTP), or grpc.
        environment: variables.

    Raises:
        InputError: an address that is no URL; a protocol, an exporter or a temporality that
            there is not; anything else that the exporters cannot use.
    """
    delta = _delta(environment)
    protocols = {signal: _protocol(signal, endpoint, protocol, environment) for signal in SIGNALS}
    if endpoint is not None:
        check_address(endpoint, "the OTLP endpoint")
    else:
        _check_addresses(protocols, environment)
    parts = {
        signal: _made(signal, spoken, endpoint, None) if _wanted(signal, environment) else None
        for signal, spoken in protocols.items()
    }
    spoken = sorted({"gRPC" if each == "grpc" else "HTTP" for each in protocols.values()})
    places = [
        endpoint
        or environment.get(_endpoint_of(signal))
        or environment.get(ENDPOINT)
        or DEFAULTS[protocols[signal]]
        for signal, exporter in parts.items()
        if exporter is not None
    ]
    addresses = list(dict.fromkeys(shown(place.strip()) for place in places)) or ["nowhere"]
    return Destination(
        name=f"{' and '.join(addresses)} ({' and '.join(spoken)})",
        metrics=parts["metrics"],
        spans=parts["traces"],
        logs=parts["logs"],
        delta=delta,
    )


def _protocol(
    signal: Signal, endpoint: str | None, protocol: str | None, environment: Mapping[str, str]
) -> Protocol:
    own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL"
    sources = [("the OTLP protocol", protocol)]
    sources += [(name, environment.get(name, "").strip()) for name in (own, PROTOCOL)]
    for where, value in sources:
        if value:
            return _known_protocol(value, where)
    address = endpoint or environment.get(_endpoint_of(signal)) or environment.get(ENDPOINT, "")
    return "http/protobuf" if address and _port(address) == HTTP_PORT else "grpc"


def _known_protocol(said: str, where: str) -> Protocol:
    for protocol in PROTOCOLS:
        if said == protocol:
            return protocol
    raise InputError(
        f"found {said!r}{nearest(said, PROTOCOLS)}; expected one of {', '.join(PROTOCOLS)}",
        where=where,
    )


def _port(address: str) -> int | None:
    digits = address.rpartition(":")[2].partition("/")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else None


def _endpoint_of(signal: Signal) -> str:
    return f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"


def _check_addresses(protocols: Mapping[Signal, Protocol], environment: Mapping[str, str]) -> None:
    for signal, protocol in protocols.items():
        for name in (_endpoint_of(signal), ENDPOINT):
            address = environment.get(name, "").strip()
            if address:
                # A signal's own address has a path, and gRPC knows addresses without a scheme.
                grpc = protocol == "grpc"
                check_address(address, name, base=name == ENDPOINT, scheme=not grpc)


def _wanted(signal: Signal, environment: Mapping[str, str]) -> bool:
    name = f"OTEL_{signal.upper()}_EXPORTER"
    choice = environment.get(name, "").strip() or "otlp"
    if choice not in EXPORTERS:
        raise InputError(
            f"found {choice!r}{nearest(choice, EXPORTERS)}; expected one of {', '.join(EXPORTERS)}",
            where=name,
        )
    return choice == "otlp"


def _delta(environment: Mapping[str, str]) -> bool:
    preference = environment.get(TEMPORALITY, "").strip().lower() or "cumulative"
    names = ("cumulative", "delta", "lowmemory")
    if preference not in names:
        raise InputError(
            f"found {preference!r}{nearest(preference, names)}; expected one of {', '.join(names)}",
            where=TEMPORALITY,
        )
    return preference != "cumulative"


def _made(
    signal: Signal, protocol: Protocol, endpoint: str | None, headers: dict[str, str] | None
) -> Any:
    """The exporter of a signal.

    Raises:
        InputError: it cannot be made by what the environment says.
    """
    make = _grpc if protocol == "grpc" else _http
    try:
        return make(signal, endpoint, headers)
    except Exception as error:  # noqa: BLE001 -- timeouts, certificates, compression: whatever
        raise InputError(
            f"cannot be used: {error}", where=f"OTEL_EXPORTER_OTLP_*, for {signal}"
        ) from None


def _grpc(signal: Signal, endpoint: str | None, headers: dict[str, str] | None) -> Any:
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    insecure = None if endpoint is None else not endpoint.startswith("https://")
    more: dict[str, Any] = {"endpoint": endpoint, "insecure": insecure, "headers": headers}
    if signal == "metrics":
        return OTLPMetricExporter(max_export_batch_size=MOST_POINTS, **more)
    return OTLPSpanExporter(**more) if signal == "traces" else OTLPLogExporter(**more)


def _http(signal: Signal, endpoint: str | None, headers: dict[str, str] | None) -> Any:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    address = None if endpoint is None else f"{endpoint.rstrip('/')}/v1/{signal}"
    more: dict[str, Any] = {"endpoint": address, "headers": headers}
    if signal == "metrics":
        return OTLPMetricExporter(max_export_batch_size=MOST_POINTS, **more)
    return OTLPSpanExporter(**more) if signal == "traces" else OTLPLogExporter(**more)


def datadog_destination(
    environment: Mapping[str, str] = os.environ, endpoint: str | None = None
) -> Destination:
    """Datadog's direct OTLP intake: HTTP only, differences only, metrics and logs.

    Traces go to Datadog through an agent or a collector: set
    `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and they are sent there.

    Args:
        environment: with `DATADOG_API_KEY` or `DD_API_KEY`, and `DATADOG_SITE` or `DD_SITE`.
        endpoint: instead of the site's, for tests.

    Raises:
        InputError: no key, a key that cannot be one, or a site that there is not.
    """
    key, site = api_key_from(environment), site_from(environment)
    base = endpoint or f"https://otlp.{site}"
    headers = {"dd-api-key": key, "dd-otel-metric-config": DATADOG_METRICS}
    destination = Destination(
        name=f"{shown(base)} (HTTP)",
        metrics=_made("metrics", "http/protobuf", base, headers),
        spans=None,
        logs=_made("logs", "http/protobuf", base, headers),
        delta=True,
    )
    variable = _endpoint_of("traces")
    traces = environment.get(variable, "").strip()
    if not traces:
        return destination
    protocol = _protocol("traces", None, None, environment)
    check_address(traces, variable, base=False, scheme=protocol != "grpc")
    return replace(destination, spans=_made("traces", protocol, None, None))
