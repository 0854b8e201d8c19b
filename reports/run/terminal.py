"""Verdicts on a terminal: what was expected, what came of it, and how the arms compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from balancer.records.verdict import Judgement, Verdict

from ..amounts import NOTHING, amount, counted, difference, difference_interval
from ..arms import CHEAPEST, LABELS, NONE, POLICY, STATIC
from ..console import coloured, table, width_of
from ..judgements import remarks, spread
from ..metrics import metric
from .answer import cheap, effect, harm
from .summary import summary

__all__ = ["verdict_tables"]

COMPARED = (
    "availability",
    "latency_p95_s",
    "error_rate",
    "cost_usd",
    "cost_saved",
    "cost_per_answer_usd",
    "quality",
    "degraded_share",
    "shed_share",
    "transitions",
)
"""The metrics a person asks for first; the report has all."""

HARM = "bold red"
MISFIT = "yellow"
CHANGES = ("with \N{MINUS SIGN} static", "95 % interval")


def verdict_tables(verdicts: Sequence[Verdict]) -> Group:
    """What a run showed: for each scenario its verdict, its expectations and the arms."""
    return Group(
        *(part for verdict in verdicts for part in _parts(verdict)),
        *(_overview(verdicts) if len(verdicts) > 1 else ()),
    )


def _overview(verdicts: Sequence[Verdict]) -> Iterator[RenderableType]:
    """Many scenarios once more, a line each, where a log ends and reading begins."""
    index = summary(verdicts, [verdict.scenario for verdict in verdicts])
    rows = table()
    rows.add_column("scenario")
    rows.add_column("verdict", no_wrap=True)
    rows.add_column("answer")
    for row in index.rows:
        told = Text(row.answer)
        if row.harm:
            told.append(f"\nHarm: {row.harm}", style=HARM)
        rows.add_row(Text(row.scenario), coloured(row.verdict), told)
    yield rows
    yield Text()
    yield Text.assemble((f"{len(verdicts)} scenarios", "bold"), ": ", coloured(index.verdict))
    yield Text(index.answer)


def _parts(verdict: Verdict) -> Iterator[RenderableType]:
    runs = counted(verdict.replications, "replication")
    yield Text.assemble((verdict.scenario, "bold"), ": ", coloured(verdict.verdict))
    yield Text(
        f"policy {verdict.policy} (law {verdict.law}), {runs}, seed {verdict.seed}", style="dim"
    )
    if told := effect(verdict):
        yield Text(told)
    yield Text()
    if verdict.expectations:
        yield _expectations(verdict.expectations)
        yield Text()
    yield _Arms(verdict)
    yield Text()
    if told := harm(verdict):
        yield Text(f"Harm: {told}", style=HARM)
    if verdict.misfits:
        for misfit in verdict.misfits:
            yield Text(f"The policy does not fit this traffic: {misfit}", style=MISFIT)
        yield Text(
            "open-balancer policy fit, on a journal of this run, writes one that does", "dim"
        )
        yield Text()
    if told := cheap(verdict):
        yield Text(told, style="dim")
        yield Text()


def _expectations(expectations: Sequence[Judgement]) -> Table:
    rows = table()
    rows.add_column("expected")
    rows.add_column("verdict", no_wrap=True)
    rows.add_column("measured", justify="right", no_wrap=True)
    rows.add_column("95 % interval", justify="right", no_wrap=True)
    rows.add_column("bound", justify="right", no_wrap=True)
    for expected in expectations:
        name = Text(expected.name)
        for told in remarks(expected):
            name.append(f"\n{told}", style="dim")
        rows.add_row(
            name,
            coloured(expected.verdict),
            amount(expected.value.estimate, expected.unit),
            spread(expected) or NOTHING,
            amount(expected.bound, expected.unit, exact=True),
        )
    return rows


@dataclass(frozen=True, slots=True)
class _Arms:
    """The table of arms, or two of them where one has no room."""

    verdict: Verdict

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ours, others = (POLICY, STATIC), (NONE, CHEAPEST)
        whole = _arms(self.verdict, ours, changes=True, more=others)
        if width_of(whole, console, options) <= options.max_width:
            yield whole
            return
        yield _arms(self.verdict, ours, changes=True)
        yield Text()
        yield _arms(self.verdict, others)


def _arms(
    verdict: Verdict, arms: Sequence[str], *, changes: bool = False, more: Sequence[str] = ()
) -> Table:
    """Metrics of some arms, what the controller changed of static, and of more arms."""
    rows = table()
    runs = verdict.replications
    rows.add_column(f"mean of {runs} runs' figures" if runs > 1 else "one run")
    heads = [*(LABELS[arm] for arm in arms), *(CHANGES if changes else ())]
    for head in (*heads, *(LABELS[arm] for arm in more)):
        rows.add_column(head, justify="right", no_wrap=True)
    for name in COMPARED:
        if name not in verdict.metrics:
            continue
        shown = metric(name)
        change = verdict.change(STATIC, name)
        changed = (
            difference(change.estimate, shown.unit),
            difference_interval(change.low, change.high, shown.unit) or NOTHING,
        )
        values = [amount(verdict.metric(arm, name).estimate, shown.unit) for arm in (*arms, *more)]
        rows.add_row(
            shown.label,
            *values[: len(arms)],
            *(changed if changes else ()),
            *values[len(arms) :],
        )
    return rows
