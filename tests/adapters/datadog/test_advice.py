"""Queries that measure something else than meant are told, with the one that does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from balancer.adapters.datadog.advice import advise, advise_rule
from balancer.adapters.datadog.query import parse_query
from balancer.adapters.datadog.rules import parse_rules
from balancer.core.errors import InputError
from balancer.core.modes import Mode

SCOPE = "{service:open-balancer-backend}"
RULES = [
    {
        "name": "LLM High Latency - Soft Brownout",
        "query": f"avg(last_5m):avg:trace.http.request.duration{SCOPE} > 2",
        "message": "Latency is high. @webhook-open-balancer",
        "tags": ["service:open-balancer", "severity:warning", "brownout:soft"],
    },
    {
        "name": "LLM High Error Rate - Hard Brownout",
        "query": f"avg(last_5m):avg:trace.http.request.errors{SCOPE}.as_rate() > 0.1",
        "message": "Errors are many. @webhook-open-balancer",
        "tags": ["service:open-balancer", "severity:critical", "brownout:hard"],
    },
    {
        "name": "Token Cost Spike - Emergency Brownout",
        "query": f"avg(last_1h):avg:custom.token_cost_per_hour{SCOPE} > 200",
        "message": "Cost is high. @webhook-open-balancer",
        "tags": ["service:open-balancer", "severity:critical", "brownout:emergency"],
    },
]
BETTER = [
    f"percentile(last_5m):p95:trace.http.request{SCOPE} > 2",
    f"sum(last_5m):sum:trace.http.request.errors{SCOPE}.as_count()"
    f" / sum:trace.http.request.hits{SCOPE}.as_count() > 0.1",
    f"avg(last_5m):sum:custom.token_cost_per_hour{SCOPE} > 200",
]


def test_the_promised_rules_are_accepted_and_made_right() -> None:
    """Each is valid, misses its purpose, and gets the query that does not."""
    rules = parse_rules(json.dumps(RULES), "rules.json")
    assert [rule.mode for rule in rules] == [Mode.SOFT, Mode.HARD, Mode.EMERGENCY]
    advice = [advise_rule(rule) for rule in rules]
    assert [str(one.better) for (one,) in advice] == BETTER


@pytest.mark.parametrize("query", BETTER)
def test_what_is_offered_is_right(query: str) -> None:
    """Advice that needs advice would be none."""
    assert advise(parse_query(query)) == ()


@pytest.mark.parametrize(
    ("query", "problem", "better"),
    [
        (
            "avg(last_5m):p95:custom.llm.response.duration{*} > 2",
            "no percentile of the window",
            "percentile(last_5m):p95:custom.llm.response.duration{*} > 2",
        ),
        (
            "avg(last_5m):avg:open_balancer.request.duration{*} > 2",
            "hides its slow tail",
            "percentile(last_5m):p95:open_balancer.request.duration{*} > 2",
        ),
        (
            "percentile(last_5m):avg:open_balancer.request.duration{*} > 2",
            "avg is none",
            "percentile(last_5m):p95:open_balancer.request.duration{*} > 2",
        ),
        (
            "avg(last_5m):p99:somebody.elses{*} > 2",
            "no percentile of the window",
            "percentile(last_5m):p99:somebody.elses{*} > 2",
        ),
        ("percentile(last_5m):avg:somebody.elses{*} > 2", "needs a percentile", None),
        (
            "sum(last_5m):sum:open_balancer.attempts.failed{a:b}.as_count() > 0.2",
            "a number of errors",
            "sum(last_5m):sum:open_balancer.attempts.failed{a:b}.as_count()"
            " / sum:open_balancer.attempts.finished{a:b}.as_count() > 0.2",
        ),
        (
            "avg(last_5m):avg:custom.request.errors{*}.as_rate() > 0.2",
            "errors a second",
            "sum(last_5m):sum:custom.request.errors{*}.as_count()"
            " / sum:custom.request.attempts{*}.as_count() > 0.2",
        ),
        ("avg(last_5m):avg:trace.x.errors{*}.as_rate() > 7", "errors a second", None),
        (
            "avg(last_5m):sum:trace.x.errors{*}.as_rate() / sum:trace.x.hits{*}.as_rate() > 0.1",
            "divides rates",
            "sum(last_5m):sum:trace.x.errors{*}.as_count() / sum:trace.x.hits{*}.as_count() > 0.1",
        ),
        (
            "avg(last_5m):sum:trace.x.errors{*}.as_count() / sum:trace.x.hits{*}.as_count() > 0.1",
            "averages the shares",
            "sum(last_5m):sum:trace.x.errors{*}.as_count() / sum:trace.x.hits{*}.as_count() > 0.1",
        ),
        (
            "avg(last_1h):sum:open_balancer.cost.rate{*} > 200",
            "per hour already",
            "avg(last_5m):sum:open_balancer.cost.rate{*} > 200",
        ),
        ("sum(last_5m):sum:open_balancer.queue.depth{*}.as_count() > 9", "is a gauge", None),
    ],
)
def test_a_misunderstanding_is_told(query: str, problem: str, better: str | None) -> None:
    """What it measures, and where there is one the right query, which is right."""
    (found,) = advise(parse_query(query))
    assert problem in found.problem
    assert (None if found.better is None else str(found.better)) == better
    assert found.better is None or advise(found.better) == ()


@pytest.mark.parametrize(
    "query",
    [
        "sum(last_5m):sum:trace.x.errors{*}.as_count() > 50",
        "avg(last_5m):avg:somebody.elses{*} > 2",
        "avg(last_5m):max:open_balancer.queue.depth{*} > 100",
        "avg(last_5m):sum:a{*} / sum:b{*} > 2",
        "percentile(last_5m):p95:a{*} / p95:b{*} > 2",
    ],
)
def test_what_may_well_be_meant_is_left_alone(query: str) -> None:
    """A number of errors, metrics we do not know, gauges as gauges."""
    assert advise(parse_query(query)) == ()


def test_a_rule_without_mode_or_webhook_is_told() -> None:
    """It would alert, and change nothing."""
    rule = RULES[0] | {"query": BETTER[0], "tags": [], "message": "slow"}
    (parsed,) = parse_rules(json.dumps(rule), "rules.json")
    assert [("no tag" in a.problem, a.better) for a in advise_rule(parsed)] == [
        (True, None),
        (False, None),
    ]


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("{", "rules.json: is not JSON: line 1"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "found 0 rules"),
        ("[3]", "rule 1: found int, expected an object"),
        (json.dumps(RULES[0] | {"nmae": 1}), "unknown key 'nmae'.*did you mean 'name'"),
        (json.dumps({"name": "x"}), "key 'query' is missing"),
        (json.dumps(RULES[0] | {"name": " "}), "name: found ' ', expected text"),
        (json.dumps(RULES[0] | {"tags": "a"}), "tags: found 'a', expected a list of texts"),
        (json.dumps(RULES[0] | {"query": "avg:x"}), "rule 1: query: column 4"),
        (json.dumps(RULES[0] | {"tags": ["brownout:sfot"]}), "did you mean 'soft'"),
    ],
)
def test_a_wrong_file_is_told(rules: str, problem: str) -> None:
    """With the rule and the key."""
    with pytest.raises(InputError, match=problem):
        parse_rules(rules, "rules.json")


def test_other_keys_of_a_monitor_pass_through() -> None:
    """A file may hold whole monitors."""
    (rule,) = parse_rules(json.dumps(RULES[0] | {"type": "query alert"}), "rules.json")
    assert rule.rest == {"type": "query alert"}


def test_several_mode_tags_ask_for_the_worst() -> None:
    """As several alerts do."""
    rule = RULES[0] | {"tags": ["brownout:hard", "brownout:soft"]}
    assert parse_rules(json.dumps(rule), str(Path("x")))[0].mode is Mode.HARD
