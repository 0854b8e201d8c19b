"""Verdicts on a terminal: what was expected, what came of it, with and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .amounts import NOTHING, amount, difference, difference_interval, interval
from .console import coloured, table
from .fields import Estimate
from .metrics import metric
from .summary import summary
from .verdicts import Expected, Verdict

__all__ = ["verdict_tables"]

COMPARED = (
    "availability",
    "latency_p95_s",
    "error_rate",
    "cost_usd",
    "cost_per_answer_usd",
    "quality",
    "degraded_share",
    "shed_share",
    "transitions",
)
"""The metrics a person asks for first; the report has all."""


def verdict_tables(verdicts: Sequence[Verdict]) -> Group:
    """What a run showed: for each scenario its verdict, its expectations and both arms."""
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
        rows.add_row(Text(row.scenario), coloured(row.verdict), Text(row.answer))
    yield rows
    yield Text()
    yield Text.assemble((f"{len(verdicts)} scenarios", "bold"), ": ", coloured(index.verdict))
    yield Text(index.answer)


def _parts(verdict: Verdict) -> Iterator[RenderableType]:
    runs = f"{verdict.replications} replication{'s' if verdict.replications != 1 else ''}"
    yield Text.assemble((verdict.scenario, "bold"), ": ", coloured(verdict.verdict))
    yield Text(
        f"policy {verdict.policy} (law {verdict.law}), {runs}, seed {verdict.seed}", style="dim"
    )
    yield Text()
    if verdict.expectations:
        yield _expectations(verdict.expectations)
        yield Text()
    yield _comparison(verdict)
    yield Text()


def _expectations(expectations: Sequence[Expected]) -> Table:
    rows = table()
    rows.add_column("expected")
    rows.add_column("verdict", no_wrap=True)
    rows.add_column("measured", justify="right", no_wrap=True)
    rows.add_column("95 % interval", justify="right", no_wrap=True)
    rows.add_column("bound", justify="right", no_wrap=True)
    for expected in expectations:
        name = Text(expected.name)
        if expected.note:
            name.append(f"\n{expected.note}", style="dim")
        if expected.verdict == "inconclusive" and expected.replications_needed:
            name.append(
                f"\nabout {expected.replications_needed} replications would decide it", style="dim"
            )
        rows.add_row(
            name,
            coloured(expected.verdict),
            amount(expected.value.estimate, expected.unit),
            interval(expected.value.low, expected.value.high, expected.unit) or NOTHING,
            amount(expected.bound, expected.unit, exact=True),
        )
    return rows


def _comparison(verdict: Verdict) -> Table:
    rows = table()
    rows.add_column("over all replications")
    rows.add_column("with", justify="right", no_wrap=True)
    rows.add_column("without", justify="right", no_wrap=True)
    rows.add_column("difference", justify="right", no_wrap=True)
    rows.add_column("95 % interval", justify="right", no_wrap=True)
    for name in COMPARED:
        if name not in verdict.metrics:
            continue
        shown = metric(name)
        change = verdict.difference.get(name)
        rows.add_row(
            shown.label,
            amount(verdict.metrics[name].estimate, shown.unit),
            _estimate(verdict.counterfactual.get(name), shown.unit),
            NOTHING if change is None else difference(change.estimate, shown.unit),
            NOTHING if change is None else _change_interval(change, shown.unit),
        )
    return rows


def _estimate(estimate: Estimate | None, unit: str) -> str:
    return NOTHING if estimate is None else amount(estimate.estimate, unit)


def _change_interval(change: Estimate, unit: str) -> str:
    return difference_interval(change.low, change.high, unit) or NOTHING
