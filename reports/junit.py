"""Verdicts as JUnit XML, which every CI system shows as tests.

One suite for each scenario, one case for each expectation or comparison. A fail is a
`failure`; an inconclusive is an `error`, because nothing was shown to be wrong and yet the
question is open, and no CI system may show it in green. What was measured stands in each
case's properties; a run's suite has the arms in its own, and whether the controller does harm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree as ET

from balancer.records.gate import Gate, Worsening
from balancer.records.verdict import Judgement, Verdict

from .amounts import amount
from .arms import LABELS
from .gate import words as gate_words
from .judgements import remarks, spread
from .metrics import metric

__all__ = ["JUNIT", "gate_junit", "run_junit"]

JUNIT: Final = "junit.xml"
"""Name of the file that is written."""

HEADLINE: Final = (
    "availability",
    "latency_p95_s",
    "cost_usd",
    "cost_saved",
    "quality",
    "degraded_share",
)
"""Metrics of each arm that stand in a suite's properties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One test: its verdict, what a person reads of it, and what a program does."""

    name: str
    verdict: str
    message: str
    properties: Mapping[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suite:
    """Tests under one name, and what holds of all of them."""

    name: str
    cases: Sequence[_Case]
    properties: Mapping[str, float | str] = field(default_factory=dict)


def run_junit(verdicts: Sequence[Verdict]) -> str:
    """A run: each expectation a test."""
    return _document(
        "open-balancer run",
        [
            _Suite(
                name=each.scenario,
                cases=[_expectation(expected) for expected in each.expectations],
                properties=_arms(each),
            )
            for each in verdicts
        ],
    )


def _arms(verdict: Verdict) -> dict[str, float | str]:
    """The headline of every arm, by names such as "static.availability"."""
    found: dict[str, float | str] = {
        f"{arm}.{name}": verdict.metric(arm, name).estimate for arm in LABELS for name in HEADLINE
    }
    found["harm"] = "yes" if verdict.harm.found else "no"
    return found


def gate_junit(gate: Gate) -> str:
    """A gate: each comparison a test; a scenario that was not finished is one open test."""
    suites = [
        _Suite(name=scenario.scenario, cases=[_comparison(each) for each in scenario.differences])
        for scenario in gate.scenarios
    ]
    unfinished = _Case(
        name="finished",
        verdict="inconclusive",
        message="interrupted before it was decided",
        properties={},
    )
    suites += [_Suite(name=name, cases=[unfinished]) for name in gate.missing]
    return _document("open-balancer gate", suites)


def _expectation(each: Judgement) -> _Case:
    message = f"measured {amount(each.value.estimate, each.unit)}"
    if found := spread(each):
        message += f", interval {found}"
    if math.isfinite(each.bound):
        message += f", bound {amount(each.bound, each.unit, exact=True)}"
    message = "; ".join((message, *remarks(each)))
    return _Case(
        name=each.name,
        verdict=each.verdict,
        message=message,
        properties={
            "estimate": each.value.estimate,
            "low": each.value.low,
            "high": each.value.high,
            "bound": each.bound,
            "unit": each.unit,
            **({"against": each.against} if each.against else {}),
        },
    )


def _comparison(each: Worsening) -> _Case:
    message = f"{' → '.join(gate_words.both(each))}, change {gate_words.changed(each)}"
    if found := gate_words.change_interval(each):
        message += f", interval {found}"
    message += f", allowed {gate_words.margin(each)}"
    note = gate_words.note(each)
    return _Case(
        name=f"{metric(each.metric).label} within {gate_words.margin(each)}",
        verdict=each.verdict,
        message=f"{message}; {note}" if note else message,
        properties={
            "estimate": each.worsening.estimate,
            "low": each.worsening.low,
            "high": each.worsening.high,
            "bound": each.margin,
            "unit": "relative" if each.relative else each.unit,
            "replications": float(each.replications),
        },
    )


def _document(name: str, suites: Iterable[_Suite]) -> str:
    root = ET.Element("testsuites", name=name)
    totals = [0, 0, 0]
    for suite in suites:
        cases = suite.cases
        counts = [len(cases), *(sum(_kind(case) == kind for case in cases) for kind in KINDS)]
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        element = ET.SubElement(
            root, "testsuite", {"name": suite.name, **_counted(counts), "skipped": "0"}
        )
        _add_properties(element, suite.properties)
        for case in cases:
            element.append(_case(suite.name, case))
    for key, value in _counted(totals).items():
        root.set(key, value)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


KINDS = ("failure", "error")


def _counted(counts: Sequence[int]) -> dict[str, str]:
    return dict(zip(("tests", "failures", "errors"), map(str, counts), strict=True))


def _kind(case: _Case) -> str:
    return {"pass": "", "fail": "failure"}.get(case.verdict, "error")


def _case(suite: str, case: _Case) -> ET.Element:
    element = ET.Element("testcase", classname=f"open-balancer.{suite}", name=case.name)
    _add_properties(element, case.properties)
    if kind := _kind(case):
        ET.SubElement(element, kind, type=case.verdict, message=case.message)
    return element


def _add_properties(element: ET.Element, values: Mapping[str, float | str]) -> None:
    """Properties of an element, but for numbers that are undefined."""
    shown = {
        name: value if isinstance(value, str) else f"{value:.10g}"
        for name, value in values.items()
        if isinstance(value, str) or math.isfinite(value)
    }
    if shown:
        properties = ET.SubElement(element, "properties")
        for name, value in shown.items():
            ET.SubElement(properties, "property", name=name, value=value)
