"""`open-balancer backtest`: what other policies would have made of what a service saw."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..records.folders import run_folder
from .asked import command_words
from .endings import INCONCLUSIVE, told
from .fit import Journals, fitted_scenario
from .json_file import check_writable, write_too
from .options import Cluster, OneSeed, Quiet, Workers
from .progress import progress
from .workers import asked_workers

__all__ = ["backtest"]

REPLICATIONS = 10


def backtest(
    journals: Journals,
    policies: Annotated[
        list[Path],
        typer.Option(
            "--policy", metavar="FILE", help="A candidate. May be repeated.", show_default=False
        ),
    ],
    replications: Annotated[
        int, typer.Option(metavar="N", min=2, max=10_000, help="Independent runs of each.")
    ] = REPLICATIONS,
    seed: OneSeed = None,
    workers: Workers = None,
    cluster: Cluster = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Directory for report, backtest.json and scenario.",
            show_default="balancer-reports/backtest-TIME",
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write backtest.json here too.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Fit a scenario to journals, and run policies on it beside the one that was live.

    Exit code 0: the fit reproduces what happened; 2: bad input; 3: it does not, so that nothing
    of the rest is to be trusted.
    """
    with told():
        from ..installation import require

        require(extras=("sim", "report"))
        with run_folder(out, "backtest") as folder:
            trustworthy = _backtest(
                journals,
                policies,
                replications=replications,
                seed=seed,
                workers=workers,
                cluster=cluster,
                out=folder,
                json_file=json_file,
                quiet=quiet,
            )
    if not trustworthy:
        raise typer.Exit(INCONCLUSIVE)


def _backtest(
    journals: Sequence[Path],
    policies: Sequence[Path],
    *,
    replications: int,
    seed: int | None,
    workers: int | None,
    cluster: str | None,
    out: Path,
    json_file: Path | None,
    quiet: bool,
) -> bool:
    """Backtest into one directory; whether the fit is to be trusted."""
    from balancer.records.backtest import BACKTEST
    from balancer.records.files import write_json
    from reports.backtest.page import write_backtest_report
    from reports.backtest.tables import backtest_tables
    from reports.console import show
    from sim.backtesting.backtest import backtest as run
    from sim.backtesting.backtest import check_candidates
    from sim.fitting.fit import fit_journal
    from sim.fitting.scenario_text import slug
    from sim.study.report_directory import FITTED, report_directory

    from ..policy_file import load_policy

    check_writable(json_file, [*journals, *policies])
    candidates = [load_policy(path) for path in policies]
    with asked_workers(workers, cluster) as hands:
        fit = fit_journal(journals)
        check_candidates(fit, candidates)
        text, scenario = fitted_scenario(fit, slug(Path(journals[0]).name.split(".")[0]))
        if seed is not None:
            scenario = scenario.model_copy(update={"seed": seed})
        command = command_words(
            "backtest",
            {"--replications": replications, "--seed": scenario.seed},
            [*map(str, journals), *(word for path in policies for word in ("--policy", str(path)))],
        )
        with report_directory(out, [*journals, *policies]) as work, progress(quiet=quiet) as bar:
            record = run(
                fit,
                scenario,
                candidates,
                replications=replications,
                workers=hands,
                command=command,
                progress=bar,
            )
            (work / FITTED).write_text(text, encoding="utf-8", newline="\n")
            write_json(work / BACKTEST.file, record)
            write_backtest_report(work)
    write_too(json_file, record)
    if not quiet:
        show(backtest_tables(BACKTEST.read(out)), sys.stdout)
        typer.echo(f"report: {out / 'report.html'}; scenario: {out / FITTED}")
    return bool(record["trustworthy"])
