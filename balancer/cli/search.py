"""`open-balancer search`: the mildest faults under which a policy misses a goal."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ..records.folders import mark_latest, run_folder
from .endings import FAIL, INTERRUPTED, told
from .options import Quiet
from .progress import progress
from .whole_files import check_directory, write_whole

__all__ = ["search"]

FOUND = "found.yaml"


def search(
    policy: Annotated[Path, typer.Argument(help="A policy file.")],
    goal: Annotated[
        str,
        typer.Option(
            metavar="GOAL",
            help="What to look for: 'availability < 99%', 'transitions > 2', 'mode > soft', harm.",
        ),
    ],
    scenario: Annotated[
        str, typer.Option(metavar="SCENARIO", help="Name or file; faults are added to it.")
    ] = "steady",
    examples: Annotated[
        int, typer.Option(metavar="N", min=1, help="Timelines drawn; shrinking tries more.")
    ] = 60,
    faults: Annotated[int, typer.Option(metavar="N", min=1, max=10, help="Most at once.")] = 2,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Kind of fault to try: latency, error, hang. May be repeated.",
            show_default=False,
        ),
    ] = None,
    replications: Annotated[
        int, typer.Option(metavar="N", min=2, max=1000, help="Independent runs of each timeline.")
    ] = 5,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Of the search.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Directory for the scenario, found.yaml.",
            show_default="balancer-reports/search-TIME",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Look for the mildest faults under which a policy misses a goal; write them as a scenario.

    Exit code 0: nothing was found; 1: something was; 2: bad input; 130: interrupted.
    """
    with told():
        from ..installation import require

        require(extras=("sim", "test"))
        from scenarios.loader import load
        from sim.study.found_scenario import check_replaceable, found_scenario, summary
        from sim.study.search import bounds_for
        from sim.study.search import search as look
        from sim.study.search_goal import broken_by

        from ..policy_file import load_policy

        tried, base = load_policy(policy), load(scenario).scenario
        broken, bounds = broken_by(goal), bounds_for(base, most=faults, kinds=kinds or ())
        with run_folder(out, "search") as folder:
            file = folder / FOUND
            check_directory(folder)
            check_replaceable(file)
            with progress(quiet=quiet) as bar:
                worst = look(
                    base,
                    tried,
                    broken,
                    bounds,
                    examples=examples,
                    replications=replications,
                    seed=seed,
                    progress=bar("timelines"),
                )
            if worst.timeline is not None:
                words = ["open-balancer", "search", str(policy), "--goal", goal]
                words += ["--scenario", scenario, "--examples", str(examples), "--seed", str(seed)]
                words += ["--faults", str(faults), "--replications", str(replications)]
                for kind in kinds or ():
                    words += ["--kind", kind]
                text = found_scenario(
                    scenario,
                    base,
                    worst,
                    broken,
                    policy=policy,
                    goal=goal,
                    command=shlex.join(words),
                    out=file,
                )
                write_whole(folder, {FOUND: text})
                mark_latest(folder)
    if not quiet:
        typer.echo(summary(worst, bounds, goal))
        if worst.timeline is not None:
            see = shlex.join(["open-balancer", "run", str(file)])
            typer.echo(f"scenario: {file}; see it: {see}")
    if not worst.complete:
        raise typer.Exit(INTERRUPTED)
    if worst.timeline is not None:
        raise typer.Exit(FAIL)
