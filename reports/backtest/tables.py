"""A backtest on a terminal or in a log: whether to trust it, then every policy in a line."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from balancer.records.backtest import Backtest

from ..amounts import amount, counted, difference, difference_interval
from ..console import coloured, table
from ..metrics import metric
from .words import answer, assumed, figure_rows

__all__ = ["backtest_tables"]

COLUMNS = {
    "availability": "available",
    "latency_p95_s": "P95",
    "cost_usd": "cost",
    "quality": "quality",
    "degraded_share": "degraded",
    "transitions": "moves",
}


def backtest_tables(found: Backtest) -> Group:
    """What a backtest found."""
    verdict = "pass" if found.trustworthy else "inconclusive"
    parts: list[RenderableType] = [
        Text.assemble(
            ("backtest", "bold"), ": ", coloured(verdict, _word(found)), f". {answer(found)}."
        ),
        Text(f"{counted(found.replications, 'replication')}, seed {found.seed}", style="dim"),
        Text(),
        _fidelity(found),
        Text(),
        _arms(found),
        Text(),
    ]
    parts += [
        Text(f"{each.arm}: {sentence}", style="dim")
        for each in found.arms
        if (sentence := assumed(each, found.swept))
    ]
    return Group(*parts)


def _word(found: Backtest) -> str:
    return "good fit" if found.trustworthy else "POOR FIT"


def _fidelity(found: Backtest) -> Table:
    rows = table()
    rows.add_column("what happened, and again")
    for name in ("seen", "simulated", "difference", "tolerance"):
        rows.add_column(name, justify="right", no_wrap=True)
    rows.add_column("", no_wrap=True)
    words = {"pass": "agrees", "fail": "DISAGREES"}
    for row in figure_rows(found):
        rows.add_row(
            row.label,
            row.seen,
            row.simulated,
            row.difference,
            row.tolerance,
            coloured(row.verdict, words[row.verdict]) if row.verdict else "",
        )
    return rows


def _arms(found: Backtest) -> Table:
    rows = table()
    confidence = amount(found.confidence, "share", exact=True)
    rows.add_column("policy", no_wrap=True)
    for name in COLUMNS.values():
        rows.add_column(name, justify="right", no_wrap=True)
    for arm in found.arms:
        mark = " *" if arm.assumed.share else ""
        name = f"{arm.arm}: {arm.policy}" if arm.arm == "live" else arm.arm
        rows.add_row(
            Text(f"{name}{mark}", style="bold"),
            *(amount(arm.metrics[each].estimate, metric(each).unit) for each in COLUMNS),
        )
        if arm.arm == "live":
            continue
        rows.add_row(
            Text("  against live", style="dim"),
            *(difference(arm.difference[each].estimate, metric(each).unit) for each in COLUMNS),
        )
        rows.add_row(
            Text(f"  {confidence} from", style="dim"),
            *(
                _part(arm.difference[each].low, arm.difference[each].high, each, 0)
                for each in COLUMNS
            ),
        )
        rows.add_row(
            Text("  to", style="dim"),
            *(
                _part(arm.difference[each].low, arm.difference[each].high, each, 1)
                for each in COLUMNS
            ),
        )
    return rows


def _part(low: float, high: float, name: str, place: int) -> str:
    unit = metric(name).unit
    if not difference_interval(low, high, unit):
        return ""
    return difference((low, high)[place], unit)
