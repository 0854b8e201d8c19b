"""A gate on a terminal or in a log: the answer first, then every comparison."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from balancer.records.gate import Gate, GateScenario

from ..amounts import NOTHING
from ..console import coloured, table
from ..metrics import metric
from . import words as gate_words

__all__ = ["gate_tables"]

_LAST = ("pass", "inconclusive", "fail")
_MANY = 5
"""More scenarios than this, and those that pass have one row each."""


def gate_tables(gate: Gate) -> Group:
    """What a gate found: its verdict, why, and a row for each comparison."""
    rows = table()
    rows.add_column("metric")
    rows.add_column("verdict", no_wrap=True)
    for name in ("baseline", "→ candidate", "change", "its interval", "allowed"):
        rows.add_column(name, justify="right", no_wrap=True)
    notes = []
    # Who reads a log reads its end: there stands what failed.
    for scenario in sorted(gate.scenarios, key=lambda each: _LAST.index(each.verdict)):
        if scenario.verdict == "pass" and len(gate.scenarios) > _MANY:
            rows.add_row(Text(scenario.scenario, style="bold"), coloured(scenario.verdict))
            _add_degraded(rows, scenario)
            continue
        rows.add_row(Text(scenario.scenario, style="bold"), coloured(scenario.verdict))
        for each in scenario.differences:
            label = metric(each.metric).label.removesuffix(" (assumed)")
            rows.add_row(
                Text(f"  {label}"),
                coloured(each.verdict),
                *gate_words.both(each),
                gate_words.changed(each),
                gate_words.change_interval(each) or NOTHING,
                gate_words.margin(each),
            )
            note = gate_words.note(each)
            if note and each.verdict != "pass":
                notes.append(Text(f"{scenario.scenario}, {label}: {note}", style="dim"))
        _add_degraded(rows, scenario)
    parts: list[RenderableType] = [
        Text.assemble(
            ("gate", "bold"), ": ", coloured(gate.verdict), f". {gate_words.answer(gate)}"
        ),
        Text(f"policy {gate.candidate.name} against {gate.baseline.name}", style="dim"),
    ]
    if told := gate_words.uncompared(gate):
        parts.append(Text(told, style="dim"))
    if rows.row_count:
        parts += [Text(), rows, Text(), *notes]
    return Group(*parts)


def _add_degraded(rows: Table, scenario: GateScenario) -> None:
    """What the gains are paid with, whether or not it was asked for."""
    shares = gate_words.degraded(scenario)
    if shares is not None:
        label = metric(gate_words.DEGRADED).label
        rows.add_row(
            Text(f"  {label}", style="dim"), Text(NOTHING), *shares, NOTHING, NOTHING, NOTHING
        )
