"""`open-balancer serve`: the API and the Gemini-compatible proxy."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .endings import told

if TYPE_CHECKING:
    from ..service.console import Page

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
    hosts: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Names under which callers may reach it, with commas, beside addresses, localhost "
            "and that of OPEN_BALANCER_PUBLIC_URL; * is any.",
        ),
    ] = None,
    origins: Annotated[
        str | None,
        typer.Option(
            metavar="ORIGINS",
            help="Web pages of other sites that may call it, with commas: https://app.example.",
        ),
    ] = None,
    drain: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="How long calls may still take when it is told to stop. [30s]"
        ),
    ] = None,
    header_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Most of a request's line and headers. [64KB]"),
    ] = None,
    header_time: Annotated[
        str | None, typer.Option(metavar="TIME", help="Until they must be here. [10s]")
    ] = None,
    body_time: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Most between two pieces of a request's body. [30s]"),
    ] = None,
    reader_time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Longest that a caller may take nothing of what is sent to it. [30s]",
        ),
    ] = None,
    connections: Annotated[
        str | None, typer.Option(metavar="N", help="Most of callers at once. [2000]")
    ] = None,
    bodies_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Most of all requests' bodies that is held at once. [512MB]"
        ),
    ] = None,
    answer_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Most of an upstream's answer that is held, unpacked. [64MB]"
        ),
    ] = None,
    answer_ratio: Annotated[
        str | None,
        typer.Option(
            metavar="FACTOR", help="Most times its size that an answer is unpacked to. [100]"
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
            hosts=_listed(hosts),
            origins=_listed(origins),
            drain_s=drain,
            bounds={
                "header_size": header_size,
                "header_time_s": header_time,
                "body_time_s": body_time,
                "reader_time_s": reader_time,
                "connections": connections,
                "bodies_size": bodies_size,
                "answer_size": answer_size,
                "answer_ratio": answer_ratio,
            },
            fleet=fleet,
        )
        if settings.fleet is not None:
            require(packages=(), extras=("service", "fleet"))
        logging.basicConfig(
            level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        with _pages() as pages:
            serve_process(
                settings,
                speed=speed,
                shadow=shadow,
                off=off,
                ready=lambda url: typer.echo(f"open-balancer serves on {url}"),
                pages=pages,
            )


def _pages() -> AbstractContextManager[Sequence[Page]]:
    """Pages of the console that need the simulator; none where it is not installed."""
    from ..core.errors import InputError
    from ..installation import require

    try:
        require(packages=("scenarios", "sim"), extras=("sim",))
    except InputError:
        return nullcontext(())
    from sim.playground.page import playground_pages

    return playground_pages()


def _listed(said: str | None) -> tuple[str, ...] | None:
    if said is None:
        return None
    return tuple(value.strip() for value in said.split(",") if value.strip())
