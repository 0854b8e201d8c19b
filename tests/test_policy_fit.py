"""Fitting a policy's text to a journal: what changes in it, and what stays."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace

import pytest

from balancer.core.controller import Controller
from balancer.core.errors import InputError
from balancer.core.fit import findings
from balancer.core.journal import Journal, JournalWriter, read
from balancer.core.modes import Mode
from balancer.core.observations import Observations
from balancer.core.policy import Policy
from balancer.policy_file import default_policy, parse_policy
from balancer.policy_fit import Fitted, fit_policy, traffic_of
from tests.core.builders import make_policy
from tests.core.steady import steady

SLOW_S = 8.0
"""Median latency of a model that needs its time: P95 21.5 s."""


def journal(ticks: Iterable[Observations], policy: Policy | None = None) -> Journal:
    """What a controller that never moves writes down of some ticks."""
    text = io.StringIO()
    controller = Controller(policy or make_policy(law="none"))
    writer = JournalWriter(text, controller.policy, {"kind": "test"})
    for observations in ticks:
        writer.write(observations, controller.step(observations))
    return read(text.getvalue().splitlines(keepends=True), "calls.jsonl")


def fitted_to(ticks: Iterable[Observations], text: str | None = None) -> Fitted:
    """A policy fitted to them."""
    opened = journal(ticks)
    return fit_policy(traffic_of([opened]), [opened], text)


def test_thresholds_and_baseline_change_and_all_else_stays() -> None:
    """Comments too."""
    text = (
        "# ours\n"
        "law: mildest\n"
        "thresholds:\n"
        "  soft: {latency_p95: 15s, error_rate: 5%}  # annoying\n"
        "  hard: {latency_p95: 30s}\n"
        "baseline:\n"
        "  workload: guess  # to be measured\n"
        "  requests_per_s: 9\n"
        "  prompt_tokens: 1\n"
        "  output_tokens: 1\n"
        "  thinking_tokens: 1\n"
    )
    found = fitted_to(steady(1.0, 1.1, median_s=SLOW_S), text)
    assert found.text == (
        "# ours\n"
        "law: mildest\n"
        "thresholds:\n"
        "  soft: {latency_p95: 28s, error_rate: 5%}  # annoying\n"
        "  hard: {latency_p95: 56s}\n"
        "baseline:\n"
        "  workload: calls.jsonl # to be measured\n"
        "  requests_per_s: 0.999\n"
        "  prompt_tokens: 1000\n"
        "  output_tokens: 1000\n"
        "  thinking_tokens: 0\n"
        "  latency_p95: 21.8s\n"
    )
    assert parse_policy(found.text).rules == found.after.rules
    assert parse_policy(found.text).baseline == found.after.baseline
    assert found.before == parse_policy(text)


def test_the_policy_that_ships_is_fitted_without_another() -> None:
    """Its modes and budgets are kept, and thresholds keep their ratios."""
    found = fitted_to(steady(1.0, 1.1, median_s=SLOW_S))
    assert found.before == default_policy()
    assert found.after.strategies == default_policy().strategies
    seconds = [rule.threshold for rule in found.after.rules if rule.signal == "latency_p95"]
    assert seconds == [28.0, 46.7, 74.7]
    assert "# What the caller wrote" in found.text


def test_what_is_made_of_the_policy_that_ships_is_another() -> None:
    """A name, a header and a workload of its own; multiples of the baseline stay multiples."""
    opened = [journal(steady(1.0, 1.1, median_s=SLOW_S))]
    traffic = traffic_of(opened)
    found = fit_policy(traffic, opened, name="mine", source="a.csv")
    assert found.text.startswith("# The default policy, fitted to a.csv: ")
    assert "conversation" not in found.text
    assert found.after.baseline is not None
    assert (found.after.name, found.after.baseline.workload) == ("mine", "a.csv")
    assert fit_policy(traffic, opened).after.name == "calls"
    multiples = [rule.at_rest for rule in found.after.rules if "cost" in rule.signal]
    assert all(multiples)
    assert "token_cost_per_hour: x" in found.text and "$" not in found.text
    assert findings(found.after, traffic) == ()


def test_multiples_are_of_what_the_journal_was_paid_at() -> None:
    """As of another day the same journal costs another sum, and gives another multiple."""
    opened = journal(steady(1.0, 1.1))
    traffic = traffic_of([opened])
    found = []
    for day in ("2026-12-31", "2027-01-01"):
        opened.policy = opened.policy.on(day)
        after = fit_policy(traffic, [opened]).after
        found += [rule.at_rest for rule in after.rules if rule.name == "soft token_cost_per_hour"]
    before, dearer = found
    assert before is not None and dearer is not None and dearer < before


def test_a_fitted_policy_fits() -> None:
    """Nothing is found, and it can be fitted again."""
    opened = journal(steady(1.0, 1.1, median_s=SLOW_S))
    traffic = traffic_of([opened])
    once = fit_policy(traffic, [opened], "law: mildest\nbaseline: null\n")
    assert findings(once.after, traffic) == ()
    assert fit_policy(traffic, [opened], once.text).text == once.text


def test_a_policy_that_inherits_its_rules_gets_its_own() -> None:
    """In the form of the default's."""
    found = fitted_to(steady(1.0, 1.1), "budget: {per_hour: $9}\n")
    assert found.text.startswith("budget: {per_hour: $9}\n")
    names = [rule.name for rule in found.after.rules]
    assert names == [rule.name for rule in default_policy().rules]
    assert found.after.budgets == found.before.budgets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "- alert: slow\n"
            '  condition: "P95 response time > 2000ms for 5 minutes"\n'
            '  action: "Activate soft brownout mode"\n',
            'condition: "P95 response time > 28s for 5 minutes"',
        ),
        (
            "rules:\n  - {signal: latency_p95, above: 2s, level: hard, jump: true}\n",
            "- {signal: latency_p95, above: 28s, level: hard, jump: true}",
        ),
    ],
    ids=["alerts", "rules"],
)
def test_every_form_of_rule_is_rewritten(text: str, expected: str) -> None:
    """A sentence is still one."""
    found = fitted_to(steady(1.0, 1.1, median_s=SLOW_S), text)
    assert expected in found.text
    assert [rule.threshold for rule in found.after.rules] == [28.0]


def test_too_little_evidence_is_refused() -> None:
    """With what there is, and what is needed."""
    with pytest.raises(InputError, match=r"calls.jsonl: too little evidence: .* at least 4 stret"):
        traffic_of([journal(steady(1.0, 0.5))])
    text = "thresholds:\n  soft: {latency_p99: 2s}\n"
    opened = journal(steady(0.1, 1.2))
    with pytest.raises(InputError, match=r"calls.jsonl: too little evidence for latency_p99"):
        fit_policy(traffic_of([opened]), [opened], text)


def test_a_baseline_on_which_modes_do_not_differ_is_not_taken() -> None:
    """Answers of ten tokens are cut short by no cap: thresholds are fitted all the same."""
    ticks = (
        each._replace(served=tuple(e._replace(output_tokens=10 * e.finished) for e in each.served))
        for each in steady(1.0, 1.1)
    )
    found = fitted_to(ticks, "modes: {hard: {model: one cheaper, fallback_models: [asked]}}\n")
    assert found.kept.startswith("with the journal's, modes.hard: a request is expected to cost")
    assert found.after.baseline == default_policy().baseline
    assert found.after.rules[0].threshold == 3.5


def test_a_journal_without_tokens_says_nothing_of_the_baseline() -> None:
    """It is kept."""
    ticks = (
        each._replace(
            served=tuple(e._replace(prompt_tokens=0, output_tokens=0) for e in each.served)
        )
        for each in steady(1.0, 1.1)
    )
    found = fitted_to(ticks, "modes: {hard: {model: one cheaper, fallback_models: [asked]}}\n")
    assert found.kept == "the journal holds no tokens"
    assert found.after.baseline == default_policy().baseline


def test_a_journal_without_normal_has_no_healthy_traffic() -> None:
    """Soft alone says nothing of it."""
    ticks = (
        each._replace(served=tuple(e._replace(mode=Mode.SOFT) for e in each.served))
        for each in steady(1.0, 1.1)
    )
    with pytest.raises(InputError, match=r"0 finished calls of normal mode in 0\.0 hours"):
        traffic_of([journal(ticks)])


def test_a_file_of_another_normal_mode_does_not_follow() -> None:
    """Its traffic would be judged by what the first one serves; other thresholds do no harm."""

    def file_of(policy: Policy, name: str, state: dict[str, object] | None = None) -> Journal:
        text = io.StringIO()
        JournalWriter(text, policy, {}, state=state)
        return read(text.getvalue().splitlines(keepends=True), name)

    policy = make_policy(law="none")
    controller = Controller(policy)
    controller.step(Observations(0))
    before = file_of(policy, "calls.1.jsonl", controller.state())
    stricter = replace(policy, rules=policy.rules[:1])
    with pytest.raises(InputError, match=r"calls\.1\.jsonl to calls\.jsonl: too little evidence"):
        traffic_of([before, file_of(stricter, "calls.jsonl", controller.state())])
    small = replace(policy, strategies=(policy.strategies[1], *policy.strategies[1:]))
    with pytest.raises(InputError, match=r"calls\.jsonl: another normal mode .* calls\.1\.jsonl"):
        traffic_of([before, file_of(small, "calls.jsonl", controller.state())])
