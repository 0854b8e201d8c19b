"""The directory of a tuning: page and data, from `tuning.json` alone."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from balancer.core.errors import InputError
from reports.tuning.page import write_tuning_report

from .outline import Outline
from .tuning_samples import candidate, sample_tuning


def written(directory: Path, tuning: dict[str, Any]) -> str:
    """The page of a tuning."""
    (directory / "tuning.json").write_text(json.dumps(tuning), encoding="utf-8")
    return write_tuning_report(directory).read_text(encoding="utf-8")


def test_the_answer_stands_before_everything_else(tmp_path: Path) -> None:
    """Question, answer, front, numbers, words, what matters, what holds, how, command."""
    page = written(tmp_path, sample_tuning())
    parts = [
        "Which thresholds should we run?",
        "Policy 2 gives cost −20.0 ±2.0\N{NARROW NO-BREAK SPACE}%",
        "In the scenario held out:",
        'role="img"',
        'id="front"',
        'id="settings"',
        "soft begins at P95 latency 12s, was 15s",
        'id="importance"',
        'id="sensitivity"',
        'id="worst"',
        'id="robust"',
        "quotas: no scenario has any",
        "How it was found",
        "open-balancer gate --candidate front-2.yaml",
        "open-balancer tune error_storm",
    ]
    places = [page.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


def test_the_page_is_whole_and_asks_nobody(tmp_path: Path) -> None:
    """Every element is closed, ids are unique, nothing is fetched; one link, to the data."""
    outline = Outline(written(tmp_path, sample_tuning()))
    assert outline.open == []
    ids = [attributes["id"] for _, attributes in outline.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [attributes["href"] for attributes in outline.named("a")] == ["tuning.csv"]
    assert not [tag for tag, _ in outline.found if tag in {"script", "link", "img", "iframe"}]


def test_no_colour_of_a_figure_is_fixed(tmp_path: Path) -> None:
    """Dark mode and print choose their own."""
    page = written(tmp_path, sample_tuning())
    figures = re.findall(r'<svg[^>]*role="img".*?</svg>', page, flags=re.DOTALL)
    assert len(figures) == 6
    assert not any(re.search(r"(fill|stroke): #(?!000000|ffffff)", drawn) for drawn in figures)


def test_the_data_stand_beside_it(tmp_path: Path) -> None:
    """Every policy with what it sets and what it came to."""
    written(tmp_path, sample_tuning())
    with (tmp_path / "tuning.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["policy"] for row in rows] == ["today", "1", "2", "3"]
    assert float(rows[2]["thresholds.soft.latency_p95"]) == 12.0
    assert float(rows[2]["cost_low"]) == pytest.approx(0.78)
    assert float(rows[2]["availability_held_out_estimate"]) == 0.975
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "report.html",
        "tuning.csv",
        "tuning.json",
    ]


def test_what_breaks_where_is_said_in_words(tmp_path: Path) -> None:
    """And never by a colour alone."""
    page = written(tmp_path, sample_tuning())
    assert page.count('✗</span><span class="unseen">breaks</span>') == 1
    assert page.count('★</span><span class="unseen">proposed</span>') == 1
    assert page.count("✗ broken") == 1
    assert "prices +30%" in page


def test_a_front_without_policies_has_a_page(tmp_path: Path) -> None:
    """It says what could not be kept, and draws nothing."""
    page = written(
        tmp_path, sample_tuning(front=[], knee=0, chosen=0, sensitivity=[], robustness=None)
    )
    assert "No policy that was tried keeps availability &gt;= 95%" in page
    assert 'id="changes"' not in page
    assert 'id="robust"' not in page


def test_too_few_trials_say_nothing_of_importance(tmp_path: Path) -> None:
    """But how many it takes."""
    few = {"trials": 12, "needed": 40, "objectives": []}
    page = written(tmp_path, sample_tuning(importance=few))
    assert "12 complete trials say nothing reliable; it takes 40." in page
    assert "PED-ANOVA" not in page


def test_one_objective_has_a_page_without_a_front_drawn(tmp_path: Path) -> None:
    """A front of one objective is a point."""
    full = sample_tuning()
    only = candidate(3, 0.7, 0.97)
    for each in (only, full["today"], full["static"]):
        for key in ("objectives", "objectives_held_out"):
            each[key] = each.get(key, [])[:1]
    page = written(
        tmp_path,
        sample_tuning(
            objectives=full["objectives"][:1],
            today=full["today"],
            static=full["static"],
            front=[only],
            knee=0,
            chosen=0,
            sensitivity=[],
            robustness=None,
        ),
    )
    assert "Policy 1 gives cost −30" in page
    assert 'id="front-wide' not in page


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """Nothing in a policy's or a scenario's name becomes markup."""
    evil = '</title><script>alert(1)</script>"onload=x {{7*7}} $x$ \x00'
    full = sample_tuning()
    for each in (full["today"], *full["front"]):
        each |= {"name": evil, "law": evil, "file": evil, "changes": [evil], "fingerprint": evil}
        each["worst"][0]["scenario"] = evil
        each["values"][0] |= {"path": evil, "text": evil}
    full["objectives"][0] = {**full["objectives"][0], "name": evil}
    page = written(
        tmp_path,
        {
            **full,
            "constraints": [evil],
            "scenarios": [evil],
            "held_out": [evil],
            "split": evil,
            "sampler": evil,
            "versions": {evil: evil},
        },
    )
    outline = Outline(page)
    assert "<script" not in page
    assert not any("onload" in attributes for _, attributes in outline.found)
    assert outline.open == []
    assert "{{7*7}}" in page


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "not a tuning"),
        ("{", "not JSON"),
        ("{}", "found version None of a tuning, expected 1"),
        ('{"version": 2}', "found version 2 of a tuning, expected 1"),
        ('{"version": 1}', "key 'objectives' is missing"),
    ],
)
def test_what_is_no_tuning_is_told_in_a_line(tmp_path: Path, text: str, told: str) -> None:
    """With the file's name, and no page."""
    (tmp_path / "tuning.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"tuning.json.*{told}"):
        write_tuning_report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tuning.json"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"chosen": 3}, "chosen is 3; expected a place from 0 to 2"),
        ({"knee": -1}, "knee is -1; expected a place from 0 to 2"),
        ({"today": candidate(-1, 1.0, 0.99, objectives=[])}, "objectives are 0; expected 2"),
        ({"trials": "many"}, "trials: found 'many', expected a whole number"),
    ],
)
def test_a_tuning_that_contradicts_itself_is_told(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    """A file that somebody has edited."""
    with pytest.raises(InputError, match=told):
        written(tmp_path, sample_tuning(**changes))


def test_a_missing_tuning_is_named(tmp_path: Path) -> None:
    """The directory of something else."""
    with pytest.raises(InputError, match=r"tuning\.json"):
        write_tuning_report(tmp_path)
