"""`open-balancer scenarios` and `open-balancer new`: the library, and a file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .endings import told

__all__ = ["list_scenarios", "new"]


def list_scenarios(
    details: Annotated[
        bool, typer.Option("--long", "-l", help="What each teaches, and its source.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON list, for programs.")] = False,
) -> None:
    """List the scenarios of the library."""
    with told():
        from ..installation import require

        require(packages=("scenarios",))
        from scenarios.listing import json_text, plain_text

        typer.echo(json_text() if as_json else plain_text(details=details))


def new(
    name: Annotated[str, typer.Argument(help="Of the scenario, and of its file.")],
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where to write it.")
    ] = Path(),
) -> None:
    """Write a commented scenario file that passes as it stands, to start from."""
    with told():
        from ..installation import require

        require(packages=("scenarios",))
        from scenarios.starter import write_starter

        path = write_starter(name, folder)
    typer.echo(f"{path}: try it with open-balancer run {path}")
