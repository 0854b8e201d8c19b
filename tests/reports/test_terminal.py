"""Verdicts on a terminal: legible at any width, whatever the numbers and texts are."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from balancer.records.verdict import read_verdicts
from reports.run.terminal import verdict_tables
from tests.reports.samples import sample_verdict


def shown(tmp_path: Path, *entries: dict[str, Any], width: int = 110) -> list[str]:
    """Lines of the tables of these verdicts."""
    (tmp_path / "verdict.json").write_text(json.dumps(entries))
    console = Console(file=io.StringIO(), width=width, no_color=True, highlight=False)
    with console.capture() as captured:
        console.print(verdict_tables(read_verdicts(tmp_path)))
    return [line.rstrip() for line in captured.get().splitlines()]


def expectation(**changes: Any) -> dict[str, Any]:
    """One expectation of a verdict."""
    entry = {
        "name": "availability at least 99%",
        "verdict": "pass",
        "estimate": 0.9991,
        "low": 0.9988,
        "high": 0.9994,
        "bound": 0.99,
        "better": "higher",
        "unit": "share",
        "note": "",
        "replications_needed": None,
    }
    return entry | changes


def test_the_verdict_comes_first(tmp_path: Path) -> None:
    """Then under which circumstances."""
    lines = shown(tmp_path, sample_verdict(law="ladder"))
    assert lines[:2] == [
        "latency_spike: pass",
        "policy default (law ladder), 10 replications, seed 1",
    ]


def test_an_expectation_is_a_line(tmp_path: Path) -> None:
    """What was expected, its verdict, what was measured, the interval and the bound."""
    lines = shown(tmp_path, sample_verdict(expectations=[expectation()]))
    (line,) = (line for line in lines if line.startswith("availability at least"))
    assert [cell for cell in line.split("  ") if cell][1].strip() == "pass"
    assert line.endswith("99\u202f%")


def test_an_inconclusive_expectation_says_what_would_decide_it(tmp_path: Path) -> None:
    """With its note, below its name."""
    undecided = expectation(
        verdict="inconclusive", note="2 of 3 runs in time", replications_needed=40
    )
    lines = shown(tmp_path, sample_verdict(verdict="inconclusive", expectations=[undecided]))
    assert "2 of 3 runs in time" in lines
    assert "about 40 replications would decide it" in lines


def test_what_was_given_up_stands_beside_the_gain(tmp_path: Path) -> None:
    """Before any table."""
    lines = shown(tmp_path, sample_verdict())
    head = " ".join(lines[: lines.index("")])
    assert "cost 33.6\u202f% lower, quality 0.040 lower (assumed), 37.0\u202f% of requests" in head


def test_a_never_that_held_says_what_remains_possible(tmp_path: Path) -> None:
    """No interval that crosses a bound which it passes."""
    never = expectation(
        name="never above hard", estimate=0.0, low=0.0, high=0.26, bound=0.0, better="lower"
    )
    (line,) = (
        each
        for each in shown(tmp_path, sample_verdict(expectations=[never]))
        if each.startswith("never above hard")
    )
    assert "up to 26.0\u202f% possible" in line and "0 to" not in line


def test_a_decided_expectation_asks_for_nothing(tmp_path: Path) -> None:
    """Replications are proposed where they would change something."""
    lines = shown(tmp_path, sample_verdict(expectations=[expectation(replications_needed=40)]))
    assert not any("would decide" in line for line in lines)


def test_the_arms_stand_side_by_side(tmp_path: Path) -> None:
    """With, static, the difference with its interval, without, and the cheap model always."""
    lines = shown(tmp_path, sample_verdict())
    (line,) = (line for line in lines if line.startswith("Cost, billed"))
    cells = [cell.strip() for cell in line.split("  ") if cell.strip()]
    assert cells == [
        "Cost, billed", "$31.20", "$47.00", "−$15.80", "−$16.10 to −$15.50", "$47.50", "$9.40",
    ]  # fmt: skip


def test_savings_stand_beside_those_of_the_cheap_model_always(tmp_path: Path) -> None:
    """So that nobody takes them for skill."""
    text = " ".join(shown(tmp_path, sample_verdict())).replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert (
        "Of static's cost (quality and availability 0.990, 98.5 %), the cheap model always saves "
        "80.0 % without any controller (0.850, 100 %); the controller saves 33.6 % "
        "(0.950, 99.91 %)."
    ) in text


def test_harm_is_said(tmp_path: Path) -> None:
    """Below the arms, and again in the overview of several scenarios."""
    harm = {"estimate": -0.376, "low": -0.385, "high": -0.368, "found": True}
    lines = shown(tmp_path, sample_verdict(harm=harm), sample_verdict())
    said = [line for line in lines if "Harm: availability −37.6" in line]
    assert len(said) == 2


def test_what_is_undefined_is_a_dash(tmp_path: Path) -> None:
    """A run without answers has no P95, and one replication no interval."""
    nothing = {"estimate": None, "low": None, "high": None}
    entry = sample_verdict(
        replications=1,
        arms={"policy": {"latency_p95_s": nothing}},
        differences={"static": {"latency_p95_s": nothing}},
    )
    lines = shown(tmp_path, entry)
    assert "1 replication, seed 1" in lines[1]
    (line,) = (line for line in lines if line.startswith("Latency P95"))
    assert line.split()[2:] == ["–"] * 6


def test_a_metric_without_difference_is_still_shown(tmp_path: Path) -> None:
    """Nothing is hidden for want of another arm."""
    arms = {"policy": sample_verdict()["arms"]["policy"]}
    lines = shown(tmp_path, sample_verdict(arms=arms, differences={}))
    (line,) = (line for line in lines if line.startswith("Cost, billed"))
    assert line.split()[2:] == ["$31.20", *["–"] * 5]


def test_markup_in_a_scenario_is_text(tmp_path: Path) -> None:
    """Names come from strangers."""
    entry = sample_verdict(
        scenario="[red]x[/nonsense]", policy="[b]", expectations=[expectation(name="[i]fast[/]")]
    )
    lines = shown(tmp_path, entry)
    assert lines[0] == "[red]x[/nonsense]: pass"
    assert any(line.startswith("[i]fast[/]") for line in lines)


def test_it_fits_a_narrow_terminal(tmp_path: Path) -> None:
    """Names wrap; numbers are never cut."""
    lines = shown(tmp_path, sample_verdict(expectations=[expectation()]), width=80)
    assert max(map(len, lines)) <= 80
    assert any("99.88 to 99.94\u202f%" in line for line in lines)


def test_on_a_narrow_terminal_the_other_arms_have_a_table_of_their_own(tmp_path: Path) -> None:
    """Rather than cut numbers."""
    lines = shown(tmp_path, sample_verdict(), width=75)
    assert max(map(len, lines)) <= 75
    assert any(line.endswith("−$16.10 to −$15.50") for line in lines)
    assert any(line.split() == ["Cost,", "billed", "$47.50", "$9.40"] for line in lines)


def test_a_policy_that_does_not_fit_is_said(tmp_path: Path) -> None:
    """Below the tables, with the value that would fit."""
    said = "latency_p95 is 22 s where nothing is wrong; 28 s would fit"
    lines = shown(tmp_path, sample_verdict(misfits=[said]))
    place = lines.index(f"The policy does not fit this traffic: {said}")
    assert lines[place + 1].startswith("open-balancer policy fit, on a journal of this run")
    assert not any("not fit" in line for line in shown(tmp_path, sample_verdict()))
