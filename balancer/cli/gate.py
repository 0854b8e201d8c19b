"""`open-balancer gate`: whether a policy may replace another."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..records.folders import run_folder
from .asked import asked, command_words
from .endings import FAIL, INCONCLUSIVE, PASS, kept, told
from .options import Cluster, LibraryScenarios, Quiet, Seed, Workers
from .progress import Finished, beforehand, progress
from .warned import warn_of_traffic
from .workers import asked_workers

__all__ = ["gate"]


def gate(
    candidate: Annotated[
        Path, typer.Option(metavar="POLICY", help="The policy that may replace the baseline.")
    ],
    scenarios: LibraryScenarios = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="POLICY",
            help="The policy in use. Without it: the default policy.",
            show_default=False,
        ),
    ] = None,
    margin: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC=AMOUNT,...",
            help="How much worse the candidate may be: availability=0.1pp,cost=2%.",
            show_default=False,
        ),
    ] = None,
    replications_max: Annotated[
        int | None,
        typer.Option(metavar="N", min=10, help="Pairs of runs of a scenario, at most: 640."),
    ] = None,
    seed: Seed = None,
    workers: Workers = None,
    cluster: Cluster = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Directory for report and gate.json.",
            show_default="balancer-reports/gate-TIME",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Decide whether a policy may replace another, from both on the same requests.

    Exit code 0: it is worse by no more than the margins; 1: it is worse; 2: bad input; 3: the
    replications do not tell.
    """
    with told():
        from ..installation import require

        require(extras=("sim", "report"))
        with run_folder(out, "gate") as folder:
            verdict = _gate(
                scenarios or [],
                baseline_file=baseline,
                candidate_file=candidate,
                margin=margin,
                replications_max=replications_max,
                seed=seed,
                workers=workers,
                cluster=cluster,
                out=folder,
                quiet=quiet,
            )
    raise typer.Exit({"pass": PASS, "fail": FAIL}.get(verdict, INCONCLUSIVE))


def _gate(
    sources: Sequence[str],
    *,
    baseline_file: Path | None,
    candidate_file: Path,
    margin: str | None,
    replications_max: int | None,
    seed: int | None,
    workers: int | None,
    cluster: str | None,
    out: Path,
    quiet: bool,
) -> str:
    """Gate a policy into one directory; the verdict."""
    from balancer.records.files import write_json
    from balancer.records.gate import GATE
    from reports.console import show
    from reports.gate.page import write_gate_report
    from reports.gate.terminal import gate_tables
    from scenarios.loader import library
    from sim.study.gate import Gate
    from sim.study.gate_record import gate_record
    from sim.study.margins import DEFAULT_MARGINS, parse_margins
    from sim.study.report_directory import report_directory
    from sim.study.sequential import LAST_LOOK

    from ..policy_file import load_policy

    scenarios = [each.scenario for each in asked(sources or list(library()))]
    pair = Gate(
        scenarios,
        baseline=load_policy(baseline_file),
        candidate=load_policy(candidate_file),
        margins=parse_margins(DEFAULT_MARGINS if margin is None else margin),
        replications_max=LAST_LOOK if replications_max is None else replications_max,
        seed=seed,
    )
    options = {
        "--candidate": candidate_file,
        "--baseline": baseline_file,
        "--margin": margin,
        "--replications-max": replications_max,
        "--seed": seed,
    }
    inputs = [*sources, baseline_file, candidate_file]
    with report_directory(out, inputs) as work, progress(quiet=quiet) as bar:
        if not quiet:
            policies = (pair.baseline, pair.candidate)
            warn_of_traffic((policy, each) for policy in policies for each in scenarios)
        with kept(lambda: pair.looked_at) as interruption, asked_workers(workers, cluster) as hands:
            beforehand(pair.simulated_s, hands.size, quiet=quiet, at_least=True)
            line = Finished([each.scenario for each in pair.scenarios], quiet=quiet)
            pair.run(
                workers=hands,
                progress=bar("scenarios decided"),
                told=lambda each: line(each.scenario.scenario, each.verdict),
            )
        record = gate_record(
            pair,
            baseline_file=baseline_file,
            candidate_file=candidate_file,
            command=command_words("gate", options, sources),
        )
        write_json(work / GATE.file, record)
        write_gate_report(work)
    if not quiet:
        show(gate_tables(GATE.read(out)), sys.stdout)
        typer.echo(f"report: {out / 'report.html'}")
    interruption.end(pair.missing)
    return pair.verdict
