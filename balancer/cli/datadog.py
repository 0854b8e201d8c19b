"""`open-balancer datadog`: what Datadog has to know of a policy, and checks of its queries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .endings import FAIL, told

__all__ = ["datadog_app"]

datadog_app = typer.Typer(
    help="Monitors, webhook and dashboard of a policy in Datadog.", no_args_is_help=True
)


@datadog_app.command()
def check(
    file: Annotated[Path, typer.Argument(help="JSON: a detection rule, or a list of them.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the rules here, with the better queries."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when a rule measures something else.")
    ] = False,
) -> None:
    """Check detection rules: whether each query is valid, and right for its purpose."""
    with told():
        import json

        from ..adapters.datadog.advice import advise_rule
        from ..adapters.datadog.rules import parse_rules
        from ..core.errors import InputError
        from ..documents import read_text

        rules = parse_rules(read_text(file, InputError), str(file))
        wrong, better = 0, []
        for rule in rules:
            query = rule.query
            typer.echo(f"{rule.name}: {rule.parsed}")
            for advice in advise_rule(rule):
                wrong += 1
                typer.echo(f"  warning: {advice.problem}")
                if advice.better is not None:
                    query = str(advice.better)
                    typer.echo(f"  use: {query}")
            better.append(
                {
                    "name": rule.name,
                    "query": query,
                    "message": rule.message,
                    "tags": list(rule.tags),
                    **rule.rest,
                }
            )
        if out is not None:
            try:
                out.write_text(json.dumps(better, indent=2) + "\n", encoding="utf-8")
            except OSError as error:
                raise InputError(f"cannot be written: {error.strerror}", str(out)) from None
    plural = "" if len(rules) == 1 else "s"
    typer.echo(f"{file}: {len(rules)} valid rule{plural}, {wrong or 'no'} warnings")
    if strict and wrong:
        raise typer.Exit(FAIL)
