"""`open-balancer verify-telemetry`: do metrics, traces and logs arrive?"""

from __future__ import annotations

from typing import Annotated

import typer

from ..core.errors import InputError
from .endings import FAIL, told

__all__ = ["Export", "OtlpProtocol", "verify_telemetry"]

Export = Annotated[
    str | None,
    typer.Option(
        "--otlp",
        metavar="ENDPOINT",
        help="Send the simulated telemetry to an OTLP receiver: http://127.0.0.1:4317.",
        show_default=False,
    ),
]
OtlpProtocol = Annotated[
    str | None,
    typer.Option(
        metavar="PROTOCOL",
        help="grpc or http/protobuf. Without it: OTEL_EXPORTER_OTLP_PROTOCOL, or by the port.",
        show_default=False,
    ),
]


def verify_telemetry(
    otlp: Annotated[
        str | None,
        typer.Option(
            metavar="ENDPOINT",
            help="OTLP receiver: http://127.0.0.1:4317. Without it: OTEL_EXPORTER_OTLP_ENDPOINT.",
            show_default=False,
        ),
    ] = None,
    protocol: OtlpProtocol = None,
    datadog: Annotated[
        bool, typer.Option("--datadog", help="Send to Datadog's intake: DD_API_KEY, DD_SITE.")
    ] = False,
    service: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of the service. Without it: OTEL_SERVICE_NAME."),
    ] = None,
) -> None:
    """Send a metric, a span and a log record, and say step by step what arrived.

    Exit code 0: everything did; 1: something did not; 2: bad input.
    """
    with told():
        if datadog and (otlp, protocol) != (None, None):
            problem = "goes to Datadog's intake; leave out --otlp and --protocol"
            raise InputError(problem, where="--datadog")
        from ..installation import require

        require(extras=("telemetry",))
        from ..adapters.telemetry.destination import datadog_destination, destination, disabled
        from ..adapters.telemetry.verify import verify

        if disabled():
            raise InputError("is true: no telemetry is sent at all", where="OTEL_SDK_DISABLED")
        to = datadog_destination() if datadog else destination(otlp, protocol)
        typer.echo(f"sending to {to.name}")
        failed = False
        for number, step in enumerate(verify(to, service), start=1):
            word = "skipped" if step.ok is None else "arrived" if step.ok else "FAILED"
            typer.echo(f"{number}. {step.name}: {word}: {step.text}")
            failed = failed or step.ok is False
    if failed:
        raise typer.Exit(FAIL)
