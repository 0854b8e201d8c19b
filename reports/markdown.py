"""A gate as a comment on a pull request: verdict first, one table, nothing to scroll.

The text is GitHub's and GitLab's Markdown. Names come from files of a pull request, which
anybody may open: they become no markup, no link, no mention and no picture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from balancer.records.gate import Gate, GateScenario, Worsening

from .amounts import counted
from .gate import words as gate_words
from .metrics import metric
from .page import SYMBOLS

__all__ = ["gate_markdown"]

MOST_ROWS = 30
"""More comparisons than these are in the report; a comment is read in passing."""

ICONS = {"pass": "✅", "fail": "❌", "inconclusive": "❔"}
SPECIAL = re.compile(r"[^\w\s.,;:()%+/=“”–−≤≥→-]|(?<![^\W_])_|_(?![^\W_])")

Row = tuple[GateScenario, Worsening]


def gate_markdown(gate: Gate) -> str:
    """The comment: answer, what stands in the way or everything if that is little, and how."""
    rows = [(scenario, each) for scenario in gate.scenarios for each in scenario.differences]
    notable = [row for row in rows if row[1].verdict != "pass"]
    shown = rows if len(rows) <= MOST_ROWS else notable[:MOST_ROWS]
    lines = [
        f"### {ICONS.get(gate.verdict, '❔')} {plain(gate_words.answer(gate))}",
        "",
        f"Policy {plain(gate.candidate.name)} against {plain(gate.baseline.name)}, "
        f"{_scenarios(gate)}, on the same requests."
        + (f" {told}." if (told := gate_words.uncompared(gate)) else ""),
        "",
    ]
    if shown:
        lines += [*_table(shown), ""]
    hidden = len(rows) - len(shown)
    if hidden:
        left = "passed" if len(notable) <= MOST_ROWS else "are in the report"
        lines += [f"{counted(hidden, 'more comparison')} {left}.", ""]
    if told := _degraded(gate):
        lines += [told, ""]
    lines.append(
        "“Change” is the candidate less the baseline; “allowed” is how far it may go to the worse "
        "side. Pass: the whole interval is within. Fail: it is beyond."
    )
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """Text in which no sign means anything to Markdown."""
    return SPECIAL.sub(lambda found: f"&#{ord(found[0])};", text)


def _degraded(gate: Gate) -> str:
    """What the gains are paid with, whether or not it was asked for."""
    found = [(each.scenario, gate_words.degraded(each)) for each in gate.scenarios]
    told = [f"{plain(name)} {shares[0]} → {shares[1]}" for name, shares in found if shares]
    more = f"; {len(told) - MOST_ROWS} more" if len(told) > MOST_ROWS else ""
    label = metric(gate_words.DEGRADED).label
    return f"{label}: {'; '.join(told[:MOST_ROWS])}{more}." if told else ""


def _scenarios(gate: Gate) -> str:
    return counted(len(gate.scenarios), "scenario")


def _table(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| | Scenario | Metric | Baseline | → Candidate | Change | Interval | Allowed |",
        "|---|---|---|--:|--:|--:|---|--:|",
    ]
    for scenario, each in rows:
        baseline, candidate = gate_words.both(each)
        cells = (
            f"{SYMBOLS.get(each.verdict, '?')} {plain(each.verdict)}",
            plain(scenario.scenario),
            plain(metric(each.metric).label),
            baseline,
            candidate,
            gate_words.changed(each),
            gate_words.change_interval(each) or "–",
            gate_words.margin(each),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines
