"""Frozen values as plain ones and back, by their annotations."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from balancer.core.catalog import ModelCard
from balancer.core.errors import JournalError, PolicyError
from balancer.core.modes import Mode
from balancer.core.policy import Baseline, BudgetLimit, Policy, Rule
from balancer.core.value_codec import from_plain, to_plain
from tests.core.builders import STRATEGIES, make_policy

RULE = Rule(name="slow", signal="latency_p95", level=Mode.SOFT, threshold=0.1 + 0.2)


def full_policy() -> Policy:
    """A policy that says something about everything."""
    normal, soft, hard, emergency = STRATEGIES
    emergency = replace(
        emergency, static_fallback="later", timeout_s=20, retries=1, instruction="Be brief."
    )
    return make_policy(
        strategies=(normal, soft, hard, emergency),
        budgets=(BudgetLimit(usd=50.0, window_s=3600.0), BudgetLimit(usd=1, window_s=60, key="a")),
        baseline=Baseline(
            workload="chat",
            requests_per_s=5.5,
            prompt_tokens=1155,
            output_tokens=211,
            thinking_tokens=400,
        ),
    )


@pytest.mark.parametrize("policy", [make_policy(), make_policy(law="none"), full_policy()])
def test_a_policy_survives_the_way_through_json(policy: Policy) -> None:
    """A journal's header is enough to take every decision again."""
    assert from_plain(Policy, json.loads(json.dumps(to_plain(policy))), "policy") == policy


def test_a_float_is_written_exactly() -> None:
    """The shortest form that reads back the same, and not a rounded one."""
    assert json.dumps(to_plain(RULE)["threshold"]) == "0.30000000000000004"


def test_a_set_is_written_in_order() -> None:
    """So that a journal is the same every time; what is no list of texts is refused."""
    card = ModelCard(
        name="a", price=(0,) * 7, budget=None, off=False, inputs=frozenset({"text", "audio"})
    )
    plain = to_plain(card)
    assert plain["inputs"] == ["audio", "text"]
    assert from_plain(ModelCard, json.loads(json.dumps(plain)), "card") == card
    for wrong, problem in (("text", "card.inputs: found 'text', expected a list"), ([1], "text")):
        with pytest.raises(JournalError, match=problem):
            from_plain(ModelCard, plain | {"inputs": wrong}, "card")


def test_a_field_with_a_default_may_be_missing() -> None:
    """A journal of a time before the field existed stays readable."""
    plain = {"name": "slow", "signal": "latency_p95", "level": "soft", "threshold": 2.0}
    assert from_plain(Rule, plain, "rule").window_s == 60.0


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"leval": "soft"}, "rule: unknown key 'leval' (did you mean 'level'?)"),
        ({"level": "mild"}, "rule.level: found 'mild', expected one of normal, soft, hard"),
        ({"level": 1}, "rule.level: found 1, expected one of normal"),
        ({"threshold": "2 s"}, "rule.threshold: found '2 s', expected a number"),
        ({"threshold": True}, "rule.threshold: found True, expected a number"),
        ({"threshold": float("inf")}, "rule.threshold: found inf, expected a number"),
        ({"name": None}, "rule.name: found None, expected a text"),
        ({"name": 7}, "rule.name: found 7, expected a text"),
        ({"jump": 1}, "rule.jump: found 1, expected true or false"),
        ({"objective": "most"}, "rule.objective: found 'most', expected a number or null"),
        ({"objective": "x" * 100}, "rule.objective: found 'xxxxx"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(changed: dict[str, Any], problem: str) -> None:
    """The error names the place, what was found and what was expected."""
    with pytest.raises(JournalError) as caught:
        from_plain(Rule, to_plain(RULE) | changed, "rule")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"strategies": []}, "policy.strategies: found 0 values, expected 4"),
        ({"strategies": "none"}, "policy.strategies: found 'none', expected a list"),
        ({"rules": [3]}, "policy.rules[0]: found 3, expected an object"),
        ({"catalog": []}, "policy.catalog: found [], expected an object"),
        ({"tick_s": []}, "policy.tick_s: found [], expected a number"),
    ],
)
def test_the_place_is_named_within_lists(changed: dict[str, Any], problem: str) -> None:
    """Lists and objects inside are checked as strictly."""
    with pytest.raises(JournalError) as caught:
        from_plain(Policy, to_plain(make_policy()) | changed, "policy")
    assert problem in str(caught.value)


def test_a_missing_field_without_default_is_named() -> None:
    """What cannot be guessed must be there."""
    plain = to_plain(RULE)
    del plain["signal"]
    with pytest.raises(JournalError, match="rule: key 'signal' is missing"):
        from_plain(Rule, plain, "rule")


def test_values_that_make_no_policy_are_refused_by_the_policy() -> None:
    """Reading back validates as construction does."""
    with pytest.raises(PolicyError, match="unknown law"):
        from_plain(Policy, to_plain(make_policy()) | {"law": "murphy"}, "policy")


def test_something_else_than_an_object_is_no_dataclass() -> None:
    """A list where an object is expected is named as such."""
    with pytest.raises(JournalError, match=r"rule: found \[\], expected an object"):
        from_plain(Rule, [], "rule")
