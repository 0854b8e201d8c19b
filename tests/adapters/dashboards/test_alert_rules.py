"""Alert rules say what the policy says; the file is valid YAML of Prometheus's form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ruamel.yaml import YAML

from balancer.adapters.dashboards.alert_file import alerts_text
from balancer.adapters.dashboards.alert_rules import rules_of
from balancer.core.policy import Policy
from balancer.core.rules import SIGNALS
from balancer.prometheus_names import Translation
from tests.adapters.dashboards.selectors import known_names, names_of

FIELDS = {"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}


def group_of(policy: Policy, translation: Translation = Translation.UNDERSCORES) -> Any:
    """The only group of the file."""
    (group,) = YAML(typ="safe").load(alerts_text(policy, "shop", translation))["groups"]
    return group


def alerts_of(policy: Policy) -> dict[str, Any]:
    """Alerts by name."""
    return {rule["alert"]: rule for rule in group_of(policy)["rules"] if "alert" in rule}


@pytest.mark.parametrize("translation", Translation)
def test_every_expression_asks_for_known_series(
    everything: Policy, translation: Translation
) -> None:
    """Of the table, recorded above, or what Prometheus writes about alerts itself."""
    known = known_names(translation) | {"ALERTS"}
    for rule in group_of(everything, translation)["rules"]:
        assert names_of(rule["expr"]) <= known
        assert set(rule) <= FIELDS
        if "record" in rule:
            known.add(rule["record"])


def test_every_signal_has_an_alert(everything: Policy) -> None:
    """The policy of this test has a rule for each."""
    signals = {alert["labels"].get("signal") for alert in alerts_of(everything).values()}
    assert signals >= set(SIGNALS)


def test_an_alert_that_looks_itself_up_finds_no_other(everything: Policy) -> None:
    """Its name is its own; only budgets share one, and are told apart by labels."""
    alerts = rules_of(everything, "shop", Translation.UNDERSCORES)[1]
    names = [alert.name for alert in alerts]
    looking = [alert.name for alert in alerts if f'alertname="{alert.name}"' in alert.expression]
    assert "OpenBalancerHighP95Latency" in looking
    assert {names.count(name) for name in looking} == {1}
    assert {name for name in names if names.count(name) > 1} == {"OpenBalancerBudgetLow"}


def test_rules_that_are_called_alike_get_names_of_their_own(default: Policy) -> None:
    """Like each other, or like an alert of ours."""
    names = ["slow!", "slow", "no data", "mode flapping", "!"]
    rules = [replace(default.rules[0], name=name) for name in names]
    alerts = rules_of(replace(default, rules=tuple(rules)), "shop", Translation.UNDERSCORES)[1]
    assert [alert.name.removeprefix("OpenBalancer") for alert in alerts[:5]] == [
        "Slow",
        "Slow2",
        "NoData2",
        "ModeFlapping2",
        "Rule",
    ]


def test_times_are_the_policys(everything: Policy) -> None:
    """Sustained-for becomes `for`, the hold `keep_firing_for`."""
    alerts = alerts_of(everything)
    assert alerts["OpenBalancerHighP95Latency"]["for"] == "5m"
    assert alerts["OpenBalancerSoftErrorRate"]["for"] == "1m"
    assert alerts["OpenBalancerSoftErrorRate"]["keep_firing_for"] == "3m"


def test_a_burn_rate_is_judged_in_both_windows(everything: Policy) -> None:
    """14.4 times an error budget of 1 %, over an hour and over five minutes; it ends at 75 %."""
    (name,) = (name for name in alerts_of(everything) if "BurnRate" in name)
    expression = alerts_of(everything)[name]["expr"]
    for series, bound in (("1h", "0.144"), ("5m", "0.144"), ("1h", "0.108"), ("5m", "0.108")):
        assert f'open_balancer:error_rate:{series}{{job=~"(.+/)?shop"}} > {bound}' in expression


def test_only_what_asks_for_a_mode_is_labelled_with_it(everything: Policy) -> None:
    """An alert that follows from the mode must not ask for it: it would never end."""
    for name, alert in alerts_of(everything).items():
        assert ("brownout" in alert["labels"]) == ("signal" in alert["labels"]), name
        assert alert["labels"]["service"] == "shop"
        assert alert["labels"]["severity"] in ("warning", "critical")


def test_simulated_traffic_wakes_nobody(everything: Policy) -> None:
    """Its points have an arm; every series that is asked for has none."""
    for rule in group_of(everything)["rules"]:
        if "record" in rule:
            assert rule["expr"].count("{") == rule["expr"].count('open_balancer_arm=""')


def test_a_users_words_are_no_template(everything: Policy) -> None:
    """The policy's name has braces in it; Prometheus would refuse the file."""
    text = alerts_of(everything)["OpenBalancerSoftErrorRate"]["annotations"]["description"]
    assert 'in policy every {{ "{{" }} signal }}' in text


def test_a_policy_without_budgets_has_no_alert_on_them(default: Policy) -> None:
    """Nothing to be over."""
    assert not [name for name in alerts_of(default) if "Budget" in name]


def test_the_text_is_the_same_twice(everything: Policy) -> None:
    """So that a repository shows only what changed."""
    texts = {alerts_text(everything, "shop", Translation.NONE) for _ in range(2)}
    assert len(texts) == 1
