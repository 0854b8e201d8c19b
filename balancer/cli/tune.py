"""`open-balancer tune`: which thresholds to run, found by search."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .asked import asked, command_words
from .endings import FAIL, told
from .options import Cluster, Quiet, Seed, Workers
from .progress import CORE_S_PER_HOUR, progress
from .warned import warn, warn_of_check
from .workers import asked_workers

if TYPE_CHECKING:
    from sim.tuning.asked import Asked
    from sim.tuning.tune import Tuned
    from sim.workers.pool import Workers as PoolWorkers

__all__ = ["tune"]

KNEE = "knee"
_NO_FAULT = (
    "no scenario has a fault: a policy can be tuned for availability and latency only on what goes "
    "wrong; add the faults you fear"
)


def tune(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SCENARIO]...",
            help=(
                "Names from the library, or files: what matters. Without any: the library's faults "
                "of an hour."
            ),
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="BASE",
            help="Policy to tune. Without it: the default policy.",
            show_default=False,
        ),
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What to tune, and between which values.", show_default=False
        ),
    ] = None,
    objective: Annotated[
        str,
        typer.Option(
            metavar="METRIC,...", help="What is to be better: cost,quality,latency_p95,utility."
        ),
    ] = "cost,quality",
    constraint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BOUND",
            help="What every scenario keeps: 'availability >= 99.5%', 'availability >= today'.",
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Policies to try, in whole dozens: 60.")
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="About how long it may take: 10m.", show_default=False),
    ] = None,
    sampler: Annotated[str, typer.Option(metavar="NAME", help="nsga2 or tpe.")] = "nsga2",
    holdout: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCENARIO",
            help="Judge on it, and do not tune on it. May be repeated; none: tune on all.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Directory for study, front and report.")
    ] = Path("balancer-reports/tuning"),
    seed: Seed = None,
    workers: Workers = None,
    cluster: Cluster = None,
    choose: Annotated[
        str | None,
        typer.Option(
            metavar="WHICH",
            help="Write candidate.yaml: knee, or a policy's number in the table.",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Search for the policies that trade the objectives best; write them, ready for the gate.

    Exit code 0: there is a front; 1: no policy keeps the constraints; 2: bad input; 130:
    interrupted, and the same command goes on.
    """
    options = {
        "--policy": policy,
        "--space": space,
        "--objective": objective,
        "--trials": trials,
        "--time": time,
        "--sampler": sampler,
        "--seed": seed,
        "--out": out,
    }
    with told():
        from ..installation import require

        require(extras=("sim", "report", "tune"))
        from sim.tuning.asked import NONE, usual

        words = command_words("tune", options, scenarios or [])
        for name, values in (("--constraint", constraint), ("--holdout", holdout)):
            for value in values or ():
                words += [name, value]
        wanted = _chosen(choose)
        sources = scenarios or usual()
        request = _asked(
            sources,
            policy=policy,
            space=space,
            objective=objective,
            constraints=constraint or [],
            trials=trials,
            time=time,
            sampler=sampler,
            holdout=holdout,
            seed=seed,
        )
        gate = ["open-balancer", "gate", *([] if policy is None else ["--baseline", str(policy)])]
        named = dict.fromkeys((*sources, *(holdout or ())))
        gate += [each for each in named if each != NONE]
        with asked_workers(workers, cluster) as hands:
            if not quiet:
                if not any(each.faults for each in (*request.scenarios, *request.held_out)):
                    warn(_NO_FAULT)
                typer.echo(_beforehand(request, hands.size))
            tuned = _tune(
                request,
                out,
                inputs=[*sources, *(holdout or ()), policy, space],
                workers=hands,
                choose=wanted,
                quiet=quiet,
                command=words,
                gate=gate,
            )
    if not tuned.tuning.front:
        raise typer.Exit(FAIL)


def _beforehand(request: Asked, cores: int) -> str:
    """What it will take."""
    from sim.tuning.tune import drawn, simulated_s

    on = f"scenarios: {len(request.scenarios)} to tune on, {len(request.held_out)} held out"
    if request.limit_s is not None:
        return f"{on}; about {request.limit_s / 60.0:.3g} minutes, as asked for"
    hours = simulated_s(request) / 3600.0
    minutes = hours * CORE_S_PER_HOUR / cores / 60.0
    return (
        f"{on}; {drawn(request)} trials (whole dozens), at most {hours:,.0f} "
        f"simulated hours, about {max(minutes, 0.1):.2g} minutes of "
        f"{cores} quiet core{'s' if cores > 1 else ''}"
    )


def _chosen(choose: str | None) -> int | None:
    """Place in the front, from 1; 0: the knee; None: nothing is chosen."""
    from ..core.errors import InputError

    if choose is None or choose == KNEE:
        return None if choose is None else 0
    # As many digits as any front has; Python reads no number of thousands of them.
    if not (choose.isdecimal() and len(choose) <= 9 and int(choose) >= 1):
        raise InputError(
            f"found {choose[:40]!r}, expected knee or a policy's number in the table, from 1",
            where="--choose",
        )
    return int(choose)


def _asked(
    sources: Sequence[str],
    *,
    policy: Path | None,
    space: Path | None,
    objective: str,
    constraints: Sequence[str],
    trials: int | None,
    time: str | None,
    sampler: str,
    holdout: Sequence[str] | None,
    seed: int | None,
) -> Asked:
    """Everything that was asked for, checked before anything runs."""
    from sim.tuning.asked import NONE, TRIALS, Asked, split
    from sim.tuning.constraints import parse_constraints
    from sim.tuning.default_space import default_space
    from sim.tuning.fields import policy_fields
    from sim.tuning.objectives import parse_objectives
    from sim.tuning.space import read_space
    from sim.tuning.study import SAMPLERS

    from ..core.errors import InputError, PolicyError, nearest
    from ..documents import read_text
    from ..units import parse_seconds

    if trials is not None and time is not None:
        raise InputError("found --trials and --time, expected one of them")
    if sampler not in SAMPLERS:
        raise InputError(
            f"found {sampler!r}, expected one of {', '.join(SAMPLERS)}{nearest(sampler, SAMPLERS)}",
            where="--sampler",
        )
    try:
        limit_s = None if time is None else parse_seconds(time)
    except ValueError as error:
        raise InputError(str(error), where="--time") from None
    text = None if policy is None else read_text(policy, PolicyError)
    base = None if policy is None else policy.parent
    fields = policy_fields(text, str(policy), base=base)
    held = None if holdout is None else [each for each in holdout if each != NONE]
    every = list(dict.fromkeys((*sources, *(held or ()))))
    loaded = dict(zip(every, (each.scenario for each in asked(every)), strict=True))
    tuned_on, held_out, how = split(
        [loaded[each] for each in dict.fromkeys(sources)],
        None if held is None else [loaded[each] for each in dict.fromkeys(held)],
    )
    return Asked(
        scenarios=tuned_on,
        held_out=held_out,
        split=how,
        space=default_space(fields) if space is None else read_space(space, fields),
        objectives=parse_objectives(objective),
        constraints=parse_constraints(constraints),
        trials=TRIALS if trials is None else trials,
        limit_s=limit_s,
        sampler=sampler,
        seed=seed,
    )


def _tune(
    request: Asked,
    out: Path,
    *,
    inputs: Sequence[str | Path | None],
    workers: PoolWorkers,
    choose: int | None,
    quiet: bool,
    command: Sequence[str],
    gate: Sequence[str],
) -> Tuned:
    """Tune into one directory, where the study is from the beginning."""
    from balancer.records.files import write_json
    from balancer.records.tuning import TUNING
    from reports.console import show
    from reports.tuning.page import write_tuning_report
    from reports.tuning.terminal import tuning_tables
    from sim.study.report_directory import STUDY, report_directory
    from sim.tuning.explanation import explained
    from sim.tuning.policy_files import CHOSEN, write_policies
    from sim.tuning.tune import tune as search

    from ..core.errors import InputError

    with report_directory(out, inputs) as work, progress(quiet=quiet) as bar:
        out.mkdir(exist_ok=True)
        with _kept(out / STUDY):
            study = search(request, out / STUDY, workers=workers, progress=bar)
            front = study.tuning.front
            there = choose is not None and choose <= len(front) and bool(front)
            place = choose - 1 if there and choose else study.tuning.knee
            files = write_policies(study.tuning, work, place if there else None)
            last: list[str] = []
            if front and front[place].trial >= 0:
                file = CHOSEN if there else files[front[place].trial]
                last = [*gate[:2], "--candidate", str(out / file), *gate[2:]]
            record = explained(
                study,
                request.space,
                chosen=place,
                files=files,
                command=command,
                gate=last,
                workers=workers,
                progress=bar,
            )
        shutil.copy(out / STUDY, work / STUDY)
        write_json(work / TUNING.file, record)
        write_tuning_report(work)
    if not quiet:
        show(tuning_tables(TUNING.read(out)), sys.stdout)
        for line in _last_words(study, out, place, last):
            typer.echo(line)
        if there or last:
            name = CHOSEN if there else files[front[place].trial]
            warn_of_check(front[place].policy, str(out / name))
    if front and choose is not None and not there:
        raise InputError(
            f"the front has {len(front)} policies, and none with the number {choose}; everything "
            f"but {CHOSEN} is written",
            where="--choose",
        )
    return study


@contextmanager
def _kept(study: Path) -> Iterator[None]:
    """Say that an interrupted study goes on."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if study.exists():
            typer.echo(f"study kept: {study}; the same command goes on with it", err=True)
        raise


def _last_words(found: Tuned, out: Path, place: int, gate: Sequence[str]) -> Iterator[str]:
    """What is to be known besides the table; the last line is what to do next."""
    front = found.tuning.front
    for text in found.notes(place if front else None):
        yield f"note: {text}"
    yield (
        f"note: every interval is of {found.tuning.replications} replications: --trials or --time "
        "tries more policies, and the gate runs as many replications as a verdict needs"
    )
    yield f"report: {out / 'report.html'}"
    if gate:
        yield f"next: {shlex.join(gate)}"
    elif front:
        yield "next: keep today's policy: no other trades the objectives better"
