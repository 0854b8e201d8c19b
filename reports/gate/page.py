"""The page of a gate: the verdict in a line, every difference drawn, and a table for each."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from balancer.records.gate import GATE, Gate, GateScenario, Worsening

from ..amounts import amount
from ..data_files import write_csv
from ..junit import JUNIT, gate_junit
from ..layout import Layout
from ..markdown import gate_markdown
from ..metrics import metric
from ..page import render
from ..run.page import REPORT
from ..svg import drawn
from . import words as gate_words
from .figure import gate_figure, in_margins

__all__ = ["GATE_DATA", "MARKDOWN", "gate_page", "write_gate_report"]

GATE_DATA: Final = "gate.csv"
MARKDOWN: Final = "gate.md"
"""Names of the files that are written beside the page."""

WIDE: Final = Layout(width=720, left=150, right=92, font=8.6, time_ticks=0)
NARROW: Final = Layout(width=300, left=96, right=66, font=8.6, time_ticks=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRow:
    """A row of a scenario's table."""

    label: str
    verdict: str
    baseline: str
    candidate: str
    change: str
    interval: str
    margin: str
    replications: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSection:
    """One scenario of the page."""

    anchor: str
    scenario: str
    title: str
    verdict: str
    rows: tuple[GateRow, ...]
    facts: str


def write_gate_report(directory: Path) -> Path:
    """Write a gate's page, comment, test report and data beside its `gate.json`.

    Returns:
        The page's path.

    Raises:
        InputError: the gate is missing or cannot be read.
    """
    gate = GATE.read(directory)
    _write_data(directory / GATE_DATA, gate)
    for name, content in (
        (MARKDOWN, gate_markdown(gate)),
        (JUNIT, gate_junit(gate)),
        (REPORT, gate_page(gate)),
    ):
        (directory / name).write_text(content, encoding="utf-8", newline="\n")
    return directory / REPORT


def gate_page(gate: Gate) -> str:
    """The page of a gate."""
    compared = any(scenario.differences for scenario in gate.scenarios)
    figure = drawn(
        lambda layout: gate_figure(gate, layout) if compared else None,
        (WIDE, NARROW),
        prefix="",
        title="Every change against its margin",
        description=gate_words.answer(gate),
    )
    return render(
        "gate.html.jinja",
        title=f"Gate: {gate.candidate.name} against {gate.baseline.name}",
        gate=gate,
        question=gate_words.question(gate),
        answer=gate_words.answer(gate),
        uncompared=gate_words.uncompared(gate),
        figure=figure,
        data=GATE_DATA,
        sections=[
            _section(scenario, f"s{place}") for place, scenario in enumerate(gate.scenarios, 1)
        ],
        false_pass=amount(gate.error_rates.passed, "share", exact=True),
        false_fail=amount(gate.error_rates.failed, "share", exact=True),
        pass_confidence=amount(1 - gate.levels.passed, "share"),
        fail_confidence=amount(1 - gate.levels.failed, "share"),
        looks=", ".join(map(str, gate.looks)),
        command=shlex.join(gate.command),
        facts=_facts(gate),
    )


def _section(scenario: GateScenario, anchor: str) -> GateSection:
    return GateSection(
        anchor=anchor,
        scenario=scenario.scenario,
        title=scenario.title if scenario.title != scenario.scenario else "",
        verdict=scenario.verdict,
        rows=tuple(_row(each) for each in scenario.differences),
        facts=_price(scenario) + f"{scenario.replications} pairs of runs, seed {scenario.seed}",
    )


def _price(scenario: GateScenario) -> str:
    shares = gate_words.degraded(scenario)
    if shares is None:
        return ""
    return f"{metric(gate_words.DEGRADED).label}: {shares[0]} → {shares[1]}. "


def _row(each: Worsening) -> GateRow:
    baseline, candidate = gate_words.both(each)
    return GateRow(
        label=metric(each.metric).label,
        verdict=each.verdict,
        baseline=baseline,
        candidate=candidate,
        change=gate_words.changed(each),
        interval=gate_words.change_interval(each),
        margin=gate_words.margin(each),
        replications=str(each.replications),
        note=gate_words.note(each),
    )


def _facts(gate: Gate) -> tuple[tuple[str, str], ...]:
    facts = []
    for part, policy in (("Baseline", gate.baseline), ("Candidate", gate.candidate)):
        facts.append((part, policy.name))
        facts.append((f"{part}, law", policy.law))
        facts.append((f"{part}, file", policy.file or ""))
        facts.append((f"{part}, fingerprint", policy.fingerprint))
    return tuple((name, text) for name, text in (*facts, *gate.versions.items()) if text)


def _write_data(path: Path, gate: Gate) -> None:
    ends = ("estimate", "low", "high")
    header = ["scenario", "metric", "unit", "relative", "verdict", "margin"]
    header += [f"{part}_{end}" for part in ("worsening", "baseline", "candidate") for end in ends]
    header += ["worsening_in_margins", "replications"]
    write_csv(
        path,
        header,
        (
            [
                scenario.scenario,
                each.metric,
                each.unit,
                "yes" if each.relative else "no",
                each.verdict,
                each.margin,
                *(
                    getattr(part, end)
                    for part in (each.worsening, each.baseline, each.candidate)
                    for end in ends
                ),
                in_margins(each, each.worsening.estimate) if each.margin > 0 else None,
                each.replications,
            ]
            for scenario in gate.scenarios
            for each in scenario.differences
        ),
    )
