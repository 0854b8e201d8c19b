"""The page of a comparison, from `comparison.json` alone."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from balancer.core.errors import InputError
from reports.comparison.page import write_comparison_report

from .comparison_samples import law, sample_comparison
from .outline import Outline


def written(directory: Path, comparison: dict[str, Any]) -> str:
    """The page of a comparison."""
    (directory / "comparison.json").write_text(json.dumps(comparison), encoding="utf-8")
    return write_comparison_report(directory).read_text(encoding="utf-8")


def test_the_winner_stands_before_everything_else(tmp_path: Path) -> None:
    """Answer, map, laws, scenarios, command."""
    page = written(tmp_path, sample_comparison())
    parts = [
        "dimmer is best, or level with the best, in 2 of 2 scenarios",
        "ladder is so in 1 of 2 scenarios",
        'role="img"',
        "What an answer is worth decides",
        "the policy as it is",
        'id="s1"',
        "ladder is best, level with dimmer.",
        "misses availability at least 99%; dominated by ladder, dimmer",
        'id="s2"',
        "open-balancer compare latency_spike cost_spike",
    ]
    places = [page.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


def test_what_a_law_is_run_with_leaves_the_table_its_width(tmp_path: Path) -> None:
    """Below the table of laws: in it, its last columns were out of sight."""
    page = written(tmp_path, sample_comparison())
    table = page[page.index('<h3 id="laws">') :]
    table = table[: table.index("</table>")]
    assert "the policy as it is" not in table
    assert "Utility over ladder's" in table
    assert ">at $0.003<" in table and ">at $0.1<" in table


def test_what_operators_live_through_stands_in_a_table_of_its_own(tmp_path: Path) -> None:
    """`reaches` names a mechanism: who misses it is told so there, and not held out for it."""
    page = written(tmp_path, sample_comparison())
    assert "misses reaches" not in page
    over_all = page[page.index('<h4 id="laws-lived">') :]
    over_all = over_all[: over_all.index("</table>")]
    assert "Recovers, met" in over_all and "1 of 2" in over_all
    second = page[page.index('<h4 id="s1-lived">') :]
    second = second[: second.index("</table>")]
    assert "Reaches soft within 1m" in second and "Transitions per hour" in second
    assert [second.count(mark) for mark in "✓✗"] == [2, 1]
    first = page[page.index('id="s1"') : page.index('<h4 id="s1-lived">')]
    assert "Utility per 1000 requests" in first and "Transitions" not in first


def test_the_worth_that_the_score_rests_on_is_said(tmp_path: Path) -> None:
    """In every scenario, and who is best where it is another."""
    page = written(tmp_path, sample_comparison())
    assert "A perfect answer is worth $0.03 within 1m" in page
    assert "every second of waiting costs 0.5% of that" in page
    assert "Over what an answer is worth: dimmer up to $0.04, then ladder." in page


def test_the_page_is_whole_and_asks_nobody(tmp_path: Path) -> None:
    """Every element is closed, ids are unique, nothing is fetched; one link, to the data."""
    outline = Outline(written(tmp_path, sample_comparison()))
    assert outline.open == []
    ids = [attributes["id"] for _, attributes in outline.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [attributes["href"] for attributes in outline.named("a")] == ["comparison.csv"]
    assert not [tag for tag, _ in outline.found if tag in {"script", "link", "img", "iframe"}]


def test_no_colour_of_the_figure_is_fixed(tmp_path: Path) -> None:
    """Dark mode and print choose their own."""
    page = written(tmp_path, sample_comparison())
    figures = re.findall(r'<svg[^>]*role="img".*?</svg>', page, flags=re.DOTALL)
    assert len(figures) == 2 + 2 + 2 * 2, "map, worths, and each scenario, both wide and narrow"
    assert not any(re.search(r"(fill|stroke): #(?!000000|ffffff)", drawn) for drawn in figures)


def test_a_figure_has_an_interval_as_precise_as_itself(tmp_path: Path) -> None:
    """$2.00 for 1000 answers is known to ten cents; more digits would say nothing."""
    page = written(tmp_path, sample_comparison())
    assert re.search(r'\$2\.00(</strong>)?<span class="note block">±0\.10</span>', page)


def test_the_data_file_has_every_metric_of_every_law(tmp_path: Path) -> None:
    """Those too that the page leaves out."""
    extra = law("none", "misses", 0.9)
    extra["metrics"]["my_metric"] = {"estimate": 7.0, "low": 6.0, "high": 8.0}
    comparison = sample_comparison()
    comparison["scenarios"][1]["laws"][2] = extra
    written(tmp_path, comparison)
    with (tmp_path / "comparison.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["scenario"], row["law"], row["standing"]) for row in rows] == [
        ("latency_spike", "ladder", "best"),
        ("latency_spike", "dimmer", "level"),
        ("latency_spike", "none", "misses"),
        ("cost_spike", "ladder", "behind"),
        ("cost_spike", "dimmer", "best"),
        ("cost_spike", "none", "misses"),
    ]
    assert float(rows[3]["regret_estimate"]) == 0.12
    assert [row["my_metric_low"] for row in rows] == ["", "", "", "", "", "6.0"]


def test_a_scenario_nobody_masters_has_no_best(tmp_path: Path) -> None:
    """Then there is no regret either."""
    comparison = sample_comparison()
    comparison["scenarios"][0]["best"] = None
    comparison["scenarios"][0]["laws"] = [
        law(name, "misses") | {"score": None, "regret": None} for name in comparison["laws"]
    ]
    page = written(tmp_path, comparison)
    assert "No law meets what is expected." in page
    assert "nan" not in re.sub(r"<[^>]+>", " ", page).split()


def test_a_comparison_that_was_interrupted_at_once_has_a_page(tmp_path: Path) -> None:
    """It says what is missing, and draws nothing."""
    page = written(tmp_path, sample_comparison(scenarios=[], summary=[], missing=["steady"]))
    assert "No scenario was compared. Not run: steady" in page
    assert "<figure>" not in page


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """Nothing in a scenario's name becomes markup."""
    evil = '</title><script>alert(1)</script>"onload=x {{7*7}} $x$ \x00'
    comparison = sample_comparison(versions={evil: evil}, missing=[evil], command=[evil])
    for scenario in comparison["scenarios"]:
        scenario.update(scenario=evil, title=evil, policy=evil, left_out=[evil], best=evil)
    page = written(tmp_path, comparison)
    outline = Outline(page)
    assert "<script" not in page
    assert not any("onload" in attributes for _, attributes in outline.found)
    assert outline.open == []


@pytest.mark.parametrize("text", ["[]", "{", "{}", '{"laws": 1}'])
def test_what_is_no_comparison_is_told_in_a_line(tmp_path: Path, text: str) -> None:
    """With the file's name, and no page."""
    (tmp_path / "comparison.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"comparison\.json"):
        write_comparison_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        (1, r"version 1 .* expected 2; .*dollars per quality-weighted answer.* compare. again"),
        (3, r"found version 3 of a comparison, expected 2"),
    ],
)
def test_a_comparison_of_another_version_says_so(
    tmp_path: Path, version: int, problem: str
) -> None:
    """Its score means something else; half a page of it would mislead."""
    text = json.dumps(sample_comparison(version=version))
    (tmp_path / "comparison.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=problem):
        write_comparison_report(tmp_path)
