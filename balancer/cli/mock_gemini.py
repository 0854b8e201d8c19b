"""`open-balancer mock-gemini`: a server that answers as Gemini does, by a scenario."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .endings import told

if TYPE_CHECKING:
    from sim.mock_gemini.server import Addresses

__all__ = ["mock_gemini"]

TOKEN_VARIABLE = "OPEN_BALANCER_MOCK_TOKEN"  # noqa: S105  # the name of a variable


def mock_gemini(
    scenario: Annotated[
        str | None,
        typer.Option(
            metavar="SCENARIO",
            help="Name from the library, or file. Without one: healthy models, no faults.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the Gemini API; 0: any that is free.")
    ] = 8123,
    admin_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the admin API; 0: any that is free.")
    ] = 8124,
    speed: Annotated[
        float, typer.Option(metavar="K", help="Scenario seconds in a second; divides every wait.")
    ] = 1.0,
    latency: Annotated[
        bool, typer.Option("--latency/--no-latency", help="Whether answers take their time.")
    ] = True,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a key of the scenario: upstream.models.asked.quota.rpm=60.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Policy whose price table to use, instead of ours."),
    ] = None,
    replication: Annotated[
        int, typer.Option(metavar="N", min=0, help="Whose draws to use, as in a simulation.")
    ] = 0,
    api_key: Annotated[
        str, typer.Option(metavar="KEY", help="What clients have to send.")
    ] = "mock-key",
    lenient: Annotated[
        bool,
        typer.Option(
            "--lenient", help="Take requests that Gemini refuses for what they ask of a model."
        ),
    ] = False,
    calls: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Share of calls that may call a function, and do; those that must always do.",
        ),
    ] = 0.0,
    host: Annotated[
        str, typer.Option(help="Address of the Gemini API. Beyond this machine: 0.0.0.0.")
    ] = "127.0.0.1",
    admin_host: Annotated[str, typer.Option(help="Address of the admin API.")] = "127.0.0.1",
) -> None:
    """Serve a mock Gemini that behaves as the simulator's does, faults included.

    The admin API's token comes from OPEN_BALANCER_MOCK_TOKEN; without it one is made and shown
    once.
    """
    with told():
        from ..installation import require

        require(packages=("scenarios", "sim"), extras=("sim", "mock"))

        from sim.mock_gemini.server import run
        from sim.mock_gemini.settings import load_settings

        token = os.environ.get(TOKEN_VARIABLE)
        settings = load_settings(
            scenario,
            overrides=overrides or (),
            policy=policy,
            replication=replication,
            speed=speed,
            latency=latency,
            host=host,
            port=port,
            admin_host=admin_host,
            admin_port=admin_port,
            api_key=api_key,
            token=token,
            lenient=lenient,
            call_share=calls,
        )

        def ready(addresses: Addresses) -> None:
            typer.echo(f"Gemini API  {addresses.url}  (API key: {addresses.api_key})")
            typer.echo(f"admin API   {addresses.admin_url}")
            if token is None:
                typer.echo(f"admin token {addresses.token}", err=True)

        run(settings, ready)
