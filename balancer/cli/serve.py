"""`open-balancer serve`: the API and the Gemini-compatible proxy."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from .endings import told

__all__ = ["serve"]


def serve(
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Policy file; followed when it changes. Without one: the default policy.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; 127.0.0.1 unless said otherwise."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="8080 unless said otherwise; 0: any that is free."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Journal, saved state and history. [open-balancer-data]"),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Of the history, instead of SQLite under --data."),
    ] = None,
    upstream: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Base URL of the Gemini API, instead of Google's."),
    ] = None,
    vertex_upstream: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Base URL of Vertex AI; {location} is replaced."),
    ] = None,
    datadog: Annotated[
        str | None,
        typer.Option(
            metavar="USES",
            help="poll (its signals), mirror (events and incidents), otlp (telemetry); with "
            "commas. Keys and site come from the environment.",
        ),
    ] = None,
    retry_budget: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            help="Bound retries of all calls together to a share of the answers, such as 10%.",
        ),
    ] = None,
    budget_after_loss: Annotated[
        str | None,
        typer.Option(
            metavar="CHARGE",
            help="What a hard budget is charged where what was spent before the start is not "
            "known: full (nothing is left of the window), last (what can be read) or nothing. "
            "[full]",
        ),
    ] = None,
    fleet: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Store (redis://HOST:6379) through which replicas decide, and keep to a hard "
            "budget, together. With a password: in OPEN_BALANCER_FLEET, where nobody sees it.",
        ),
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Decide and journal, but change no call.")
    ] = False,
    off: Annotated[
        bool, typer.Option("--off", help="Begin with the kill switch: all calls go through as is.")
    ] = False,
    speed: Annotated[
        float,
        typer.Option(metavar="K", min=0.001, help="Run the clock K times faster, for load tests."),
    ] = 1.0,
) -> None:
    """Serve the API and a Gemini-compatible proxy, under a policy.

    Secrets come from the environment only: OPEN_BALANCER_TOKEN for changes, GEMINI_API_KEY for
    calls, OPEN_BALANCER_CLIENT_KEYS for callers, DD_API_KEY and DD_APP_KEY for Datadog. Where
    OTEL_EXPORTER_OTLP_ENDPOINT is set, telemetry goes there; the channels of
    OPEN_BALANCER_NOTIFY hear of mode changes and incidents.
    """
    with told():
        from ..installation import require

        require(packages=(), extras=("service",))
        from ..service.process import serve_process
        from ..service.settings import Settings

        settings = Settings.from_environment(
            os.environ,
            policy_file=policy,
            host=host,
            port=port,
            data=data,
            database=database,
            upstream=upstream,
            vertex_upstream=vertex_upstream,
            datadog=datadog,
            retry_budget=retry_budget,
            after_loss=budget_after_loss,
            fleet=fleet,
        )
        if settings.fleet is not None:
            require(packages=(), extras=("service", "fleet"))
        logging.basicConfig(
            level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        serve_process(
            settings,
            speed=speed,
            shadow=shadow,
            off=off,
            ready=lambda url: typer.echo(f"open-balancer serves on {url}"),
        )
