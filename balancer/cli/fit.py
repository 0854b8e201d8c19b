"""`open-balancer fit`: a scenario from production journals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .endings import told
from .options import Quiet
from .whole_files import write_whole

if TYPE_CHECKING:
    from scenarios.schema import Scenario
    from sim.fitting.fit import Fit

__all__ = ["Journals", "fit", "fitted_scenario"]

Journals = Annotated[
    list[Path],
    typer.Argument(
        metavar="JOURNAL...", help="A journal's .jsonl files, oldest first.", show_default=False
    ),
]


def fit(
    journals: Journals,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The scenario file.", show_default=False)
    ],
    quiet: Quiet = False,
) -> None:
    """Fit a scenario to what a service saw: its traffic, its upstream, what went wrong.

    Exit code 0: the scenario is written; 2: bad input.
    """
    with told():
        from ..core.errors import InputError
        from ..installation import require

        require(extras=("sim",))
        from sim.fitting.fit import fit_journal
        from sim.fitting.fitted import NO_FAULTS
        from sim.fitting.scenario_text import slug

        if out.suffix not in (".yaml", ".yml"):
            raise InputError("expected the name of a .yaml file", where=f"--out {out}")
        if out.is_dir():
            raise InputError("is a directory; a file is written there", where=str(out))
        fitted = fit_journal(journals)
        text, scenario = fitted_scenario(fitted, slug(out.stem))
        write_whole(out.parent, {out.name: text})
    if not quiet:
        _tell_fit(fitted)
        if not scenario.faults:
            typer.echo(NO_FAULTS)
        typer.echo(f"scenario: {out}")


def fitted_scenario(found: Fit, name: str) -> tuple[str, Scenario]:
    """The text of a fit's scenario file, and what the loader makes of it."""
    from sim.fitting.fitted import fitted_scenario as made

    return made(found, name)


def _tell_fit(found: Fit) -> None:
    """Say what was found, and what could not be."""
    from ..units import show_seconds

    columns, traffic = found.columns, found.traffic
    asked = ", ".join(f"{model} {share:.0%}" for model, share in found.asked.items())
    typer.echo(
        f"{show_seconds(found.duration_s)}, {int(columns.offered.sum()):,} requests "
        f"({traffic.shared.rate:.3g} a second, CV of the gaps {traffic.shared.cv:.2f}) for {asked}"
    )
    for (mode, model), count in found.answers.items():
        typer.echo(f"measured: {mode.label} with {model}, {count:,} answers")
    for line in _faults(found):
        typer.echo(f"seen: {line}")
    for each in found.assumptions:
        typer.echo(f"assumed: {each}")


def _faults(found: Fit) -> Sequence[str]:
    from ..units import show_seconds

    tick_s = found.policy.tick_s
    lines = []
    for each in found.episodes:
        size = f"{each.share:.1%} of calls" if each.share < 1 else "all calls"
        if each.factor != 1:
            size = f"x{each.factor:.3g}"
        lines.append(
            f"{each.error or each.kind} of {each.model}, {size}, from "
            f"{show_seconds(each.segment.begin * tick_s)} to "
            f"{show_seconds(each.segment.end * tick_s)}"
        )
    for model, quota in found.quotas.items():
        what = "prompt tokens" if quota.tokens else "calls"
        lines.append(
            f"a quota of {model}, about {quota.limit * quota.factor:,.0f} {what} a minute, "
            f"in {quota.minutes} minutes"
        )
    return lines
