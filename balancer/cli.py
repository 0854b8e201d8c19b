"""The command `open-balancer`: the one place that puts library and harness together.

Exit codes: 0 the policy holds (or there was nothing to judge), 1 it fails, 2 bad input,
3 inconclusive, 130 interrupted, 143 terminated. Whatever is slow to import is imported inside
the command that needs it, so that `--help` answers at once and works without the extras.
"""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from .core.errors import BalancerError, InputError
from .version import VERSION

if TYPE_CHECKING:
    from .core.policy import Policy
    from .core.replay import Difference, Replay

__all__ = ["app", "main"]

PASS, FAIL, BAD_INPUT, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 130

MAIN_SCENARIO = "conversation_overload"
MOST_SPANS = 20
"""Most differences that a replay lists."""

app = typer.Typer(
    name="open-balancer",
    help="Keeps Gemini-powered applications answering, fast and inside budget.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
policy_app = typer.Typer(help="Look at policies.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")


def main() -> None:
    """Run the command."""
    # Pipelines cancel with SIGTERM; unwinding takes away what is half-written.
    signal.signal(signal.SIGTERM, _terminated)
    app(prog_name="open-balancer")


def _terminated(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what can go wrong into one message and an exit code; bugs keep their traceback."""
    try:
        yield
    except BalancerError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None


# Options that several commands share, word for word.
Workers = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Processes. The result does not depend on it."),
]
Seed = Annotated[
    int | None,
    typer.Option(metavar="S", min=0, max=2**63 - 1, help="Instead of the scenarios'."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
LibraryScenarios = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SCENARIO",
        help="Names from the library, or files. Without any: the whole library.",
        show_default=False,
    ),
]


@app.command()
def run(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCENARIO",
            help=f"Names from the library, or files. Without any: {MAIN_SCENARIO}.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Policy to try, instead of the scenario's or ours."),
    ] = None,
    replications: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Independent runs, instead of the scenario's."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="S", min=0, max=2**63 - 1, help="Instead of the scenario's."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a key of the scenarios: workload.arrivals.rate=20. May be repeated.",
            show_default=False,
        ),
    ] = None,
    workers: Workers = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Directory for report, verdict and journals.")
    ] = Path("balancer-report"),
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write verdict.json here too."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Simulate scenarios with and without the controller, and judge whether the policy holds.

    Exit code 0: it holds; 1: it fails; 2: bad input; 3: more replications are needed to tell.
    """
    with _told():
        from .installation import require

        require(extras=("sim", "report"))
        outcomes = _run(
            scenarios or [MAIN_SCENARIO],
            policy_file=policy,
            replications=replications,
            seed=seed,
            overrides=overrides or [],
            workers=workers,
            out=out,
            json_file=json_file,
            quiet=quiet,
        )
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
    out: Path,
    json_file: Path | None,
    quiet: bool,
) -> list[str]:
    """Run scenarios into one directory; the verdict of each."""
    from reports.html import write_report
    from reports.verdicts import read_verdicts
    from scenarios.loader import load
    from sim.experiment import run_scenario
    from sim.record import keep_journals, write_records
    from sim.report_directory import VERDICTS, report_directory

    from .policy_file import load_policy

    # Every input is read before anything runs: a mistake in the last must not cost the first.
    given = load_policy(policy_file) if policy_file is not None else None
    loaded = [load(source, overrides) for source in sources]
    _check_writable(json_file)
    records: list[Mapping[str, Any]] = []
    missing: list[str] = []
    interrupt: BaseException | None = None
    with report_directory(out) as work, _progress(quiet=quiet) as bar:
        try:
            for source, (scenario, own) in zip(sources, loaded, strict=True):
                result = run_scenario(
                    scenario,
                    given or own or load_policy(),
                    replications=replications,
                    seed=seed,
                    workers=workers,
                    out=work,
                    command=_again(source, policy_file, overrides),
                    progress=bar(scenario.scenario),
                )
                records.append(result.record)
        except (KeyboardInterrupt, SystemExit) as error:
            # What is finished took its time: it is written, and says what is missing.
            if not records:
                raise
            interrupt = error
            missing = [scenario.scenario for scenario, _ in loaded[len(records) :]]
            keep_journals(work, records)
        write_records(work / VERDICTS, records)
        write_report(work, missing)
    if json_file is not None:
        try:
            write_records(json_file, records)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=str(json_file)) from None
    if not quiet:
        from reports.console import show
        from reports.terminal import verdict_tables

        show(verdict_tables(read_verdicts(out)), sys.stdout)
        typer.echo(f"report: {out / 'report.html'}")
    if interrupt is not None:
        typer.echo(f"not finished: {', '.join(missing)}", err=True)
        raise interrupt
    return [record["verdict"] for record in records]


def _again(source: str, policy_file: Path | None, overrides: Sequence[str]) -> list[str]:
    """Words of a command that runs one scenario of this one again."""
    words = ["open-balancer", "run", source]
    if policy_file is not None:
        words += ["--policy", str(policy_file)]
    for override in overrides:
        words += ["--set", override]
    return words


@app.command()
def gate(
    candidate: Annotated[
        Path, typer.Option(metavar="POLICY", help="The policy that may replace the baseline.")
    ],
    scenarios: LibraryScenarios = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="POLICY", help="The policy in use. Without it: ours.", show_default=False
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
        typer.Option(metavar="N", min=2, help="Pairs of runs of a scenario, at most: 320."),
    ] = None,
    seed: Seed = None,
    workers: Workers = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Directory for report and gate.json.")
    ] = Path("balancer-gate"),
    quiet: Quiet = False,
) -> None:
    """Decide whether a policy may replace another, from both on the same requests.

    Exit code 0: it is worse by no more than the margins; 1: it is worse; 2: bad input; 3: the
    replications do not tell.
    """
    with _told():
        from .installation import require

        require(extras=("sim", "report"))
        verdict = _gate(
            scenarios or [],
            baseline_file=baseline,
            candidate_file=candidate,
            margin=margin,
            replications_max=replications_max,
            seed=seed,
            workers=workers,
            out=out,
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
    out: Path,
    quiet: bool,
) -> str:
    """Gate a policy into one directory; the verdict."""
    from reports.console import show
    from reports.gate_page import write_gate_report
    from reports.gates import read_gate
    from reports.terminal_gate import gate_tables
    from scenarios.loader import library, load
    from sim.gate import Gate
    from sim.gate_record import gate_record
    from sim.json_values import write_json
    from sim.margins import DEFAULT_MARGINS, parse_margins
    from sim.report_directory import GATE, report_directory
    from sim.sequential import LAST_LOOK

    from .policy_file import load_policy

    pair = Gate(
        [load(source).scenario for source in sources or library()],
        baseline=load_policy(baseline_file),
        candidate=load_policy(candidate_file),
        margins=parse_margins(DEFAULT_MARGINS if margin is None else margin),
        replications_max=LAST_LOOK if replications_max is None else replications_max,
        seed=seed,
    )
    words = ["open-balancer", "gate", "--candidate", str(candidate_file)]
    for option, value in (
        ("--baseline", baseline_file),
        ("--margin", margin),
        ("--replications-max", replications_max),
        ("--seed", seed),
    ):
        words += [] if value is None else [option, str(value)]
    interrupt: BaseException | None = None
    with report_directory(out) as work, _progress(quiet=quiet) as bar:
        try:
            pair.run(workers=workers, progress=bar("scenarios decided"))
        except (KeyboardInterrupt, SystemExit) as error:
            # What is decided took its time: it is written, and says what is missing.
            if not pair.finished:
                raise
            interrupt = error
        record = gate_record(
            pair,
            baseline_file=baseline_file,
            candidate_file=candidate_file,
            command=[*words, *sources],
        )
        write_json(work / GATE, record)
        write_gate_report(work)
    if not quiet:
        show(gate_tables(read_gate(out)), sys.stdout)
        typer.echo(f"report: {out / 'report.html'}")
    if interrupt is not None:
        typer.echo(f"not finished: {', '.join(pair.missing)}", err=True)
        raise interrupt
    return pair.verdict


@app.command()
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
        typer.Option(metavar="FILE", help="Rules and modes, instead of the scenario's or ours."),
    ] = None,
    replications: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Independent runs, instead of the scenario's."),
    ] = None,
    seed: Seed = None,
    workers: Workers = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Directory for report and comparison.json.")
    ] = Path("balancer-comparison"),
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write comparison.json here too."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Compare the ladder with the laws one would use otherwise, on the same requests."""
    with _told():
        from .installation import require

        require(extras=("sim", "report"))
        _compare(
            scenarios or [],
            laws=laws,
            policy_file=policy,
            replications=replications,
            seed=seed,
            workers=workers,
            out=out,
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
    out: Path,
    json_file: Path | None,
    quiet: bool,
) -> None:
    """Compare laws into one directory."""
    from reports.comparison_page import write_comparison_report
    from reports.comparison_tables import comparison_tables
    from reports.comparisons import read_comparison
    from reports.console import show
    from scenarios.loader import library, load
    from sim.compare import LawComparison, contest
    from sim.json_values import write_json
    from sim.report_directory import COMPARISON, report_directory
    from sim.rivals import chosen_laws

    from .policy_file import load_policy

    given = None if policy_file is None else load_policy(policy_file)
    loaded = [load(source) for source in sources or library()]
    comparison = LawComparison(
        [
            contest(scenario, given or own or load_policy(), replications=replications, seed=seed)
            for scenario, own in loaded
        ],
        chosen_laws(laws),
    )
    _check_writable(json_file)
    words = ["open-balancer", "compare"]
    for option, value in (
        ("--laws", laws),
        ("--policy", policy_file),
        ("--replications", replications),
        ("--seed", seed),
    ):
        words += [] if value is None else [option, str(value)]
    interrupt: BaseException | None = None
    with report_directory(out) as work, _progress(quiet=quiet) as bar:
        try:
            comparison.run(workers=workers, progress=bar("runs"))
        except (KeyboardInterrupt, SystemExit) as error:
            # What is finished took its time: it is written, and says what is missing.
            if not comparison.finished:
                raise
            interrupt = error
        record = comparison.record([*words, *sources])
        write_json(work / COMPARISON, record)
        write_comparison_report(work)
    _write_too(json_file, record)
    if not quiet:
        show(comparison_tables(read_comparison(out)), sys.stdout)
        typer.echo(f"report: {out / 'report.html'}")
    if interrupt is not None:
        typer.echo(f"not finished: {', '.join(comparison.missing)}", err=True)
        raise interrupt


def _check_writable(json_file: Path | None) -> None:
    if json_file is not None and not json_file.resolve().parent.is_dir():
        raise InputError("is in no directory that exists", where=str(json_file))


def _write_too(json_file: Path | None, record: Any) -> None:
    """Write a record where `--json` says, if it says so."""
    from sim.json_values import write_json

    if json_file is not None:
        try:
            write_json(json_file, record)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=str(json_file)) from None


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """A progress bar on stderr, where somebody sees it; gives a reporter for each scenario."""
    if quiet or not sys.stderr.isatty():
        yield lambda _name: lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:

        def reporter(name: str) -> Callable[[int, int], None]:
            task = bar.add_task(name, total=None)
            return lambda done, total: bar.update(task, completed=done, total=total)

        yield reporter


@app.command()
def search(
    policy: Annotated[Path, typer.Argument(help="A policy file.")],
    goal: Annotated[
        str,
        typer.Option(
            metavar="GOAL",
            help="What to look for: 'availability < 99%', 'transitions > 2', 'mode > soft'.",
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
        int, typer.Option(metavar="N", min=2, help="Independent runs of each timeline.")
    ] = 5,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Of the search.")] = 1,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Scenario file to write.")] = Path(
        "found.yaml"
    ),
    quiet: Quiet = False,
) -> None:
    """Look for the mildest faults under which a policy misses a goal; write them as a scenario.

    Exit code 0: nothing was found; 1: something was; 2: bad input; 130: interrupted.
    """
    with _told():
        from .installation import require

        require(extras=("sim", "test"))
        from scenarios.loader import load
        from sim.found_scenario import check_replaceable, found_scenario, summary, write_found
        from sim.goals import broken_by
        from sim.search import bounds_for
        from sim.search import search as look

        from .policy_file import load_policy

        tried, base = load_policy(policy), load(scenario).scenario
        broken, bounds = broken_by(goal), bounds_for(base, most=faults, kinds=kinds or ())
        check_replaceable(out)
        with _progress(quiet=quiet) as bar:
            found = look(
                base,
                tried,
                broken,
                bounds,
                examples=examples,
                replications=replications,
                seed=seed,
                progress=bar("timelines"),
            )
        if found.timeline is not None:
            words = ["open-balancer", "search", str(policy), "--goal", goal]
            words += ["--scenario", scenario, "--examples", str(examples), "--seed", str(seed)]
            words += ["--faults", str(faults), "--replications", str(replications)]
            for kind in kinds or ():
                words += ["--kind", kind]
            text = found_scenario(
                scenario,
                base,
                found,
                broken,
                policy=policy,
                goal=goal,
                command=shlex.join(words),
                out=out,
            )
            write_found(out, text)
    if not quiet:
        typer.echo(summary(found, bounds, goal))
        if found.timeline is not None:
            typer.echo(f"scenario: {out}; see it: {shlex.join(['open-balancer', 'run', str(out)])}")
    if not found.complete:
        raise typer.Exit(INTERRUPTED)
    if found.timeline is not None:
        raise typer.Exit(FAIL)


@app.command("scenarios")
def list_scenarios(
    details: Annotated[
        bool, typer.Option("--long", "-l", help="What each teaches, and its source.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON list, for programs.")] = False,
) -> None:
    """List the scenarios of the library."""
    with _told():
        from .installation import require

        require(packages=("scenarios",))
        from scenarios.listing import json_text, plain_text

        typer.echo(json_text() if as_json else plain_text(details=details))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Of the scenario, and of its file.")],
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where to write it.")
    ] = Path(),
) -> None:
    """Write a commented scenario file that passes as it stands, to start from."""
    with _told():
        from .installation import require

        require(packages=("scenarios",))
        from scenarios.starter import write_starter

        path = write_starter(name, folder)
    typer.echo(f"{path}: try it with open-balancer run {path}")


@app.command()
def replay(
    journal: Annotated[Path, typer.Argument(help="A journal: a .jsonl file of a run.")],
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Try another policy on what the journal saw."),
    ] = None,
) -> None:
    """Take every decision of a journal again and compare.

    Exit code 0: all came out the same to the bit; 1: they did not.
    With --policy: where that policy would have decided otherwise.
    """
    with _told():
        from .core.replay import replay as take_again
        from .journal_file import open_journal
        from .policy_file import load_policy

        other = load_policy(policy) if policy is not None else None
        opened = open_journal(journal)
        found = take_again(opened, other)
    if found.torn:
        typer.echo(f"warning: {found.torn}", err=True)
    tick_s = (other or opened.policy).tick_s
    if other is not None:
        _tell_other_policy(found, other, tick_s)
    elif found.identical:
        typer.echo(f"{found.ticks} decisions reproduced to the bit")
    else:
        typer.echo(f"{len(found.differences)} of {found.ticks} decisions came out differently:")
        _list_spans(found.differences, tick_s)
        raise typer.Exit(FAIL)


def _tell_other_policy(found: Replay, policy: Policy, tick_s: float) -> None:
    count = len(found.differences)
    if found.identical:
        typer.echo(f"policy {policy.name} would have decided the same at all {found.ticks} ticks")
    else:
        typer.echo(
            f"policy {policy.name} would have decided otherwise at {count} of {found.ticks} ticks:"
        )
        _list_spans(found.differences, tick_s)
    typer.echo(
        "Its effect on the traffic is not simulated: every tick shows it what was seen under "
        "the recorded decisions."
    )


def _list_spans(differences: Sequence[Difference], tick_s: float) -> None:
    """List stretches of ticks in which both sides stayed as they were."""
    spans: list[tuple[Difference, int]] = []
    for difference in differences:
        if spans and _continues(spans[-1], difference):
            spans[-1] = (spans[-1][0], difference.tick)
        else:
            spans.append((difference, difference.tick))
    for first, last in spans[:MOST_SPANS]:
        ticks = f"tick {first.tick}" if first.tick == last else f"ticks {first.tick}-{last}"
        typer.echo(
            f"  {_clock(first.tick * tick_s)}  {ticks}: recorded {_brief(first.recorded)}, "
            f"now {_brief(first.decided)}"
        )
    if len(spans) > MOST_SPANS:
        typer.echo(f"  and {len(spans) - MOST_SPANS} more")


def _continues(span: tuple[Difference, int], difference: Difference) -> bool:
    first, last = span
    return (
        difference.tick == last + 1
        and difference.recorded.gates == first.recorded.gates
        and difference.decided.gates == first.decided.gates
    )


def _brief(decision: Any) -> str:
    shares = [(share, mode) for mode, share in enumerate(decision.mix) if share > 0]
    text = str(decision.mode.label)
    if len(shares) > 1:
        text += " with a probe"
    reason = decision.reasons[0].text if decision.reasons else ""
    return f"{text} ({reason})" if reason else text


def _clock(time_s: float) -> str:
    whole = int(time_s)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


@policy_app.command("check")
def policy_check(
    file: Annotated[Path, typer.Argument(help="A policy file.")],
) -> None:
    """Check a policy file; warn about what is allowed but probably not wanted."""
    with _told():
        from .policy_file import load_policy

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
    with _told():
        from .policy_file import load_policy
        from .policy_show import show_policy

        text = show_policy(load_policy(file))
    typer.echo(text.rstrip())


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"open-balancer {VERSION}")


if __name__ == "__main__":
    main()
