"""`open-balancer policy`: check a policy file, show what it comes to, or fit it to traffic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .endings import told
from .models import DateOption, read_day, warn_of_ends
from .warned import policy_given, warn

if TYPE_CHECKING:
    from ..core.fit import Traffic
    from ..core.journal import Journal
    from ..policy_fit import Fitted

__all__ = ["policy_app", "tell_fitted"]

policy_app = typer.Typer(help="Look at policies, and fit them.", no_args_is_help=True)


@policy_app.command("check")
def policy_check(
    file: Annotated[Path, typer.Argument(help="A policy file.")],
    journal: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Hold its thresholds against the traffic of a journal. "
            "May be repeated, for its files from the oldest on.",
        ),
    ] = None,
    day: DateOption = None,
) -> None:
    """Check a policy file; warn about what is allowed but probably not wanted, and models that end.

    With --journal: about thresholds that healthy traffic crosses, or that no fault would reach.
    """
    with told():
        from ..core.fit import findings
        from ..policy_fit import as_paid
        from ..runtime.ahead import doubts_from
        from ..runtime.ends import ends

        policy = policy_given(file)
        today = read_day(day)
        warn_of_ends(ends(policy, policy.catalog, today))
        warnings = list(doubts_from(policy, today))
        if journal:
            traffic, opened = _traffic(journal)
            # What was measured says more than what a baseline declares.
            then = as_paid(policy, opened)
            warnings = [finding.text for finding in findings(then, traffic)]
    for warning in warnings:
        warn(warning)
    rules = f"{len(policy.rules)} rule{'' if len(policy.rules) == 1 else 's'}"
    typer.echo(f"{file}: a valid policy, law {policy.law}, {rules}")
    if journal:
        fits = "does not fit" if warnings else "fits"
        typer.echo(f"{file}: {fits} {_evidence(traffic, opened)}")


@policy_app.command("show")
def policy_show(
    file: Annotated[
        Path | None, typer.Argument(help="A policy file; the default policy without.")
    ] = None,
) -> None:
    """Show the effective policy, with every default filled in."""
    with told():
        from ..policy_file import load_policy
        from ..policy_show import show_policy

        text = show_policy(load_policy(file))
    typer.echo(text.rstrip())


@policy_app.command("fit")
def policy_fit(
    journal: Annotated[
        list[Path],
        typer.Argument(
            help="A journal, live or simulated: a .jsonl file, or several of one that was "
            "rotated, from the oldest on."
        ),
    ],
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Policy to fit; without it the default policy."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write it; without it to standard output."),
    ] = None,
) -> None:
    """Write a policy whose thresholds and baseline are calibrated on a journal's healthy traffic.

    Everything else of the policy stays, comments included. What was changed is said.
    """
    with told():
        from ..core.errors import PolicyError
        from ..documents import read_text
        from ..policy_fit import fit_policy
        from .json_file import check_writable
        from .whole_files import write_whole

        check_writable(out, journal)
        text = None if policy is None else read_text(policy, PolicyError)
        traffic, opened = _traffic(journal)
        fit = fit_policy(
            traffic,
            opened,
            text,
            str(policy),
            base=None if policy is None else policy.parent,
            to=None if out is None else out.parent,
            name="" if out is None else out.stem,
        )
        if out is None:
            typer.echo(fit.text.rstrip())
        else:
            write_whole(out.parent, {out.name: fit.text})
    # What is written to standard output is the policy alone.
    typer.echo(f"fitted to {_evidence(traffic, opened)}", err=out is None)
    tell_fitted(fit, err=out is None)
    if out is not None:
        typer.echo(f"policy: {out}")


def _traffic(paths: Sequence[Path]) -> tuple[Traffic, list[Journal]]:
    from ..journal_file import open_journal
    from ..policy_fit import traffic_of

    opened = [open_journal(path) for path in paths]
    traffic = traffic_of(opened)
    for each in opened:
        if each.torn:
            warn(each.torn)
    return traffic, opened


def _evidence(traffic: Traffic, journals: Sequence[Journal]) -> str:
    """What was judged by, for a person."""
    from ..policy_fit import names_of

    return (
        f"{names_of(journals)}, by {traffic.whole.finished:,} calls of normal mode in "
        f"{traffic.seconds / 3600.0:.1f} hours ({len(traffic.parts)} of {traffic.stretches} "
        "stretches are ordinary)"
    )


def tell_fitted(found: Fitted, *, err: bool = False) -> None:
    """Say what was changed, from what to what."""
    from ..core.rules import shown

    for old, new in zip(found.before.rules, found.after.rules, strict=True):
        before, after = (shown(rule.threshold, rule.signal) for rule in (old, new))
        change = f"{before}, kept" if old.threshold == new.threshold else f"{before} -> {after}"
        typer.echo(f"  {old.name}: {change}", err=err)
    if found.kept:
        typer.echo(f"  baseline: kept; {found.kept}", err=err)
    else:
        _tell_baseline(found, err=err)
    from ..core.doubts import doubts

    for warning in doubts(found.after):
        warn(warning)


def _tell_baseline(found: Fitted, *, err: bool) -> None:
    before, after = found.before.baseline, found.after.baseline
    for name in ("requests_per_s", "prompt_tokens", "output_tokens", "thinking_tokens"):
        amount = f"{getattr(after, name):g}"
        if before is not None:
            amount = f"{getattr(before, name):g} -> {amount}"
        typer.echo(f"  baseline {name}: {amount}", err=err)
