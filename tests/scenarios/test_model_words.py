"""Words for models in a scenario: of whatever model the clients ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.errors import ScenarioError
from balancer.policy_file import default_model
from scenarios.loader import load
from scenarios.schema import GeminiUpstream, Scenario, UpstreamFault

FAULT = "{kind: error, at: 1m, for: 1m, model: %s}"


def scenario(tmp_path: Path, text: str, *overrides: str) -> Scenario:
    """A file that says so much, read."""
    path = tmp_path / "words.yaml"
    path.write_text(f"scenario: words\ntitle: Words?\n{text}", encoding="utf-8")
    return load(path, overrides).scenario


def struck(found: Scenario) -> list[str | None]:
    """Models of its faults."""
    return [fault.model for fault in found.faults if isinstance(fault, UpstreamFault)]


def limited(found: Scenario) -> list[str]:
    """Models of which it says something."""
    assert isinstance(found.upstream, GeminiUpstream)
    return list(found.upstream.models)


def test_words_are_steps_down_from_the_default_model(tmp_path: Path) -> None:
    """In faults, in the upstream and in the mix that is asked for."""
    words = ("asked", "one cheaper", "two cheaper", "three cheaper")
    faults = ", ".join(FAULT % word for word in words)
    mix = "workload: {models: {asked: 50%, one cheaper: 50%}}"
    limits = "upstream: {models: {two cheaper: {capacity: 3}}}"
    found = scenario(tmp_path, f"faults: [{faults}]\n{mix}\n{limits}\n")
    ladder = struck(found)
    assert ladder[0] == default_model() == found.clients.model
    assert len(set(ladder)) == 4
    assert limited(found) == [ladder[2]]
    assert list(found.workload.models) == ladder[:2]


def test_words_follow_the_model_that_clients_name(tmp_path: Path) -> None:
    """Written in the file or set from outside."""
    fault = f"faults: [{FAULT % 'one cheaper'}]\n"
    text = f"clients: {{model: gemini-3.5-flash-lite}}\n{fault}"
    assert struck(scenario(tmp_path, text)) == ["gemini-3.1-flash-lite"]
    set_so = "clients.model=gemini-3.1-flash-lite"
    assert struck(scenario(tmp_path, fault, set_so)) == ["gemini-2.5-flash-lite"]


@pytest.mark.parametrize("day", ["2027-06-01", '"2027-06-01"'])
def test_words_are_those_of_the_scenarios_day(tmp_path: Path, day: str) -> None:
    """Nobody is led to a model that has ended by then; a day in quotes is one, too."""
    text = f"date: {day}\nfaults: [{FAULT % 'two cheaper'}]\n"
    assert struck(scenario(tmp_path, text)) == ["gemini-2.5-flash-lite"]


def test_a_word_is_set_from_outside(tmp_path: Path) -> None:
    """As any key."""
    found = scenario(tmp_path, "", "upstream.models.one cheaper.capacity=7")
    assert limited(found) == ["gemini-3.5-flash-lite"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"clients: {{model: gemini-2.5-flash-lite}}\nfaults: [{FAULT % 'one cheaper'}]\n",
            ":4: faults.0.model: found 'one cheaper', but no model is cheaper than gemini-2.5-fl",
        ),
        (
            "upstream:\n  models:\n    one cheaper: {capacity: 1}\n    gemini-3.5-flash-lite: {}\n",
            ":5: upstream.models.one cheaper: found 'one cheaper' beside gemini-3.5-flash-lite",
        ),
        (
            "clients: {model: gemini-3.1-flash-lite}\n"
            "upstream: {models: {two cheaper: {}, three cheaper: {}}}\n",
            ":4: upstream.models: found two cheaper, three cheaper, two of which are the same",
        ),
        (
            "upstream:\n  models:\n    one cheaper: {capacity: x}\n",
            ":5: upstream.models.gemini-3.5-flash-lite.capacity: found 'x'",
        ),
        (f"faults: [{FAULT % 'one cheeper'}]\n", "(did you mean 'one cheaper'?)"),
        ("upstream: {models: {one cheeper: {capacity: 1}}}\n", "(did you mean 'one cheaper'?)"),
    ],
)
def test_a_word_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """With its line, and what was meant."""
    with pytest.raises(ScenarioError) as refused:
        scenario(tmp_path, text)
    assert said in str(refused.value)


@pytest.mark.parametrize("text", ["clients: 3\n", "upstream: 3\n", "faults: 3\n", "faults: [3]\n"])
def test_what_is_no_mapping_is_left_to_the_schema(tmp_path: Path, text: str) -> None:
    """It says what it expects."""
    with pytest.raises(ScenarioError, match="found 3"):
        scenario(tmp_path, text)
