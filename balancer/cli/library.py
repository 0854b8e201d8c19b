"""`open-balancer scenarios` and `open-balancer new`: the library, and a file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..core.errors import InputError
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
    csv: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="CSV file of your requests: a scenario and a policy are made of it.",
            show_default=False,
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="ROLE=COLUMN,...",
            help="With --from: time, prompt_tokens, output_tokens; model, latency, status.",
            show_default=False,
        ),
    ] = None,
    time_unit: Annotated[
        str | None,
        typer.Option(
            metavar="UNIT",
            help="With --from: s or ms, of times that are numbers.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a commented scenario file that passes as it stands, or one of your own traffic."""
    with told():
        from ..installation import require

        if csv is not None:
            require(extras=("sim",))
            _from_csv(csv, name, folder, columns, time_unit)
            return
        for option, value in (("--columns", columns), ("--time-unit", time_unit)):
            if value is not None:
                raise InputError("says how a file is read, but not which: add --from", option)
        require(packages=("scenarios",))
        from scenarios.starter import write_starter

        path = write_starter(name, folder)
    typer.echo(f"{path}: try it with open-balancer run {path}")


def _from_csv(
    csv: Path, name: str, folder: Path, columns: str | None, time_unit: str | None
) -> None:
    """Make a scenario and a policy of a file, and say what was found in it."""
    from scenarios.starter import check_new
    from sim.fitting.own_data import columns_of, own_data

    from .policy import tell_fitted
    from .whole_files import write_whole

    if time_unit not in (None, "s", "ms"):
        raise InputError(f"found {time_unit!r}, expected s or ms", where="--time-unit")
    scenario = check_new(name, folder)
    policy = folder / f"{name}-policy.yaml"
    if policy.exists():
        raise InputError("exists already; choose another name", where=str(policy))
    own = own_data(csv, name, folder, columns_of(csv, _roles(columns)), time_unit)
    write_whole(folder, {scenario.name: own.scenario, policy.name: own.policy})
    for line in own.said:
        typer.echo(line)
    tell_fitted(own.fitted)
    typer.echo(f"policy: {policy}")
    typer.echo(f"{scenario}: try it with open-balancer run {scenario}")


def _roles(columns: str | None) -> dict[str, str]:
    column_of = {}
    for part in filter(None, (columns or "").split(",")):
        role, equals, column = part.partition("=")
        if not equals or not column.strip():
            raise InputError(f"found {part!r}, expected ROLE=COLUMN", where="--columns")
        column_of[role.strip()] = column.strip()
    return column_of
