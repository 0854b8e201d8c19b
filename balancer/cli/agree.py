"""`open-balancer agree`: a scenario played live and simulated, figure by figure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .endings import FAIL, told
from .json_file import check_writable, write_too
from .load import Replication, Speed, Target, Through, again, asked_scene, note
from .options import OneSeed, Overrides, PolicyFile, Quiet
from .progress import progress

__all__ = ["agree"]


def agree(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="Name from the library, or a file.")
    ],
    target: Through = Target.PROXY,
    speed: Speed = 10.0,
    policy: PolicyFile = None,
    seed: OneSeed = None,
    replication: Replication = 0,
    overrides: Overrides = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the figures here."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Play a scenario live and in the simulator, with the same fates, and compare.

    Exit code 0: they agree; 1: they disagree; 2: bad input.
    """
    with told():
        scene = asked_scene(
            scenario, overrides, policy=policy, seed=seed, replication=replication, speed=speed
        )
        record = _agree(scene, target=target, json_file=json_file, quiet=quiet)
    if not record["agrees"]:
        raise typer.Exit(FAIL)


def _agree(scene: Any, *, target: Target, json_file: Path | None, quiet: bool) -> dict[str, Any]:
    import tempfile

    from loadtests.agreement import agreement
    from loadtests.live import check, play

    check(scene, target.value)
    check_writable(json_file)
    with (
        tempfile.TemporaryDirectory(prefix="open-balancer-") as meeting,
        progress(quiet=quiet) as bar,
    ):
        work = Path(meeting)
        played = play(
            scene,
            target=target.value,
            work=work,
            progress=bar(scene.source),
            say=None if quiet else note,
        )
        record = agreement(played, work, again(scene, target, (), "agree"))
    write_too(json_file, record)
    if not quiet:
        from reports.agreement import agreement_tables
        from reports.console import show

        show(agreement_tables(record), sys.stdout)
    return record
