"""`open-balancer replay`: every decision of a journal taken again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .endings import FAIL, told

if TYPE_CHECKING:
    from ..core.policy import Policy
    from ..core.replay import Difference, Replay

__all__ = ["replay"]

MOST_SPANS = 20
"""Most differences that a replay lists."""


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
    with told():
        from ..core.errors import InputError
        from ..core.replay import replay as take_again
        from ..journal_file import open_journal
        from ..policy_file import load_policy

        other = load_policy(policy) if policy is not None else None
        opened = open_journal(journal)
        if "part_of_fleet" in opened.run:
            raise InputError(
                "these are the observations of one replica, and the decisions those of its fleet; "
                f"replay {journal.stem}-fleet{journal.suffix} beside it, of all replicas together",
                where=str(journal),
            )
        again = take_again(opened, other)
    if again.torn:
        typer.echo(f"warning: {again.torn}", err=True)
    tick_s = (other or opened.policy).tick_s
    if other is not None:
        _tell_other_policy(again, other, tick_s)
    elif again.identical:
        typer.echo(f"{again.ticks} decisions reproduced to the bit")
    else:
        typer.echo(f"{len(again.differences)} of {again.ticks} decisions came out differently:")
        _list_spans(again.differences, tick_s)
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
