"""The numbers of a policy file, and the file with other ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.policy_file import default_policy, default_text, parse_policy
from sim.tuning.fields import policy_fields
from tests.tuning.asking import BLIND, blind


@pytest.mark.parametrize(
    ("path", "unit", "present"),
    [
        ("thresholds.soft.latency_p95", "seconds", 15.0),
        ("thresholds.hard.error_rate", "share", 0.10),
        ("thresholds.emergency.token_cost_per_hour", "multiple", 5.9),
        ("modes.soft.timeout", "seconds", 45.0),
        ("modes.hard.output_cap", "tokens", 1024.0),
        ("modes.emergency.shed.normal", "share", 0.5),
        ("modes.normal.retries", "count", 2.0),
        ("modes.normal.max_in_flight", "count", None),
        ("ladder.hold", "seconds", 120.0),
        ("ladder.exit", "factor", 0.8),
        ("constants.dimmer.pole", "number", 0.9),
        ("tick", "seconds", 1.0),
    ],
)
def test_every_number_has_its_path_unit_and_value(
    path: str, unit: str, present: float | None
) -> None:
    """Of the policy that ships, whether its file says it or leaves it out."""
    field = policy_fields(None)[path]
    assert (field.unit.name, field.present) == (unit, present)


@pytest.mark.parametrize("path", ["modes.soft.model", "baseline.requests_per_s", "law", "prices"])
def test_words_and_facts_are_no_numbers_to_tune(path: str) -> None:
    """A model is no number; traffic and prices are not ours to choose."""
    assert path not in policy_fields(None)


def test_present_values_change_nothing() -> None:
    """Every number written down as it is gives the same policy."""
    fields = policy_fields(None)
    shown = {
        path: each.unit.show(each.present)
        for path, each in fields.items()
        if each.present is not None and path != "modes.normal.temperature"
    }
    assert fields.parsed(fields.with_values(shown)) == default_policy()


def test_other_values_leave_comments_and_the_rest_as_they_are() -> None:
    """Two lines differ, and no comment is lost."""
    fields = blind()
    text = fields.with_values({"thresholds.soft.latency_p95": "12s"}, name="seeing")
    changed = BLIND.replace("500s", "12s").replace("name: blind", "name: seeing")
    assert text.split() == changed.split()
    assert fields.parsed(text).rules[0].threshold == 12.0


def test_a_file_that_inherits_thresholds_gets_all_of_them_with_one() -> None:
    """Thresholds of a file replace the default's: one alone would drop the others."""
    fields = policy_fields("name: mine\n")
    changed = fields.parsed(fields.with_values({"thresholds.soft.latency_p95": "12s"}))
    before = {rule.name: rule.threshold for rule in default_policy().rules}
    after = {rule.name: rule.threshold for rule in changed.rules}
    assert after == {**before, "soft latency_p95": 12.0}


def test_a_share_that_is_shed_keeps_those_of_the_other_priorities() -> None:
    """A mode that names one share inherits no other."""
    fields = policy_fields("name: mine\n")
    changed = fields.parsed(fields.with_values({"modes.emergency.shed.normal": "30%"}))
    assert changed.strategies[3].shed == (1.0, 0.3, 0.0)


def test_alerts_and_rules_are_tuned_where_they_stand() -> None:
    """The sentence keeps its words; a rule has its windows too."""
    text = """\
alerts:
  - alert: Slow
    condition: P95 response time > 20s for 5 minutes
    action: Activate soft brownout
rules:
  - {signal: burn_rate, above: x4, level: hard, objective: 99.9%, window: 5m}
"""
    fields = policy_fields(text)
    new = fields.with_values({"alerts.0.condition": "12s", "rules.0.above": "x6"})
    assert "P95 response time > 12s for 5 minutes" in new
    assert [rule.threshold for rule in fields.parsed(new).rules] == [12.0, 6.0]
    assert {"rules.0.window", "rules.0.objective"} <= set(fields)


def test_prices_beside_the_policy_are_found_from_elsewhere(tmp_path: Path) -> None:
    """What is tuned is written into another directory."""
    (tmp_path / "prices.toml").write_text('dated = "2026-11-01"\n')
    fields = policy_fields("prices: prices.toml\n", "policy.yaml", base=tmp_path)
    text = fields.with_values({"ladder.hold": "90s"})
    assert parse_policy(text, base=tmp_path / "elsewhere").ladder.hold_s == 90.0


def test_the_policy_that_ships_is_its_file() -> None:
    """So its comments are kept too."""
    assert policy_fields(None).text == default_text()
