"""A tuning on a terminal or in a log: the answer first, then the front beside today's policy."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from . import tuning_words
from .console import table
from .tuning_tables import policy_rows
from .tunings import Objective, Tuning

__all__ = ["tuning_tables"]


def tuning_tables(tuning: Tuning) -> Group:
    """What a tuning found, a row for each policy, and what the proposed one changes."""
    rows = table()
    rows.add_column("policy", no_wrap=True)
    for each in tuning.objectives:
        rows.add_column(tuning_words.label(each.metric), justify="right", no_wrap=True)
    for each in tuning.objectives if tuning.held_out else ():
        name = f"{tuning_words.short(each)}, held out"
        rows.add_column(name, justify="right", no_wrap=True)
    for row in policy_rows(tuning):
        name = f"{row.name} ({row.note})" if row.note else row.name
        style = "bold" if row.kind else ""
        kept = "" if row.kept else ", breaks a constraint"
        rows.add_row(Text(name + kept, style=style), *row.objectives, *row.held_out)
    demanded = tuning_words.constraints(tuning)
    parts: list[RenderableType] = [
        Text.assemble(("tuning", "bold"), f": {tuning_words.answer(tuning)}."),
    ]
    gap = tuning_words.gap(tuning)
    if gap:
        parts.append(Text(f"{gap}."))
    said = [
        f"tuned on {', '.join(tuning.scenarios)}",
        f"held out: {', '.join(tuning.held_out) or 'none'} ({tuning.split})",
        f"every scenario keeps {demanded}" if demanded else "",
        f"{tuning_words.effort(tuning)}; {tuning.replications} replications on fresh seeds",
    ]
    parts += [Text(each, style="dim") for each in said if each]
    parts += [Text(), rows, Text()]
    parts += [Text(each, style="dim") for each in map(_form, tuning.objectives) if each]
    proposed = tuning.proposed
    if proposed is not None and proposed.changes:
        name = tuning_words.name_of(tuning, proposed.trial)
        parts.append(Text(f"what policy {name} changes:", style="bold"))
        parts += [Text(f"  {change}") for change in proposed.changes]
    return Group(*parts)


def _form(objective: Objective) -> str:
    """What an objective is a share of; "" where it is its metric."""
    of = {"ratio": "today's, in the same scenario", "worth": "what perfect answers would be worth"}
    if objective.form not in of:
        return ""
    return f"{tuning_words.short(objective)}: a share of {of[objective.form]}"
