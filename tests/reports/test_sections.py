"""Verdicts in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from balancer.records.verdict import read_verdicts
from reports.run.sections import Section, section
from reports.svg import Drawn

from .samples import sample_verdict


def told(tmp_path: Path, **changes: Any) -> Section:
    """The sample's section with some keys of its verdict replaced."""
    (tmp_path / "verdict.json").write_text(json.dumps([sample_verdict(**changes)]))
    (verdict,) = read_verdicts(tmp_path)
    return section(verdict, anchor="s1", figure=Drawn(), caption="")


def estimates(low: float, high: float, name: str) -> dict[str, dict[str, float]]:
    """One metric with this interval."""
    return {name: {"estimate": (low + high) / 2, "low": low, "high": high}}


@pytest.mark.parametrize(
    ("name", "low", "high", "judgement"),
    [
        ("cost_usd", -3.0, -1.0, "better"),
        ("cost_usd", 1.0, 3.0, "worse"),
        ("cost_usd", -1.0, 3.0, ""),
        ("availability", 0.01, 0.02, "better"),
        ("availability", -0.02, -0.01, "worse"),
        ("transitions", 1.0, 3.0, ""),
    ],
)
def test_better_is_said_only_where_the_interval_leaves_out_zero(
    tmp_path: Path, name: str, low: float, high: float, judgement: str
) -> None:
    """An interval across zero is no difference, and some metrics have no better side."""
    found = told(
        tmp_path,
        arms={"policy": estimates(5.0, 6.0, name)},
        differences={"static": estimates(low, high, name)},
    )
    assert [row.judgement for row in found.compared] == [judgement]


def test_known_metrics_come_first_and_none_is_left_out(tmp_path: Path) -> None:
    """The table's order is the reader's, a metric of a later version goes to its end."""
    metrics = {**estimates(1.0, 1.0, "novel_usd"), **estimates(1.0, 1.0, "cost_usd"),
               **estimates(1.0, 1.0, "availability")}  # fmt: skip
    found = told(tmp_path, arms={"policy": metrics})
    assert [row.label for row in found.compared] == ["Availability", "Cost, billed", "Novel"]


def test_what_is_zero_in_every_arm_is_said_in_one_line(tmp_path: Path) -> None:
    """Rows of zeros would hide the rows that say something."""
    found = told(
        tmp_path,
        arms={
            "policy": estimates(0.0, 0.0, "shed_share") | estimates(0.0, 0.0, "cost_usd"),
            "static": estimates(0.0, 0.0, "shed_share") | estimates(0.0, 0.0, "cost_usd"),
            "none": estimates(0.0, 0.0, "shed_share") | estimates(1.0, 1.0, "cost_usd"),
        },
    )
    assert found.zeros == ("Requests shed",)
    assert [row.label for row in found.compared] == ["Cost, billed"]


def test_tiles_compare_with_static_and_name_the_other_arms(tmp_path: Path) -> None:
    """The first claim is against static."""
    cost = next(tile for tile in told(tmp_path).tiles if tile.label == "Cost, billed")
    assert (cost.value, cost.static, cost.change, cost.tone) == (
        "$31.20", "$47.00", "−$15.80", "good",
    )  # fmt: skip
    assert cost.others == (("without", "$47.50"), ("cheap always", "$9.40"))


def test_every_arm_is_explained(tmp_path: Path) -> None:
    """In the order in which they are read."""
    names = [name for name, _ in told(tmp_path).arms]
    assert names == ["with", "static", "without", "cheap always"]


def test_an_open_expectation_says_what_would_decide_it(tmp_path: Path) -> None:
    """The number of replications stands with the note."""
    expectation = {
        "name": "a", "verdict": "inconclusive", "estimate": 1.0, "low": 0.0, "high": 2.0,
        "bound": 1.5, "better": "lower", "unit": "seconds", "note": "9 of 10 runs in time",
        "replications_needed": 40,
    }  # fmt: skip
    (row,) = told(tmp_path, expectations=[expectation]).expectations
    assert row.note == "9 of 10 runs in time; about 40 replications would decide it"
    assert row.bound.startswith("≤ 1.5")


def test_an_open_expectation_that_nothing_would_decide_says_so(tmp_path: Path) -> None:
    """So that nobody waits for replications."""
    undecided = {
        "name": "a", "verdict": "inconclusive", "estimate": None, "low": None, "high": None,
        "bound": 1.5, "better": "lower", "unit": "seconds", "note": "never left normal",
    }  # fmt: skip
    (row,) = told(tmp_path, expectations=[undecided]).expectations
    assert row.note == "never left normal; more replications would not decide it"


def test_a_drawing_says_where_its_scale_ends(tmp_path: Path) -> None:
    """From the least of interval and bound to the most."""
    expectation = {
        "name": "a", "verdict": "pass", "estimate": 0.26, "low": 0.23, "high": 0.29,
        "bound": 0.2, "better": "higher", "unit": "share",
    }  # fmt: skip
    (row,) = told(tmp_path, expectations=[expectation]).expectations
    assert row.plot is not None
    assert row.plot.ends == ("20\u202f%", "29.0\u202f%")


def test_a_never_that_held_is_not_drawn_as_if_it_failed(tmp_path: Path) -> None:
    """Its interval always reaches past the bound of 0; only a violation would fail it."""
    never = {
        "name": "never above hard", "estimate": 0.0, "low": 0.0, "high": 0.26, "bound": 0.0,
        "better": "lower", "unit": "share",
    }  # fmt: skip
    held, broken = told(
        tmp_path,
        expectations=[{**never, "verdict": "pass"}, {**never, "verdict": "fail"}],
    ).expectations
    assert (held.plot, held.interval) == (None, "up to 26.0\u202f% possible")
    assert broken.plot is not None


def test_a_fault_that_comes_again_is_one_row(tmp_path: Path) -> None:
    """The first window, and how many follow."""
    windows = [
        {"name": "flap", "text": "503s", "from_s": at, "to_s": at + 60.0}
        for at in (600.0, 900.0, 1200.0)
    ]
    assert told(tmp_path, faults=windows).faults == (
        ("flap", "503s", "0:10:00 to 0:11:00, and 2 times more"),
    )


def test_the_command_is_safe_to_paste(tmp_path: Path) -> None:
    """A scenario's name is quoted for the shell."""
    assert told(tmp_path, scenario="a; rm b").command == (
        "open-balancer run 'a; rm b' --seed 1 --replications 10"
    )
