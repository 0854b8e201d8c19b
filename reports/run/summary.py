"""Many scenarios at a glance: one answer for all of them, and a row for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from balancer.records.verdict import Verdict

from ..amounts import NOTHING, amount, difference
from ..arms import POLICY, STATIC
from ..metrics import metric
from .answer import answer, harm

__all__ = ["Summary", "SummaryRow", "overall", "summary"]

SHOWN = ("availability", "latency_p95_s", "cost_usd", "quality", "degraded_share")

MOST_NAMES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """A scenario: `figures` are (with the controller, against static) for each column; `harm`
    says so where the controller does harm, else "".
    """

    anchor: str
    scenario: str
    title: str
    verdict: str
    answer: str
    harm: str
    figures: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run of many scenarios came to.

    Attributes:
        verdict: fail if any fails, else inconclusive if any is, else pass.
        answer: the same in a line, with names.
        columns: labels of the figures.
        rows: one for each scenario, in the order of the run.
    """

    verdict: str
    answer: str
    columns: tuple[str, ...]
    rows: tuple[SummaryRow, ...]


def overall(verdicts: Sequence[str]) -> str:
    """Fail if any fails, else inconclusive if any is, else pass."""
    worst = {"pass": 0, "inconclusive": 1, "fail": 2}
    return max(verdicts, key=lambda each: worst.get(each, 1), default="pass")


def summary(verdicts: Sequence[Verdict], anchors: Sequence[str]) -> Summary:
    """Sum up a run; `anchors` lead to the scenarios' sections."""
    return Summary(
        verdict=overall([each.verdict for each in verdicts]),
        answer=_answer(verdicts),
        columns=tuple(metric(name).label for name in SHOWN),
        rows=tuple(
            SummaryRow(
                anchor=anchor,
                scenario=each.scenario,
                title=each.title if each.title != each.scenario else "",
                verdict=each.verdict,
                answer=answer(each),
                harm=harm(each),
                figures=tuple(_figure(each, name) for name in SHOWN),
            )
            for each, anchor in zip(verdicts, anchors, strict=True)
        ),
    )


def _answer(verdicts: Sequence[Verdict]) -> str:
    failed = [each.scenario for each in verdicts if each.verdict == "fail"]
    undecided = [each.scenario for each in verdicts if each.verdict == "inconclusive"]
    total = len(verdicts)
    parts = []
    if failed:
        parts.append(f"No: {len(failed)} of {total} scenarios fail ({_names(failed)})")
    if undecided:
        told = f"{len(undecided)} of {total} scenarios are not decided ({_names(undecided)})"
        parts.append(told if failed else f"Not yet: {told}")
    if not parts:
        parts.append(f"Yes: the policy holds in all {total} scenarios")
    harmed = [each.scenario for each in verdicts if each.harm.found]
    if harmed:
        parts.append(f"it does harm in {len(harmed)} ({_names(harmed)})")
    return "; ".join(parts)


def _names(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _figure(verdict: Verdict, name: str) -> tuple[str, str]:
    shown = metric(name)
    value = verdict.metric(POLICY, name).estimate
    if name == "degraded_share":
        return amount(value, shown.unit), ""  # static degrades nobody
    if name in {"availability", "quality"}:
        change = difference(verdict.change(STATIC, name).estimate, shown.unit)
        return amount(value, shown.unit), "" if change == NOTHING else change
    other = amount(verdict.metric(STATIC, name).estimate, shown.unit)
    return amount(value, shown.unit), "" if other == NOTHING else f"static: {other}"
