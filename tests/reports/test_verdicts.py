"""Reading verdict.json back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from balancer.core.errors import InputError
from balancer.records.verdict import read_verdicts

from .samples import sample_verdict


def written(directory: Path, content: Any) -> Path:
    """A directory with this verdict.json."""
    (directory / "verdict.json").write_text(json.dumps(content), encoding="utf-8")
    return directory


def test_a_verdict_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Numbers, names and windows come through."""
    (verdict,) = read_verdicts(written(tmp_path, [sample_verdict()]))
    assert verdict.scenario == "latency_spike"
    assert verdict.metrics["cost_usd"].estimate == 31.2
    assert verdict.transitions[0].after == "soft"
    assert verdict.faults[0].to_s == 2400.0


def test_null_is_no_number(tmp_path: Path) -> None:
    """JSON cannot hold NaN: a metric without value reads as one."""
    metrics = {"latency_p95_s": {"estimate": None, "low": None, "high": None}, "x": None}
    (verdict,) = read_verdicts(written(tmp_path, [sample_verdict(arms={"policy": metrics})]))
    assert math.isnan(verdict.metrics["latency_p95_s"].estimate)
    assert math.isnan(verdict.metrics["x"].low)


def test_a_verdict_of_only_what_the_format_requires_is_read(tmp_path: Path) -> None:
    """What a report adds around the verdict may be missing."""
    required = (
        "version", "scenario", "verdict", "seed", "replications", "duration_s", "expectations",
        "arms",
    )  # fmt: skip
    least = {key: sample_verdict()[key] for key in required}
    (verdict,) = read_verdicts(written(tmp_path, [least]))
    assert verdict.title == "latency_spike"
    assert verdict.differences == {}
    assert not verdict.harm.found
    assert verdict.journals == {}


def test_each_arm_is_read_with_what_the_controller_changed_of_it(tmp_path: Path) -> None:
    """By its name; what there is not is undefined."""
    (verdict,) = read_verdicts(written(tmp_path, [sample_verdict()]))
    assert verdict.metric("cheapest", "cost_usd").estimate == 9.4
    assert verdict.change("none", "availability").estimate == 0.0311
    assert math.isnan(verdict.metric("elsewhere", "cost_usd").estimate)
    assert math.isnan(verdict.change("none", "quality").estimate)


def test_a_verdict_of_an_older_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """Its arms were others; one message, and no guess."""
    older = {key: value for key, value in sample_verdict(version=1).items() if key != "arms"}
    with pytest.raises(InputError, match="found version 1 of a verdict, expected 2") as caught:
        read_verdicts(written(tmp_path, [older]))
    assert str(caught.value).endswith("an older open-balancer wrote it: run the scenario again")
    assert "entry 1" in str(caught.value)


def test_control_characters_are_taken_out(tmp_path: Path) -> None:
    """What neither HTML nor SVG can hold would make the report unreadable."""
    title = "a\x00b\n\x1b[31mc \ud800 d\u202ee"
    (verdict,) = read_verdicts(written(tmp_path, [sample_verdict(title=title)]))
    assert verdict.title == "a b [31mc d e"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "expected a list"),
        ([1], "expected a list"),
        ([{"version": 2}], "key 'scenario' is missing"),
        ([{}], "found version None of a verdict, expected 2"),
        ([sample_verdict(version="2")], "found version '2' of a verdict, expected 2"),
        ([sample_verdict(version=3)], "found version 3 of a verdict, expected 2"),
        ([sample_verdict(seed="x")], "not a verdict: seed: found 'x', expected a whole number"),
        ([sample_verdict(arms=[1])], "not a verdict"),
        ([sample_verdict(arms={"policy": [1]})], "arms.policy: found [1], expected an object"),
        ([sample_verdict(transitions=[{"at_s": 1.0}])], "key 'transitions[0].from' is missing"),
        ([sample_verdict(verdict="good")], "found 'good', expected 'pass' or 'fail' or"),
        (
            [sample_verdict(arms={"policy": {"a": {"estimate": "much"}}})],
            "arms.policy.a.estimate: found 'much', expected a number",
        ),
        ([sample_verdict(harm=3)], "not a verdict"),
        ([sample_verdict(duration_s=0)], "duration_s: found 0, expected a number above 0"),
        ([sample_verdict(faults={"a": 1})], "faults: found {'a': 1}, expected a list"),
    ],
)
def test_what_is_no_verdict_is_refused_with_its_place(
    tmp_path: Path, content: Any, said: str
) -> None:
    """One message that names the file and what is wrong."""
    with pytest.raises(InputError, match=r"verdict\.json") as caught:
        read_verdicts(written(tmp_path, content))
    assert said in str(caught.value)


def test_a_directory_without_a_verdict_is_refused(tmp_path: Path) -> None:
    """Somebody else's directory is not a report's."""
    with pytest.raises(InputError, match="cannot read it"):
        read_verdicts(tmp_path)


def test_what_is_not_json_is_refused(tmp_path: Path) -> None:
    """A torn file is not half a verdict."""
    (tmp_path / "verdict.json").write_text('[{"scenario":', encoding="utf-8")
    with pytest.raises(InputError, match="not JSON"):
        read_verdicts(tmp_path)
