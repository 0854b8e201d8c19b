"""Where the service's telemetry goes, as its environment says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ..core.errors import InputError

__all__ = ["Otlp", "otlp_of"]

Otlp = Literal["", "environment", "datadog"]
"""Where telemetry goes: nowhere, by the standard variables, or to Datadog's intake."""
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")


def otlp_of(environment: Mapping[str, str], *, datadog: bool) -> Otlp:
    """Where the environment wants telemetry to go.

    Args:
        environment: variables.
        datadog: whether Datadog's intake was asked for.

    Raises:
        InputError: both were.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ""
    endpoint = next((name for name in _ENDPOINTS if environment.get(name, "").strip()), "")
    if datadog and endpoint:
        raise InputError(
            f"{endpoint} is set too, and telemetry goes to one place: leave out one of them",
            where="OPEN_BALANCER_DATADOG=otlp",
        )
    return "datadog" if datadog else "environment" if endpoint else ""
