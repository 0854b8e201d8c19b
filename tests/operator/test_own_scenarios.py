"""Scenarios of a ConfigMap: which are taken, and what is told of those that are not."""

from __future__ import annotations

import pytest

from balancer.operator.asked import ConfigMapKeys
from balancer.operator.own_scenarios import MOST_FILES, MOST_TEXT, Unfit, read_scenarios
from scenarios.elsewhere import load_elsewhere

TEXT = (
    "scenario: launch\ntitle: Is it as good for a minute?\nduration: 1m\nwarm_up: 10s\n"
    "workload: {arrivals: {process: poisson, rate: 1}}\n"
)
ALL = ConfigMapKeys(name="ours")


def test_all_keys_are_scenarios_unless_some_are_named() -> None:
    """In the order of their names."""
    found = {"b.yaml": TEXT, "a.yml": TEXT, "notes.txt": "of no matter"}
    some = ConfigMapKeys(name="ours", keys=("b.yaml", "a.yml"))
    assert [each.name for each in read_scenarios(some, found, load_elsewhere)] == [
        "a.yml",
        "b.yaml",
    ]
    del found["notes.txt"]
    assert len(read_scenarios(ALL, found, load_elsewhere)) == 2


@pytest.mark.parametrize(
    ("found", "asked", "reason", "told"),
    [
        (None, ALL, "NoScenario", "there is no ConfigMap 'ours'"),
        ({}, ALL, "NoScenario", "is empty; expected a key for each scenario file"),
        (
            {"launch.yaml": TEXT},
            ConfigMapKeys(name="ours", keys=("lunch.yaml",)),
            "NoScenario",
            "has no key 'lunch.yaml' (did you mean 'launch.yaml'?)",
        ),
        ({"notes.txt": ""}, ALL, "ScenarioRefused", "key 'notes.txt' is no file's name"),
        ({"../x.yaml": TEXT}, ALL, "ScenarioRefused", "key '../x.yaml' is no file's name"),
        (
            {f"{number}.yaml": TEXT for number in range(MOST_FILES + 1)},
            ALL,
            "ScenarioRefused",
            "has 101 files; at most 100",
        ),
        (
            {"a.yaml": "#" * MOST_TEXT, "b.yaml": "#"},
            ALL,
            "ScenarioRefused",
            "has 200,001 characters of scenarios; at most 200,000: name fewer keys",
        ),
        ({"a.yaml": "scenario: ["}, ALL, "ScenarioRefused", "ours/a.yaml:"),
        (
            {"a.yaml": TEXT + "rate: 3\n"},
            ALL,
            "ScenarioRefused",
            "ours/a.yaml:6: unknown key 'rate'",
        ),
    ],
)  # fmt: skip
def test_what_is_no_scenario_is_told(
    found: dict[str, str] | None, asked: ConfigMapKeys, reason: str, told: str
) -> None:
    """One message: where, what was found, what was expected."""
    with pytest.raises(Unfit) as refused:
        read_scenarios(asked, found, load_elsewhere)
    assert refused.value.reason == reason
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("policy: /etc/passwd\n", "ours/a.yaml:6: policy names a file"),
        ("policy: {prices: prices.yaml}\n", "policy.prices names a file"),
        (
            "faults:\n  - {kind: process, at: 10s, process: 'evil.py:run'}\n",
            "faults.0.process names a file",
        ),
    ],
)
def test_a_scenario_names_no_file_of_the_operator_s(more: str, told: str) -> None:
    """Nor one with Python in it, which would run with the operator's rights."""
    with pytest.raises(Unfit) as refused:
        read_scenarios(ALL, {"a.yaml": TEXT + more}, load_elsewhere)
    assert told in str(refused.value)
    assert "none is read for those who ask over the network" in str(refused.value)


def test_a_scenario_replays_no_trace_of_the_operator_s_machine() -> None:
    """Whatever stands in it."""
    text = TEXT.replace("process: poisson, rate: 1", "trace: /var/log/calls.csv")
    with pytest.raises(Unfit, match=r"arrivals\.trace names a file"):
        read_scenarios(ALL, {"a.yaml": text}, load_elsewhere)


@pytest.mark.parametrize("text", ["", "[]", "faults: 3", "policy", "faults: [1, null]"])
def test_whatever_stands_there_is_answered(text: str) -> None:
    """By one message."""
    with pytest.raises(Unfit, match=r"^ours/a\.yaml"):
        read_scenarios(ALL, {"a.yaml": text}, load_elsewhere)
