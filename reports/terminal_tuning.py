"""A tuning on a terminal or in a log: the answer first, then the front, then what is changed."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from . import tuning_words
from .console import coloured, table
from .tuning_tables import Head, policy_rows
from .tunings import Tuning

__all__ = ["tuning_tables"]


def tuning_tables(tuning: Tuning) -> Group:
    """What a tuning found: what is proposed, the front, and the differences in words."""
    answer = f"{tuning_words.answer(tuning)}."
    rows = table()
    rows.add_column("policy", no_wrap=True)
    heads = [Head.of(each) for each in tuning.objectives]
    for head in heads:
        rows.add_column(head.label.lower(), justify="right")
    if tuning.held_out:
        for head in heads:
            rows.add_column(f"{head.label.lower()}, held out", justify="right")
    if tuning.constraints:
        rows.add_column("constraints", no_wrap=True)
    for row in policy_rows(tuning):
        kept = [_kept(kept=row.kept)] if tuning.constraints else []
        cells = [*row.objectives, *row.held_out]
        name = f"{row.name} ★" if row.kind else row.name
        rows.add_row(Text(name, style="bold" if row.kind else ""), *cells, *kept)
    parts: list[RenderableType] = [Text.assemble(("tuning", "bold"), ": ", answer)]
    gap = tuning_words.gap(tuning)
    if gap:
        parts.append(Text(f"{gap}."))
    parts += [Text(tuning_words.effort(tuning), style="dim"), Text(), rows]
    proposed = tuning.proposed
    if proposed is not None and proposed.changes:
        name = tuning_words.name_of(tuning, proposed.trial)
        parts += [Text(), Text(f"policy {name} against today's", style="bold")]
        parts += [Text(f"  {change}") for change in proposed.changes]
        parts += [
            coloured(
                {"good": "pass", "bad": "fail"}.get(tuning_words.way(each), ""),
                f"  {tuning_words.effect(each)}",
            )
            for each in proposed.effects
        ]
    return Group(*parts)


def _kept(*, kept: bool) -> Text:
    return coloured("pass", "kept") if kept else coloured("fail", "broken")
