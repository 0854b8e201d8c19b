"""What a tuning found, in words: on a page and on a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest

from balancer.records.interval import Interval
from balancer.records.tuning import TUNING, Change, Objective, Tuning
from reports.console import show
from reports.tuning.terminal import tuning_tables
from reports.tuning.words import answer, dimension, effect, effort, gap, way

from .tuning_samples import candidate, estimate, sample_tuning

THIN = "\N{NARROW NO-BREAK SPACE}"
COST = Objective(name="cost", metric="cost_usd", form="ratio", unit="share", better="lower")
AVAILABILITY = Objective(
    name="availability", metric="availability", form="mean", unit="share", better="higher"
)


def tuning(**changes: Any) -> Tuning:
    """The sample as a value."""
    return TUNING.of(sample_tuning(**changes))


def changed(of: Objective, estimate: float, low: float, high: float) -> Change:
    """A change with its interval."""
    return Change(of=of, change=Interval(estimate=estimate, low=low, high=high))


@pytest.mark.parametrize(
    ("change", "said", "good"),
    [
        (changed(COST, -0.12, -0.15, -0.09), f"cost −12.0 ±3.0{THIN}%", "good"),
        (changed(COST, 0.12, 0.09, 0.15), f"cost +12.0 ±3.0{THIN}%", "bad"),
        (changed(COST, 0.12, 0.02, 0.13), f"cost +12.0 ±10.0{THIN}%", "bad"),
        (
            changed(AVAILABILITY, 0.0001, -0.0003, 0.0005),
            f"availability unchanged within ±0.05{THIN}points",
            "",
        ),
        (
            changed(AVAILABILITY, -0.01, -0.012, -0.008),
            f"availability −1.00 ±0.20{THIN}points",
            "bad",
        ),
        (changed(COST, 0.0, 0.0, 0.0), "cost unchanged", ""),
        (changed(COST, float("nan"), float("nan"), float("nan")), "cost undefined", ""),
        (
            changed(COST, -0.1, float("nan"), float("nan")),
            f"cost −10.0{THIN}%, from too few runs to say how surely",
            "",
        ),
    ],
)
def test_a_change_is_told_from_noise(change: Change, said: str, good: str) -> None:
    """With its natural sign, and whether it is for better or worse."""
    assert effect(change) == said
    assert way(change) == good


def test_the_answer_says_what_is_given_for_what() -> None:
    """And what stays."""
    assert answer(tuning()) == (
        f"Policy 2 gives cost −20.0 ±2.0{THIN}% for availability −0.50 ±0.05{THIN}points"
    )
    same = candidate(8, 0.8, 0.99)
    assert answer(tuning(front=[same], knee=0, chosen=0)) == (
        f"Policy 1 gives cost −20.0 ±2.0{THIN}%; availability unchanged within ±0.05{THIN}points"
    )
    level = candidate(8, 1.0, 0.99)
    assert answer(tuning(front=[level], knee=0, chosen=0)).startswith(
        "Policy 1 cannot be told from today's policy by these runs: cost unchanged within"
    )
    worse = candidate(8, 1.2, 0.99)
    assert answer(tuning(front=[worse], knee=0, chosen=0)).startswith(
        f"Policy 1 gives nothing for cost +20.0 ±2.0{THIN}%"
    )


def test_todays_policy_may_be_the_best() -> None:
    """Or no policy may keep what was asked."""
    full = sample_tuning()
    assert answer(tuning(front=[full["today"]], knee=0, chosen=0)) == (
        "Nothing was found that is better than today's policy"
    )
    nothing = {"front": [], "knee": -1, "chosen": -1}
    assert answer(tuning(**nothing)) == "No policy that was tried keeps availability >= 95%"
    assert answer(tuning(**nothing, constraints=[])) == "No policy was found"


def test_the_gap_is_told_where_something_was_held_out() -> None:
    """One scenario or several."""
    assert gap(tuning()).startswith("In the scenario held out: cost −10")
    assert gap(tuning(held_out=["a", "b"])).startswith("In the 2 scenarios held out:")
    assert gap(tuning(held_out=[])) == ""


def test_effort_counts_what_was_given_up_and_what_was_none() -> None:
    """Where there was any."""
    assert (
        effort(tuning(raced=0, invalid=0, trials=1)) == f"1 trial, 2{THIN}400{THIN}hours simulated"
    )
    assert "120 of them given up early, 4 more that were no policies" in effort(tuning())


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("thresholds.soft.latency_p95", "soft latency p95"),
        ("modes.hard.output_cap", "hard output cap"),
        ("ladder.hold", "ladder hold"),
        ("tick", "tick"),
    ],
)
def test_a_number_is_called_by_its_path(path: str, said: str) -> None:
    """Without what every path begins with."""
    assert dimension(path) == said


def told(found: Tuning) -> str:
    """What is written to a log."""
    stream = io.StringIO()
    show(tuning_tables(found), stream)
    return stream.getvalue()


def test_a_log_has_every_policy_with_its_figures() -> None:
    """And none of them is cut."""
    text = told(tuning())
    (proposed,) = (line for line in text.splitlines() if line.startswith("2 ★"))
    assert f" 80.0{THIN}% ±2.0 " in proposed
    assert "\nstatic ✗ " in text
    assert "★ proposed, ✗ breaks a constraint" in text
    assert "soft begins at P95 latency 12s, was 15s" in text
    assert "…" not in text


def test_a_log_of_nothing_found_says_so() -> None:
    """Today's policy alone, and nothing held out."""
    full = sample_tuning()
    full["today"]["objectives_held_out"] = [estimate(None), estimate(None)]
    text = told(TUNING.of({**full, "front": [], "static": None, "held_out": [], "constraints": []}))
    assert "No policy was found." in text
    assert "held out: none" in text
    assert "★" not in text
