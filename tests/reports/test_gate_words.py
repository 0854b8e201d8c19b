"""What a gate says in words."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from balancer.records.gate import GATE, Gate, Worsening
from reports.amounts import THIN, amount
from reports.gate.figure import in_margins
from reports.gate.page import gate_page
from reports.gate.terminal import gate_tables
from reports.gate.words import (
    answer,
    change_interval,
    changed,
    degraded,
    margin,
    note,
    uncompared,
)
from reports.markdown import gate_markdown

from .gate_samples import difference, sample_gate, scenario


def one(**changes: Any) -> Worsening:
    """A single difference, of latency unless said otherwise."""
    metric = changes.pop("metric", "latency_p95_s")
    worsening = changes.pop("worsening", (0.048, 0.026, 0.068))
    verdict = changes.pop("verdict", "pass")
    return found(difference(metric, worsening, verdict, **changes)).scenarios[0].differences[0]


def found(*differences: dict[str, Any], **changes: Any) -> Gate:
    """A gate of one scenario."""
    return GATE.of(sample_gate(scenarios=[scenario("s", "pass", *differences)], **changes))


PASSED = difference("latency_p95_s", (0.01, 0.0, 0.02), "pass")
FAILED = difference("latency_p95_s", (0.11, 0.09, 0.13), "fail")
OPEN = difference("latency_p95_s", (0.05, 0.03, 0.07), "inconclusive")


@pytest.mark.parametrize(
    ("gate", "text"),
    [
        (found(PASSED, PASSED), "Yes: within the margin in all 2 comparisons"),
        (found(PASSED), "Yes: within the margin in 1 comparison"),
        (found(PASSED, identical=True), "Yes: both policies decide the same"),
        (
            found(PASSED, OPEN, FAILED),
            "No: worse beyond the margin in 1 of 3 comparisons "
            "(Latency P95 in s 990 ms → 980 ms, +11.0 %)",
        ),
        (
            found(PASSED, OPEN),
            "Not decided: 1 of 2 comparisons open (Latency P95 in s 990 ms → 980 ms, +5.00 %)",
        ),
        (
            found(PASSED, missing=["t"]),
            "Not decided: the gate was interrupted; not finished: t",
        ),
        (found(), "There was nothing to compare"),
    ],
)
def test_the_answer_says_why(gate: Gate, text: str) -> None:
    """A failure outweighs what is open, and what is open or missing outweighs a pass."""
    assert answer(gate).replace(THIN, " ") == text


def test_the_worst_failures_are_named_first() -> None:
    """Measured in margins, because percent and points do not compare."""
    points = difference("availability", (0.004, 0.003, 0.005), "fail")
    assert answer(found(FAILED, points)).index("Availability") < answer(
        found(FAILED, points)
    ).index("Latency")


def test_percent_is_relative_and_points_are_not() -> None:
    """An availability of 99 % that is worse by 1 % and by 1 point are two things."""
    latency, available = one(), one(metric="availability", worsening=(0.0042, 0.003, 0.0054))
    assert (changed(latency), margin(latency)) == (f"+4.80{THIN}%", f"+5{THIN}%")
    assert (changed(available), margin(available)) == (f"−0.42{THIN}points", f"−0.1{THIN}points")
    assert change_interval(latency) == f"+2.60 to +6.80{THIN}%"


def test_a_change_has_its_own_sign() -> None:
    """A quality that fell is minus, and so is a cost that did."""
    fell = one(metric="quality", relative=False, margin=0.01, worsening=(0.15, 0.1, 0.2))
    assert (changed(fell), change_interval(fell)) == ("−0.150", "−0.200 to −0.100")
    cheaper = one(metric="cost_per_answer_usd", worsening=(-0.642, -0.7, -0.6))
    assert changed(cheaper) == f"−64.2{THIN}%"
    same = one(metric="availability", worsening=(0.0, 0.0, 0.0))
    assert changed(same) == f"0{THIN}points"


def test_a_margin_in_the_metrics_own_unit_keeps_it() -> None:
    """200 ms are 200 ms."""
    each = one(relative=False, margin=0.2, worsening=(0.3, 0.1, 0.5))
    assert (changed(each), margin(each)) == (f"+300{THIN}ms", f"+200{THIN}ms")


def test_replications_needed_are_told_only_where_something_is_open() -> None:
    """A decided comparison needs none."""
    assert note(one(verdict="inconclusive", replications_needed=5230)) == (
        f"about 5{THIN}230 replications would decide it"
    )
    assert note(one(verdict="pass", replications_needed=5230)) == ""
    assert note(one(verdict="inconclusive", note="undefined in 2 of 10 runs")) == (
        "undefined in 2 of 10 runs; more replications would not decide it"
    )


def test_zero_and_the_margin_have_their_places() -> None:
    """Whatever the unit."""
    assert in_margins(one(), 0.0) == 0
    assert in_margins(one(), 0.05) == 1


def test_what_a_gain_is_paid_with_is_shown_whether_or_not_a_margin_asks() -> None:
    """On terminal, comment and page; where a margin asks, its row has it already."""
    shares = {
        "baseline": {"estimate": 0.01, "low": 0.0, "high": 0.02},
        "candidate": {"estimate": 0.25, "low": 0.2, "high": 0.3},
    }
    every = [{**scenario(f"s{n}", "pass", PASSED), "degraded": shares} for n in range(7)]
    gate = GATE.of(sample_gate(scenarios=every))
    assert degraded(gate.scenarios[0]) == (amount(0.01, "share"), amount(0.25, "share"))
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(gate_tables(gate))
    assert console.export_text().count("Requests served above normal") == 1 + len(every)
    moved = f"{amount(0.01, 'share')} → {amount(0.25, 'share')}"
    assert gate_markdown(gate).count(moved) == len(every)
    assert gate_page(gate).count(moved) == len(every)
    asked = difference("degraded_share", (0.0, 0.0, 0.0), "pass")
    assert degraded(found(asked).scenarios[0]) is None
    assert degraded(found(PASSED).scenarios[0]) is None  # a record of an earlier release


def test_what_may_be_given_up_for_a_gain_is_named_where_it_was_not_compared() -> None:
    """A cost that falls with the quality passes a gate that asks for cost alone."""
    assert uncompared(found(PASSED)).endswith(": Quality of answers, Requests served above normal")
    both = [difference(name, (0.0, 0.0, 0.0), "pass") for name in ("quality", "degraded_share")]
    assert uncompared(found(PASSED, *both)) == uncompared(found()) == ""
