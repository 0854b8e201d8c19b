"""The question and the answer, a line each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from balancer.records.verdict import Verdict, read_verdicts
from reports.run.answer import answer, cheap, effect, harm, question

from .samples import sample_verdict


def verdict(tmp_path: Path, **changes: Any) -> Verdict:
    """The sample's verdict with some keys replaced."""
    (tmp_path / "verdict.json").write_text(json.dumps([sample_verdict(**changes)]))
    return read_verdicts(tmp_path)[0]


def outcomes(*verdicts: str) -> list[dict[str, Any]]:
    """Expectations with these verdicts, named a, b, c…"""
    return [
        {"name": name, "verdict": each} for name, each in zip("abcdefgh", verdicts, strict=False)
    ]


def plain(text: str) -> str:
    """With ordinary spaces and hyphens."""
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


def test_the_question_names_policy_and_trouble(tmp_path: Path) -> None:
    """What was tried, and on what."""
    assert question(verdict(tmp_path)) == (
        "Does policy “default” hold in “The model answers four times slower for 20 minutes”?"
    )


def test_a_title_that_asks_is_the_question(tmp_path: Path) -> None:
    """An author's own question is not wrapped in another one."""
    asked = verdict(tmp_path, title="Does it leave ordinary traffic alone?")
    assert question(asked) == "Does it leave ordinary traffic alone?"


@pytest.mark.parametrize(
    ("expectations", "said"),
    [
        (outcomes("pass", "pass"), "Yes: all 2 expectations met"),
        (outcomes("pass"), "Yes: its expectation was met"),
        (outcomes("pass", "fail", "inconclusive"), "No: 1 of 3 expectations not met (b)"),
        (outcomes(*["fail"] * 4), "No: 4 of 4 expectations not met (a; b; 2 more)"),
        (outcomes("inconclusive", "pass"), "Not decided: 1 of 2 expectations open (a)"),
        ([], "The scenario expects nothing"),
    ],
)
def test_the_answer_follows_the_worst_expectation(
    tmp_path: Path, expectations: list[dict[str, Any]], said: str
) -> None:
    """A failure makes it no, an open question makes it undecided."""
    assert answer(verdict(tmp_path, expectations=expectations)) == said


def test_the_effect_is_what_was_gained_and_what_was_given_up(tmp_path: Path) -> None:
    """What the controller changed against static, which has retries and fallback too."""
    assert plain(effect(verdict(tmp_path))) == (
        "against static: cost 33.6 % lower, quality 0.040 lower (assumed), 37.0 % of requests "
        "served degraded, availability +1.41 points, P95 3.9 s instead of 14.2 s"
    )


def test_no_change_is_called_no_change(tmp_path: Path) -> None:
    """Steady traffic: nothing is better or worse."""
    static = sample_verdict()["arms"]["static"]
    zero = {name: {"estimate": 0.0, "low": 0.0, "high": 0.0} for name in static}
    arms = {"policy": static, "static": static}
    steady = verdict(tmp_path, arms=arms, differences={"static": zero})
    assert plain(effect(steady)) == (
        "against static: cost unchanged, quality unchanged (assumed), no request served degraded, "
        "availability unchanged, P95 14.2 s, the same"
    )


def test_without_static_there_is_no_effect(tmp_path: Path) -> None:
    """Nothing is claimed that was not measured."""
    nothing = {"policy": {"availability": {"estimate": 1.0, "low": 1.0, "high": 1.0}}}
    alone = verdict(tmp_path, arms=nothing, differences={})
    assert (effect(alone), cheap(alone)) == ("", "")


@pytest.mark.parametrize("found", [True, False])
def test_harm_is_said_only_where_the_record_found_it(tmp_path: Path, found: bool) -> None:
    """In points of availability against static."""
    harmed = {"estimate": -0.02, "low": -0.03, "high": -0.01, "found": found}
    said = "availability -2.00 points against static (-3.00 to -1.00 points)" if found else ""
    assert plain(harm(verdict(tmp_path, harm=harmed))) == said
