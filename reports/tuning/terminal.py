"""A tuning on a terminal or in a log: the answer first, then the front beside today's policy."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from balancer.records.tuning import Tuning

from ..amounts import counted
from ..console import table
from . import words as tuning_words
from .tables import Head, policy_rows

__all__ = ["tuning_tables"]


def tuning_tables(tuning: Tuning) -> Group:
    """What a tuning found, a row for each policy, and what the proposed one changes."""
    rows = table()
    rows.add_column("policy", no_wrap=True)
    for head in map(Head.of_objective, tuning.objectives):
        rows.add_column(f"{head.label}\n{head.of}", justify="right", no_wrap=True)
    for head in map(Head.of_objective, tuning.objectives if tuning.held_out else ()):
        rows.add_column(f"{head.label}\nheld out", justify="right", no_wrap=True)
    every = policy_rows(tuning)
    for row in every:
        name = f"{row.name}{' ★' if row.kind else ''}{'' if row.kept else ' ✗'}"
        # Four objectives with both intervals would not fit a log; the page has them.
        held_out = [text.partition(" ±")[0] for text in row.held_out]
        rows.add_row(Text(name, style="bold" if row.kind else ""), *row.objectives, *held_out)
    demanded = tuning_words.constraints(tuning)
    parts: list[RenderableType] = [
        Text.assemble(("tuning", "bold"), f": {tuning_words.answer(tuning)}."),
    ]
    gap = tuning_words.gap(tuning)
    if gap:
        parts.append(Text(f"{gap}."))
    runs = counted(tuning.replications, "replication")
    said = [
        f"tuned on {', '.join(tuning.scenarios)}",
        f"held out: {', '.join(tuning.held_out) or 'none'} ({tuning.split})",
        f"every scenario keeps {demanded}" if demanded else "",
        f"{tuning_words.effort(tuning)}; {runs} on fresh seeds",
    ]
    parts += [Text(each, style="dim") for each in said if each]
    parts += [Text(), rows, Text()]
    marks = [
        "★ proposed" if any(row.kind for row in every) else "",
        "" if all(row.kept for row in every) else "✗ breaks a constraint",
    ]
    if any(marks):
        parts.append(Text(", ".join(filter(None, marks)), style="dim"))
    proposed = tuning.proposed
    if proposed is not None and proposed.changes:
        name = tuning_words.name_of(tuning, proposed.trial)
        parts.append(Text(f"what policy {name} changes:", style="bold"))
        parts += [Text(f"  {change}") for change in proposed.changes]
    return Group(*parts)
