"""`open-balancer compare`: the laws beside each other on the same requests."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..records.folders import run_folder
from .asked import asked, command_words
from .endings import kept, told
from .json_file import check_writable, write_too
from .options import Cluster, LibraryScenarios, Quiet, Replications, Seed, Workers
from .progress import Finished, beforehand, progress
from .workers import asked_workers

__all__ = ["compare"]


def compare(
    scenarios: LibraryScenarios = None,
    laws: Annotated[
        str | None,
        typer.Option(
            metavar="LAW,...", help="Laws to compare. Without it: all.", show_default=False
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Rules and modes, instead of the scenario's or the default policy's.",
        ),
    ] = None,
    replications: Replications = None,
    seed: Seed = None,
    workers: Workers = None,
    cluster: Cluster = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Directory for report and comparison.json.",
            show_default="balancer-reports/compare-TIME",
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write comparison.json here too."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Compare the default law with those one would use otherwise, on the same requests."""
    with told():
        from ..installation import require

        require(extras=("sim", "report"))
        with run_folder(out, "compare") as folder:
            _compare(
                scenarios or [],
                laws=laws,
                policy_file=policy,
                replications=replications,
                seed=seed,
                workers=workers,
                cluster=cluster,
                out=folder,
                json_file=json_file,
                quiet=quiet,
            )


def _compare(
    sources: Sequence[str],
    *,
    laws: str | None,
    policy_file: Path | None,
    replications: int | None,
    seed: int | None,
    workers: int | None,
    cluster: str | None,
    out: Path,
    json_file: Path | None,
    quiet: bool,
) -> None:
    """Compare laws into one directory."""
    from balancer.records.comparison import COMPARISON
    from balancer.records.files import write_json
    from reports.comparison.page import write_comparison_report
    from reports.comparison.tables import comparison_tables
    from reports.console import show
    from scenarios.loader import library
    from sim.study.compare import LawComparison, contest
    from sim.study.compared_laws import chosen_laws
    from sim.study.report_directory import report_directory

    from ..policy_file import load_policy

    check_writable(json_file, [*sources, policy_file])
    given = None if policy_file is None else load_policy(policy_file)
    loaded = asked(sources or list(library()))
    comparison = LawComparison(
        [
            contest(scenario, given or own or load_policy(), replications=replications, seed=seed)
            for scenario, own in loaded
        ],
        chosen_laws(laws),
    )
    options = {
        "--laws": laws,
        "--policy": policy_file,
        "--replications": replications,
        "--seed": seed,
    }
    with report_directory(out, [*sources, policy_file]) as work, progress(quiet=quiet) as bar:
        with (
            kept(lambda: comparison.finished) as interruption,
            asked_workers(workers, cluster) as hands,
        ):
            beforehand(comparison.simulated_s, hands.size, quiet=quiet)
            line = Finished(comparison.missing, quiet=quiet)
            comparison.run(
                workers=hands, progress=bar("runs"), told=lambda name: line(name, "compared")
            )
        record = comparison.record(command_words("compare", options, sources))
        write_json(work / COMPARISON.file, record)
        write_comparison_report(work)
    write_too(json_file, record)
    if not quiet:
        show(comparison_tables(COMPARISON.read(out)), sys.stdout)
        typer.echo(f"report: {out / 'report.html'}")
    interruption.end(comparison.missing)
