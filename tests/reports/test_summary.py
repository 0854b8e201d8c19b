"""Many scenarios at a glance."""

from __future__ import annotations

import pytest

from balancer.records.verdict import Verdict, read_verdict
from reports.run.summary import overall, summary

from .samples import sample_verdict


def verdicts(*outcomes: str) -> list[Verdict]:
    """Scenarios s0, s1, … with these verdicts."""
    return [
        read_verdict(sample_verdict(scenario=f"s{place}", verdict=outcome), "here")
        for place, outcome in enumerate(outcomes)
    ]


@pytest.mark.parametrize(
    ("outcomes", "verdict", "answer"),
    [
        (("pass", "pass"), "pass", "Yes: the policy holds in all 2 scenarios"),
        (("pass", "fail"), "fail", "No: 1 of 2 scenarios fail (s1)"),
        (
            ("inconclusive", "pass"),
            "inconclusive",
            "Not yet: 1 of 2 scenarios are not decided (s0)",
        ),
        (
            ("inconclusive", "fail"),
            "fail",
            "No: 1 of 2 scenarios fail (s1); 1 of 2 scenarios are not decided (s0)",
        ),
        (("fail",) * 6, "fail", "No: 6 of 6 scenarios fail (s0, s1, s2, s3 and 2 more)"),
    ],
)
def test_the_answer_names_what_stands_in_the_way(
    outcomes: tuple[str, ...], verdict: str, answer: str
) -> None:
    """The worst verdict first, with the scenarios it came from."""
    found = summary(verdicts(*outcomes), list(outcomes))
    assert (found.verdict, found.answer) == (verdict, answer)


def test_each_row_has_the_figures_people_ask_for() -> None:
    """What it was with the controller, and what that changed."""
    (row,) = summary(verdicts("pass"), ["s1"]).rows
    assert [value for value, _ in row.figures] == [
        "99.91\N{NARROW NO-BREAK SPACE}%",
        "3.9\N{NARROW NO-BREAK SPACE}s",
        "$31.20",
        "0.950",
        "37.0\N{NARROW NO-BREAK SPACE}%",
    ]
    assert row.figures[0][1] == "+1.41\N{NARROW NO-BREAK SPACE}points"
    assert row.figures[1][1] == "static: 14.2\N{NARROW NO-BREAK SPACE}s"
    assert row.figures[3][1] == "−0.040"
    assert row.harm == ""


def test_harm_is_named_beside_what_holds() -> None:
    """A policy may meet all that is expected, and yet answer fewer than static."""
    harm = {"estimate": -0.2, "low": -0.3, "high": -0.1, "found": True}
    harmed = read_verdict(sample_verdict(scenario="bad", harm=harm), "here")
    found = summary([*verdicts("pass"), harmed], ["s1", "s2"])
    assert found.answer == "Yes: the policy holds in all 2 scenarios; it does harm in 1 (bad)"
    assert found.rows[1].harm.startswith("availability −20.0")


def test_no_scenarios_are_no_failure() -> None:
    """There is nothing that does not hold."""
    assert overall([]) == "pass"
