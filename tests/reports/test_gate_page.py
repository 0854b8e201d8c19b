"""The gate's directory: page, data, comment and test report, from `gate.json` alone."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from balancer.core.errors import InputError
from reports.gate.page import write_gate_report

from .gate_samples import difference, sample_gate, scenario
from .outline import Outline


def written(directory: Path, gate: dict[str, Any]) -> str:
    """The page of a gate."""
    (directory / "gate.json").write_text(json.dumps(gate), encoding="utf-8")
    return write_gate_report(directory).read_text(encoding="utf-8")


def test_the_verdict_stands_before_everything_else(tmp_path: Path) -> None:
    """Question, answer, figure, tables, method, command: in the order of a reader's questions."""
    page = written(tmp_path, sample_gate())
    parts = [
        "May “mine” replace “default”?",
        "No: worse beyond the margin in 2 of 8 comparisons",
        'role="img"',
        'id="s1"',
        "too close to the margin to tell",
        'id="s3"',
        "How it was decided",
        "open-balancer gate --candidate mine.yaml latency_spike",
        "9f2c",
    ]
    places = [page.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


def test_the_page_is_whole_and_asks_nobody(tmp_path: Path) -> None:
    """Every element is closed, ids are unique, nothing is fetched; one link, to the data."""
    outline = Outline(written(tmp_path, sample_gate()))
    assert outline.open == []
    ids = [attributes["id"] for _, attributes in outline.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [attributes["href"] for attributes in outline.named("a")] == ["gate.csv"]
    assert not [tag for tag, _ in outline.found if tag in {"script", "link", "img", "iframe"}]


def test_no_colour_of_the_figure_is_fixed(tmp_path: Path) -> None:
    """Dark mode and print choose their own."""
    page = written(tmp_path, sample_gate())
    figures = re.findall(r'<svg[^>]*role="img".*?</svg>', page, flags=re.DOTALL)
    assert len(figures) == 2
    assert not any(re.search(r"(fill|stroke): #(?!000000|ffffff)", drawn) for drawn in figures)


def test_the_data_of_the_figure_stand_beside_it(tmp_path: Path) -> None:
    """Every comparison, as it was in the gate."""
    written(tmp_path, sample_gate())
    with (tmp_path / "gate.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 8
    second = rows[1]
    assert (second["scenario"], second["metric"]) == ("latency_spike", "latency_p95_s")
    assert float(second["worsening_high"]) == 0.0681
    assert float(second["worsening_in_margins"]) == pytest.approx(0.966)
    assert rows[-1]["worsening_low"] == ""


def test_everything_for_a_pipeline_is_written(tmp_path: Path) -> None:
    """Nothing is left for another command to make."""
    written(tmp_path, sample_gate())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "gate.csv",
        "gate.json",
        "gate.md",
        "junit.xml",
        "report.html",
    ]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """Nothing in a policy's or a scenario's name becomes markup."""
    evil = '</title><script>alert(1)</script>"onload=x {{7*7}} $x$ \x00'
    worse = difference(evil, (1.0, 0.5, 2.0), "fail", note=evil, unit=evil)
    hostile = scenario(evil, "fail", worse)
    gate = sample_gate(
        scenarios=[hostile],
        missing=[evil],
        baseline={"name": evil, "law": evil, "file": evil, "fingerprint": evil},
        versions={evil: evil},
    )
    page = written(tmp_path, gate)
    outline = Outline(page)
    assert "<script" not in page
    assert not any("onload" in attributes for _, attributes in outline.found)
    assert outline.open == []
    assert "{{7*7}}" in page


def test_a_gate_that_was_interrupted_at_once_has_a_page(tmp_path: Path) -> None:
    """It says what is missing, and draws nothing."""
    page = written(tmp_path, sample_gate(scenarios=[], missing=["steady"], verdict="inconclusive"))
    assert "Not decided: the gate was interrupted; not finished: steady" in page
    assert "No scenario was finished." in page
    assert "<figure>" not in page


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "not a gate"),
        ("{", "not JSON"),
        ("{}", "found version None of a gate, expected 1"),
        ('{"version": 1}', "key 'verdict' is missing"),
        ('{"version": 1, "verdict": 1}', "verdict: found 1, expected 'pass' or 'fail' or"),
        ('{"version": 1, "verdict": "pass"}', "key 'baseline' is missing"),
    ],
)
def test_what_is_no_gate_is_told_in_a_line(tmp_path: Path, text: str, told: str) -> None:
    """With the file's name, and no page."""
    (tmp_path / "gate.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"gate.json.*{told}"):
        write_gate_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_missing_gate_is_named(tmp_path: Path) -> None:
    """The directory of something else."""
    with pytest.raises(InputError, match=r"gate\.json"):
        write_gate_report(tmp_path)
