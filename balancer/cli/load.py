"""`open-balancer load`: a scenario played in wall time, and judged as a simulated one is."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..records.folders import run_folder
from .endings import FAIL, INCONCLUSIVE, told
from .json_file import check_writable, write_too
from .options import OneSeed, Overrides, PolicyFile, Quiet
from .progress import progress

__all__ = ["EXTRAS", "Overrides", "PolicyFile", "Replication", "Speed", "Target", "load"]

EXTRAS = ("sim", "report", "mock", "service", "load")


class Target(StrEnum):
    """What the requests are sent to."""

    PROXY = "proxy"
    SERVICE = "service"
    SDK = "sdk"


class Upstream(StrEnum):
    """Who answers them."""

    MOCK = "mock"
    GEMINI = "gemini"


Speed = Annotated[
    float,
    typer.Option(metavar="K", help="Scenario seconds in a second of wall time."),
]
Replication = Annotated[
    int,
    typer.Option(metavar="R", min=0, help="Which of the simulator's replications to play."),
]
Through = Annotated[
    Target,
    typer.Option(
        help="proxy: Gemini's API at the service; service: POST /api/ai-chat; sdk: google-genai, "
        "wrapped, in Locust's process."
    ),
]


def load(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="Name from the library, or a file.")
    ],
    target: Through = Target.PROXY,
    speed: Speed = 1.0,
    upstream: Annotated[
        Upstream, typer.Option(help="The mock, or the real API, which costs money.")
    ] = Upstream.MOCK,
    spend_cap: Annotated[
        float | None,
        typer.Option(
            metavar="USD", help="With --upstream gemini: dollars it may spend, at the very most."
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Spend up to the cap without asking.")
    ] = False,
    policy: PolicyFile = None,
    seed: OneSeed = None,
    replication: Replication = 0,
    runs: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=100, help="Play so many replications, one after the other."
        ),
    ] = 1,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Directory for report, verdict and journals.",
            show_default="balancer-reports/load-TIME",
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write verdict.json here too."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Play a scenario in wall time with Locust, and judge whether the policy holds.

    Exit code 0: it holds; 1: it fails; 2: bad input; 3: more runs are needed to tell.
    """
    with told():
        scene = asked_scene(
            scenario, overrides, policy=policy, seed=seed, replication=replication, speed=speed
        )
        spend = _spending(upstream, scene, spend_cap, agreed=yes)
        with run_folder(out, "load") as folder:
            result = _load(
                scene,
                target=target,
                spend=spend,
                runs=runs,
                out=folder,
                json_file=json_file,
                quiet=quiet,
            )
    if result["verdict"] == "fail":
        raise typer.Exit(FAIL)
    if result["verdict"] == "inconclusive":
        raise typer.Exit(INCONCLUSIVE)


def asked_scene(
    scenario: str,
    overrides: Sequence[str] | None,
    *,
    policy: Path | None,
    seed: int | None,
    replication: int,
    speed: float,
) -> Any:
    """The `loadtests.scene.Scene` that the options describe.

    Raises:
        InputError: something is not installed, or a number cannot be.
    """
    from ..installation import HARNESS, require

    require(packages=(*HARNESS, "loadtests"), extras=EXTRAS)
    from loadtests.scene import Scene

    return Scene(
        source=scenario,
        overrides=tuple(overrides or ()) + (() if seed is None else (f"seed={seed}",)),
        policy_file=None if policy is None else str(policy),
        replication=replication,
        speed=speed,
    )


def _spending(upstream: Upstream, scene: Any, cap_usd: float | None, *, agreed: bool) -> Any:
    """What may be spent on the real API; None against the mock.

    Raises:
        InputError: no cap, no key, or no agreement.
    """
    from ..core.errors import InputError

    if upstream is Upstream.MOCK:
        if cap_usd is not None:
            raise InputError("a mock costs nothing; leave --spend-cap out", where="--spend-cap")
        return None
    from loadtests.spending import real_gemini

    spending = real_gemini(scene, cap_usd)
    if not agreed:
        if not sys.stdin.isatty():
            raise InputError(
                "there is nobody to ask whether to spend money; say --yes", where="--upstream"
            )
        typer.echo(spending.question)
        if not typer.confirm(f"Spend up to ${spending.cap_usd:g}?"):
            raise InputError("nothing was sent", where="--upstream")
    return spending


def _load(
    scene: Any,
    *,
    target: Target,
    spend: Any,
    runs: int,
    out: Path,
    json_file: Path | None,
    quiet: bool,
) -> Mapping[str, Any]:
    import tempfile
    from dataclasses import replace

    from balancer.records.verdict import VERDICT, read_verdicts
    from loadtests.live import check, play
    from loadtests.result import judged
    from reports.run.page import write_report
    from sim.study.record import write_records
    from sim.study.report_directory import report_directory

    check(scene, target.value)
    check_writable(json_file, [scene.source, scene.policy_file])
    plays = []
    with (
        report_directory(out, [scene.source, scene.policy_file]) as work,
        progress(quiet=quiet) as bar,
    ):
        for place in range(runs):
            each = replace(scene, replication=scene.replication + place)
            name = scene.source if runs == 1 else f"{scene.source} {place + 1} of {runs}"
            with tempfile.TemporaryDirectory(prefix="open-balancer-") as meeting:
                plays.append(
                    play(
                        each,
                        target=target.value,
                        work=Path(meeting),
                        out=work if place == 0 else None,
                        spend=spend,
                        progress=bar(name),
                        say=None if quiet or place else note,
                    )
                )
            if spend is not None and place + 1 < runs:
                spend = spend.less(plays[-1].spent_nano_usd)
        result = judged(plays, work, again(scene, target, ("--runs", str(runs))))
        write_records(work / VERDICT.file, [result])
        write_report(work, [])
    write_too(json_file, [result])
    if not quiet:
        from reports.console import show
        from reports.run.terminal import verdict_tables

        show(verdict_tables(read_verdicts(out)), sys.stdout)
        for sentence in result["assumptions"][:2]:
            typer.echo(sentence)
        typer.echo(f"report: {out / 'report.html'}; Locust's own: {out / 'locust.html'}")
    return result


def note(sentence: str) -> None:
    """Say something beside the result."""
    typer.echo(sentence, err=True)


def again(scene: Any, target: Target, more: Sequence[str], command: str = "load") -> list[str]:
    """Words of a command that does this again."""
    words = ["open-balancer", command, scene.source, "--target", target.value]
    words += ["--speed", f"{scene.speed:g}", "--replication", str(scene.replication)]
    if scene.policy_file is not None:
        words += ["--policy", scene.policy_file]
    for override in scene.overrides:
        words += ["--set", override]
    return [*words, *more]
