"""`open-balancer run`: scenarios with the controller and without, and a verdict."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import InputError
from ..records.folders import run_folder
from .asked import asked
from .endings import FAIL, INCONCLUSIVE, kept, told
from .json_file import check_writable, write_too
from .options import Cluster, OneSeed, Overrides, PolicyFile, Quiet, Replications, Workers
from .progress import Finished, beforehand, progress
from .telemetry import Export, OtlpProtocol
from .warned import policy_given, warn_of, warn_of_traffic
from .workers import asked_workers

if TYPE_CHECKING:
    from scenarios.loader import Loaded

__all__ = ["run"]

MAIN_SCENARIO = "conversation_overload"
REPORT = "report.html"
_LAST = ("pass", "inconclusive", "fail")

Starts = Mapping[str, datetime | None]
"""Wall time of second 0 of each scenario, where it says so."""


def run(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCENARIO",
            help=f"Names from the library, or files. Without any: {MAIN_SCENARIO}.",
            show_default=False,
        ),
    ] = None,
    policy: PolicyFile = None,
    replications: Replications = None,
    seed: OneSeed = None,
    overrides: Overrides = None,
    workers: Workers = None,
    cluster: Cluster = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Directory for report, verdict and journals.",
            show_default="balancer-reports/run-TIME",
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write verdict.json here too."),
    ] = None,
    otlp: Export = None,
    otlp_protocol: OtlpProtocol = None,
    shift_to_now: Annotated[
        bool,
        typer.Option("--shift-to-now", help="With --otlp: the exported run ends now."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Simulate scenarios with the controller and without, and judge whether the policy holds.

    Exit code 0: it holds; 1: it fails; 2: bad input, or nobody takes what --otlp would send;
    3: more replications are needed to tell.
    """
    with told():
        from ..installation import require

        _check_export(otlp, otlp_protocol, shift_to_now=shift_to_now)
        require(extras=("sim", "report", *(("telemetry",) if otlp else ())))
        send = None if otlp is None else _sender(otlp, otlp_protocol, shift_to_now=shift_to_now)
        with run_folder(out, "run") as folder:
            outcomes, starts = _run(
                scenarios or [MAIN_SCENARIO],
                policy_file=policy,
                replications=replications,
                seed=seed,
                overrides=overrides or [],
                workers=workers,
                cluster=cluster,
                out=folder,
                json_file=json_file,
                quiet=quiet,
            )
            if send is not None:
                send(folder, starts, quiet)
    if "fail" in outcomes:
        raise typer.Exit(FAIL)
    if "inconclusive" in outcomes:
        raise typer.Exit(INCONCLUSIVE)


def _run(
    sources: Sequence[str],
    *,
    policy_file: Path | None,
    replications: int | None,
    seed: int | None,
    overrides: Sequence[str],
    workers: int | None,
    cluster: str | None,
    out: Path,
    json_file: Path | None,
    quiet: bool,
) -> tuple[list[str], Starts]:
    """Run scenarios into one directory; the verdict of each, and when it starts."""
    from balancer.records.verdict import VERDICT, read_verdicts
    from reports.run.page import write_report
    from sim.study.experiment import run_scenario
    from sim.study.record import keep_journals, write_records
    from sim.study.report_directory import report_directory

    from ..policy_file import load_policy

    given = policy_given(policy_file, quiet=quiet) if policy_file is not None else None
    loaded = asked(sources, overrides)
    policies = [given or own or load_policy() for _, own in loaded]
    check_writable(json_file, [*sources, policy_file])
    if not quiet:
        warn_of(policies)
        # What a scenario brings is made for it.
        warn_of_traffic(
            (policy, each.scenario)
            for policy, each in zip(policies, loaded, strict=True)
            if policy is not each.policy
        )
    records: list[Mapping[str, Any]] = []
    with report_directory(out, [*sources, policy_file]) as work, progress(quiet=quiet) as bar:
        with kept(lambda: records) as interruption, asked_workers(workers, cluster) as hands:
            beforehand(_simulated_s(loaded, replications), hands.size, quiet=quiet)
            line = Finished(sources, quiet=quiet)
            for source, (scenario, _), policy in zip(sources, loaded, policies, strict=True):
                result = run_scenario(
                    scenario,
                    policy,
                    replications=replications,
                    seed=seed,
                    workers=hands,
                    out=work,
                    command=_again(source, policy_file, overrides),
                    progress=bar(scenario.scenario, scenario.duration),
                )
                records.append(result.record)
                line(scenario.scenario, result.verdict)
        missing = [scenario.scenario for scenario, _ in loaded[len(records) :]]
        if missing:
            keep_journals(work, records)
        write_records(work / VERDICT.file, records)
        write_report(work, missing)
    write_too(json_file, records)
    if not quiet:
        from reports.console import show
        from reports.run.terminal import verdict_tables

        # Who reads a log reads its end: there stands what failed.
        ordered = sorted(read_verdicts(out), key=lambda each: _LAST.index(each.verdict))
        show(verdict_tables(ordered), sys.stdout)
        typer.echo(f"report: {out / REPORT}")
    interruption.end(missing)
    starts = {scenario.scenario: scenario.start for scenario, _ in loaded}
    return [record["verdict"] for record in records], starts


def _simulated_s(loaded: Sequence[Loaded], replications: int | None) -> float:
    from sim.run.result import ARMS

    return sum(
        len(ARMS) * (replications or each.scenario.replications) * each.scenario.duration
        for each in loaded
    )


def _again(source: str, policy_file: Path | None, overrides: Sequence[str]) -> list[str]:
    """Words of a command that runs one scenario of this one again."""
    words = ["open-balancer", "run", source]
    if policy_file is not None:
        words += ["--policy", str(policy_file)]
    for override in overrides:
        words += ["--set", override]
    return words


def _check_export(otlp: str | None, protocol: str | None, *, shift_to_now: bool) -> None:
    """Refuse what would have no effect."""
    given = {"--otlp-protocol": protocol is not None, "--shift-to-now": shift_to_now}
    for name, is_given in given.items():
        if is_given and otlp is None:
            raise InputError("says how to send telemetry, but not where to: add --otlp", where=name)


def _sender(
    endpoint: str, protocol: str | None, *, shift_to_now: bool
) -> Callable[[Path, Starts, bool], None]:
    """What sends the journals of a directory over OTLP, once they are there."""
    from ..adapters.telemetry.destination import destination
    from ..adapters.telemetry.simulated import probe

    # Before anything runs: a protocol that there is not, or an address where nobody listens, must
    # not cost a run.
    to = destination(endpoint, protocol)
    probe(to)

    def send(directory: Path, starts: Starts, quiet: bool) -> None:
        from balancer.records.verdict import read_verdicts

        from ..adapters.telemetry.simulated import send_journal

        now = datetime.now(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        for verdict in read_verdicts(directory):
            start = starts.get(verdict.scenario) or midnight
            for name in verdict.journals.values():
                try:
                    sent = send_journal(
                        directory / name,
                        to,
                        starts_ns=_unix_ns(start),
                        ends_ns=_unix_ns(now) if shift_to_now else None,
                        scenario=verdict.scenario,
                    )
                except InputError as error:
                    # The verdict is there, and is what was asked: it ends the command.
                    typer.echo(f"warning: {error}; the report is {directory / REPORT}", err=True)
                    return
                if not quiet:
                    typer.echo(
                        f"{verdict.scenario}, {sent.arm}: {sent.reports} reports of metrics and "
                        f"{sent.spans} spans sent to {to.name}"
                    )

    return send


def _unix_ns(moment: datetime) -> int:
    # Nanoseconds of today do not fit a float, microseconds do.
    return int(moment.timestamp() * 1e6) * 1_000
