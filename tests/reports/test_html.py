"""The page: one file, whatever is in it, and safe to open."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from balancer.core.errors import InputError, JournalError
from balancer.core.journal import JournalWriter
from reports.run.page import write_report

from .outline import Outline
from .samples import POLICY, sample_ticks, sample_verdict

DURATION_S = 600


def journal(*, controlled: bool, ticks: int = DURATION_S) -> str:
    """A journal of the sample run's first minutes."""
    stream = io.StringIO()
    writer = JournalWriter(stream, POLICY, {"arm": "policy" if controlled else "none"})
    for observations, decision in sample_ticks(controlled=controlled, duration_s=ticks):
        writer.write(observations, decision)
    return stream.getvalue()


@pytest.fixture(scope="module")
def journals() -> dict[str, str]:
    """Journals of both arms, written once."""
    return {
        "policy.jsonl": journal(controlled=True),
        "none.jsonl": journal(controlled=False),
    }


def report(directory: Path, verdicts: list[dict[str, Any]], journals: dict[str, str]) -> str:
    """The page of these verdicts."""
    (directory / "verdict.json").write_text(json.dumps(verdicts), encoding="utf-8")
    for name, text in journals.items():
        (directory / name).write_text(text, encoding="utf-8")
    path = write_report(directory)
    assert path == directory / "report.html"
    return path.read_text(encoding="utf-8")


def short(**changes: Any) -> dict[str, Any]:
    """The sample's verdict over ten minutes, with both journals."""
    whole: dict[str, Any] = {
        "duration_s": float(DURATION_S),
        "journals": {"policy": "policy.jsonl", "none": "none.jsonl"},
        "faults": [{"name": "slow", "text": "times 4", "from_s": 200.0, "to_s": 400.0}],
    }
    return sample_verdict(**{**whole, **changes})


def test_the_page_is_one_file_without_references(tmp_path: Path, journals: dict[str, str]) -> None:
    """It opens without a network: nothing is fetched, linked in or imported."""
    page = report(tmp_path, [short()], journals)
    outline = Outline(page)
    assert not [tag for tag, _ in outline.found if tag in {"script", "link", "img", "iframe"}]
    links = [a[name] for _, a in outline.found for name in ("href", "src") if name in a]
    # The figure's data stand beside it; nothing is lost where the page is passed on alone.
    beside = [link for link in links if link is not None and not link.startswith("#")]
    assert beside == ["policy.timeline.csv"]
    assert "http" not in page
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


@pytest.mark.slow
def test_the_page_is_well_formed(tmp_path: Path, journals: dict[str, str]) -> None:
    """Every element is closed, ids are unique, and links within the page lead somewhere."""
    outline = Outline(report(tmp_path, [short(), short(scenario="again")], journals))
    assert outline.open == []
    ids = [attributes["id"] for _, attributes in outline.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [a["href"] for _, a in outline.found if a.get("href")]
    assert {link[1:] for link in links if link is not None and link[0] == "#"} <= set(ids)


def test_the_page_can_be_read_aloud(tmp_path: Path, journals: dict[str, str]) -> None:
    """Language, table headers with scope, figures with alternative text."""
    outline = Outline(report(tmp_path, [short()], journals))
    assert next(outline.named("html"))["lang"] == "en"
    assert all(attributes.get("scope") in {"row", "col"} for attributes in outline.named("th"))
    for attributes in outline.named("svg"):
        assert attributes.get("role") == "img" or attributes.get("aria-hidden") == "true"


def test_a_section_holds_all_its_parts(tmp_path: Path, journals: dict[str, str]) -> None:
    """Question, answer, timeline, tables, assumptions and how to run it again."""
    expectations = [
        {
            "name": "availability at least 99.5 %", "verdict": "pass", "estimate": 0.999,
            "low": 0.998, "high": 1.0, "bound": 0.995, "better": "higher", "unit": "share",
        }
    ]  # fmt: skip
    page = report(tmp_path, [short(expectations=expectations)], journals)
    parts = [
        "Does policy “default” hold in",
        "Yes: its expectation was met",
        "Timeline of latency_spike",
        "Expectations</h3>",
        "availability at least 99.5 %",
        "What the controller changed</h3>",
        "Transitions</h3>",
        "soft: latency_p95 6.2 s &gt; 4 s over 60 s",
        "Assumptions</h3>",
        "Quality of a full answer",
        "open-balancer run latency_spike --seed 1 --replications 10",
    ]
    places = [page.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.slow
def test_several_scenarios_begin_with_a_summary(tmp_path: Path, journals: dict[str, str]) -> None:
    """A table at the top leads to each section."""
    verdicts = [short(), short(scenario="steady", verdict="fail")]
    page = report(tmp_path, verdicts, journals)
    outline = Outline(page)
    leads = [a["href"] for a in outline.named("a") if str(a.get("href")).startswith("#")]
    assert leads == ["#s1", "#s2", "#summary", "#summary"]
    assert "No: 1 of 2 scenarios fail (steady)" in page
    assert len(list(outline.named("article"))) == 2
    assert page.index('id="summary"') < page.index('id="s1"')


def test_one_scenario_needs_no_summary(tmp_path: Path, journals: dict[str, str]) -> None:
    """A table of one row would only repeat the section."""
    assert 'id="summary"' not in report(tmp_path, [short()], journals)


def test_hostile_text_stays_text(tmp_path: Path, journals: dict[str, str]) -> None:
    """Whatever a scenario calls itself, nothing in it becomes markup."""
    evil = "</title></style><script>alert('x')</script>\"onload=x {{7*7}} $x$ \x00"
    verdict = short(
        scenario=evil,
        title=evil,
        teaches=evil,
        source=evil,
        policy=evil,
        assumptions=[evil],
        expectations=[{"name": evil, "verdict": "fail", "note": evil, "unit": evil}],
        transitions=[{"at_s": 1.0, "from": evil, "to": evil, "reason": evil}],
        faults=[{"name": evil, "text": evil, "from_s": 10.0, "to_s": 20.0}],
        versions={evil: evil},
        metrics={evil: {"estimate": 1.0, "low": 1.0, "high": 1.0}},
    )
    page = report(tmp_path, [verdict], journals)
    outline = Outline(page)
    assert "<script" not in page
    assert not any("onload" in attributes for _, attributes in outline.found)
    assert outline.open == []
    assert "{{7*7}}" in page
    assert "\x00" not in page


def test_a_run_with_nothing_to_tell_is_told(tmp_path: Path) -> None:
    """One replication, no answers, no counterfactual, no transitions, an empty journal."""
    nothing = {"estimate": None, "low": None, "high": None}
    verdict = short(
        replications=1,
        verdict="inconclusive",
        expectations=[{"name": "p95", "verdict": "inconclusive", **nothing, "bound": 2.0}],
        arms={
            "policy": {"latency_p95_s": nothing, "cost_usd": nothing},
            "static": {"latency_p95_s": None},
        },
        differences=None,
        harm=None,
        transitions=[],
        faults=[],
        assumptions=[],
        journals={"policy": "empty.jsonl"},
    )
    page = report(tmp_path, [verdict], {"empty.jsonl": journal(controlled=True, ticks=0)})
    assert "nan" not in re.sub(r"<[^>]+>", " ", page).split()
    assert "stayed in one mode throughout" in page
    assert "no journal of a run without a controller" in page


def test_harm_is_said_in_the_section_and_in_the_summary(tmp_path: Path) -> None:
    """In the colour of a failure, whatever the verdict; where there is none, no word of it."""
    harm = {"estimate": -0.376, "low": -0.385, "high": -0.368, "found": True}
    page = report(tmp_path, [short(journals={}, harm=harm), short(journals={})], {})
    said = "availability −37.6 points against static (−38.5 to −36.8 points)"
    assert page.replace("\N{NARROW NO-BREAK SPACE}", " ").count(said) == 2
    assert page.count("<strong>Harm</strong>") == 2
    assert "it does harm in 1 (latency_spike)" in page


def test_a_policy_that_does_not_fit_is_said_in_its_section(tmp_path: Path) -> None:
    """With the value that would fit."""
    said = "latency_p95 is 22 s where nothing is wrong; 28 s would fit"
    more = "error_rate is 6.0% where nothing is wrong; 12.0% would fit"
    page = report(tmp_path, [short(journals={}, misfits=[said, more]), short(journals={})], {})
    assert page.count("does not fit this traffic") == 1
    assert f"</strong>: {said}. {more}. <code>open-balancer policy fit</code>" in page


def test_a_run_without_journals_has_no_timeline(tmp_path: Path) -> None:
    """The tables are still worth reading."""
    page = report(tmp_path, [short(journals={})], {})
    assert "<figure>" not in page
    assert "there is no timeline" in page


def test_no_scenario_at_all_is_said(tmp_path: Path) -> None:
    """An empty list is an empty page, not an error."""
    assert "No scenario was run." in report(tmp_path, [], {})


def test_a_thousand_transitions_are_counted_and_not_listed(
    tmp_path: Path, journals: dict[str, str]
) -> None:
    """The page stays readable when a law flaps all day."""
    moves = [
        {"at_s": float(k), "from": "normal", "to": "soft", "reason": "again"} for k in range(1000)
    ]
    page = report(tmp_path, [short(transitions=moves)], journals)
    assert page.count(">again<") == 200
    assert "800 more are in verdict.json" in page


@pytest.mark.slow
def test_a_day_makes_no_larger_page_than_an_hour(tmp_path: Path) -> None:
    """Points are bounded, so length costs nothing."""
    verdict = short(duration_s=3600.0, journals={"policy": "policy.jsonl"})
    page = report(tmp_path, [verdict], {"policy.jsonl": journal(controlled=True, ticks=3600)})
    assert len(page) < 400_000


def test_a_missing_journal_is_named(tmp_path: Path) -> None:
    """A directory that lost a file says which."""
    (tmp_path / "verdict.json").write_text(json.dumps([short()]), encoding="utf-8")
    with pytest.raises(JournalError, match=r"policy\.jsonl"):
        write_report(tmp_path)


def test_a_journal_outside_the_directory_is_not_read(tmp_path: Path) -> None:
    """A verdict from elsewhere cannot make the report show other files."""
    inside = tmp_path / "run"
    inside.mkdir()
    (tmp_path / "policy.jsonl").write_text(journal(controlled=True, ticks=5), encoding="utf-8")
    verdict = short(journals={"policy": "../policy.jsonl"})
    (inside / "verdict.json").write_text(json.dumps([verdict]), encoding="utf-8")
    with pytest.raises(InputError, match="no such file"):
        write_report(inside)


@pytest.mark.slow
def test_the_same_run_gives_the_same_page(tmp_path: Path, journals: dict[str, str]) -> None:
    """Two reports of one run can be compared byte for byte."""
    assert report(tmp_path, [short()], journals) == report(tmp_path, [short()], journals)


def test_the_page_knows_light_dark_print_and_narrow(
    tmp_path: Path, journals: dict[str, str]
) -> None:
    """Each way of reading has its rules, and no colour is fixed in a figure."""
    page = report(tmp_path, [short()], journals)
    assert "@media screen and (prefers-color-scheme:dark)" in page
    assert "@media print" in page
    assert "@media (max-width: 40rem)" in page
    figures = re.findall(r'<svg[^>]*role="img".*?</svg>', page, flags=re.DOTALL)
    assert len(figures) == 2
    assert not any(re.search(r"(fill|stroke): #(?!000000|ffffff)", drawn) for drawn in figures)
