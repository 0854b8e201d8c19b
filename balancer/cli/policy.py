"""`open-balancer policy`: check a policy file, or show what it comes to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .endings import told

__all__ = ["policy_app"]

policy_app = typer.Typer(help="Look at policies.", no_args_is_help=True)


@policy_app.command("check")
def policy_check(
    file: Annotated[Path, typer.Argument(help="A policy file.")],
) -> None:
    """Check a policy file; warn about what is allowed but probably not wanted."""
    with told():
        from ..policy_file import load_policy

        policy = load_policy(file)
    for warning in policy.warnings():
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{file}: a valid policy, law {policy.law}, {len(policy.rules)} rules")


@policy_app.command("show")
def policy_show(
    file: Annotated[
        Path | None, typer.Argument(help="A policy file; the default policy without.")
    ] = None,
) -> None:
    """Show the effective policy, with every default filled in."""
    with told():
        from ..policy_file import load_policy
        from ..policy_show import show_policy

        text = show_policy(load_policy(file))
    typer.echo(text.rstrip())
