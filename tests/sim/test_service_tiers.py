"""Service tiers in the simulator: what each gets, and what it takes from the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.errors import ScenarioError
from balancer.core.observations import FAILURES, ILLNESSES, Observations, merge_ticks
from balancer.core.policy import Policy
from balancer.policy_file import default_model, default_policy, parse_policy
from scenarios.loader import load
from scenarios.schema import Scenario
from sim.days import of_its_day
from sim.plant.plant import Plant
from sim.plant.service_tiers import PRIORITY, STANDARD
from sim.plant.service_tiers import load as load_of
from sim.plant.totals import Totals
from sim.plant.upstream_records import CALL, MODEL
from sim.plant.world import SLOT
from sim.run.assumptions import assumptions
from sim.run.engine import arm_policy, simulate
from sim.streams import replication_key
from sim.traffic.workload import REQUEST, Traffic, generate

POLICY = default_policy()
FLASH = "gemini-3.6-flash"
EXACT = {
    "ttft_p50": "2s",
    "ttft_p95": "2s",
    "tokens_per_s": 100,
    "speed_sigma": 0,
    "thinks_unasked": False,
}
"""A model that takes 2 s and a hundredth for each token of the answer."""
ANSWER = {"prompt": 1000, "output": 200, "thinking": 0}
SERVICE_S = 4.0


def scenario(
    *classes: Mapping[str, Any],
    rate: float = 1.0,
    model: Mapping[str, Any] | None = None,
    **more: Any,
) -> Scenario:
    """A plain upstream; classes default to one."""
    clients = {"model": FLASH, "overhead": 0, "reasks": {"share": 0}, "patience": "1h"}
    document: dict[str, Any] = {
        "scenario": "tiers",
        "title": "t",
        "duration": "1h",
        "warm_up": 0,
        "workload": {
            "arrivals": {"process": "poisson", "rate": rate},
            "classes": [{"name": "all", **ANSWER}] if not classes else list(classes),
        },
        "upstream": {"models": {FLASH: {**EXACT, **(model or {})}}},
        "clients": clients,
    }
    upstream = more.pop("upstream", {})
    document["upstream"].update(upstream)
    document["clients"].update(more.pop("clients", {}))
    return Scenario.model_validate(document | more)


def plant(of: Scenario, policy: Policy | None = None, arm: str = "none") -> Plant:
    """One run of it to its end, with every latency."""
    key = replication_key(of.seed, 0)
    of, policy = of_its_day(of, policy or default_policy())
    found = Plant(of, arm_policy(policy, arm), Traffic(of, key), key, keep_latencies=True)
    found.drain()
    return found


def totals(of: Scenario, policy: Policy | None = None, arm: str = "none") -> Totals:
    """Its account."""
    return plant(of, policy, arm).totals()


def job(**more: Any) -> dict[str, Any]:
    """A class whose calls are sent as flex by its callers."""
    return {"name": "job", "service_tier": "flex", **ANSWER, **more}


def chat(**more: Any) -> dict[str, Any]:
    """A class of people."""
    return {"name": "chat", **ANSWER, **more}


# --- records ------------------------------------------------------------------------------


def test_records_stay_small() -> None:
    """Two lines of the cache a call, one a slot, half a one a request."""
    assert (CALL.itemsize, SLOT.itemsize, REQUEST.itemsize) == (128, 64, 32)


# --- prices -------------------------------------------------------------------------------


@pytest.mark.parametrize(("tier", "times"), [("standard", 1.0), ("flex", 0.5), ("priority", 1.8)])
def test_the_tier_that_served_is_billed(tier: str, times: float) -> None:
    """Every call costs 1000 tokens of prompt and 200 of answer, at the price of its tier."""
    found = totals(scenario(clients={"service_tier": tier}))
    card = default_policy().catalog.card(FLASH)
    dollars = (1000 * card.price[1] + 200 * card.price[2]) / 1e15
    assert found.true_nano_usd / 1e9 == pytest.approx(found.answered * dollars * times)
    assert found.observed_nano_usd == found.true_nano_usd


@pytest.mark.parametrize("tier", [1, "free"])
def test_priority_is_nothing_on_small_accounts(tier: int | str) -> None:
    """Every call is served, and billed, as standard, and counted."""
    upstream: dict[str, Any] = {"tier": tier}
    quota = {"quota": {"rpm": None, "tpm": None, "rpd": None}, "capacity": 100}
    upstream["models"] = {FLASH: {**EXACT, **quota}}
    asked = scenario(clients={"service_tier": "priority"}, upstream=upstream)
    plain = totals(scenario(upstream=upstream))
    found = totals(asked)
    assert found.downgraded == found.answered == plain.answered
    assert found.true_nano_usd == plain.true_nano_usd


def test_priority_is_downgraded_beyond_its_share_of_the_quota() -> None:
    """60 calls a minute of a hundred may be priority; a hundred and twenty come."""
    upstream = {"service_tiers": {"priority": {"share": "50%"}}}
    found = totals(
        scenario(
            rate=2.0,
            model={"quota": {"rpm": 240}},
            clients={"service_tier": "priority"},
            upstream=upstream,
        )
    )
    hurried = found.answered - found.downgraded
    assert hurried == pytest.approx(60 * 120 * 0.95, rel=0.05)  # some minutes have fewer calls
    assert hurried <= 61 * 120


# --- what flex gets -----------------------------------------------------------------------


@pytest.mark.parametrize("load_", [0.3, 0.6, 0.8])
def test_flex_waits_as_a_queue_of_one_server_does(load_: float) -> None:
    """M/D/1: the mean wait is load x service / (2 (1 - load)), by Pollaczek and Khinchine."""
    waits = []
    for seed in range(6):
        found = totals(
            scenario(
                rate=load_ / SERVICE_S,
                model={"capacity": 1},
                clients={"service_tier": "flex"},
                upstream={"service_tiers": {"flex": {"share": 1, "queue": 10_000}}},
                duration="20h",
                seed=seed,
            )
        )
        assert found.failed == 0
        waits.append(found.waiting_s / found.answered - SERVICE_S)
    expected = load_ * SERVICE_S / (2.0 * (1.0 - load_))
    error = np.std(waits, ddof=1) / np.sqrt(len(waits))
    assert abs(np.mean(waits) - expected) < 4.0 * error + 0.002


def test_flex_that_is_overloaded_serves_what_it_can() -> None:
    """Five calls at a time of 4 s each are 1.25 a second, of the two that come."""
    found = totals(
        scenario(
            rate=2.0,
            model={"capacity": 10},
            clients={"service_tier": "flex"},
            upstream={"service_tiers": {"flex": {"share": "50%", "queue": 2}}},
        )
    )
    assert found.answered == pytest.approx(1.25 * 3600, rel=0.02)
    assert found.answered + found.failed == found.offered


def test_who_has_waited_for_too_long_is_refused() -> None:
    """A minute here; as many are answered as there is time for, and none after a minute."""
    found = plant(
        scenario(
            rate=2.0,
            model={"capacity": 1},
            clients={"service_tier": "flex"},
            upstream={"service_tiers": {"flex": {"share": 1, "queue": 1000, "longest": "1m"}}},
        )
    )
    account = found.totals()
    assert account.answered == pytest.approx(3600 / SERVICE_S, rel=0.02)
    assert account.waiting_s / account.offered == pytest.approx(60.0, rel=0.05)


def test_those_who_wait_are_let_in_though_the_model_refuses_all() -> None:
    """Thousands wait when it begins to; each refusal lets two more in, until nobody waits."""
    of = scenario(
        rate=20.0,
        model={"capacity": 10},
        clients={"service_tier": "flex"},
        upstream={"service_tiers": {"flex": {"share": 1, "queue": 10_000}}},
        duration="10m",
        faults=[{"kind": "error", "error": "overloaded", "at": "5m", "for": "5m"}],
    )
    key = replication_key(of.seed, 0)
    found = Plant(of, arm_policy(POLICY, "none"), Traffic(of, key), key)
    found.advance(300.0)
    found.set_fault(0, of.faults[0])  # type: ignore[arg-type]
    found.drain()
    account = found.totals()
    assert found.empty
    assert account.answered + account.failed == account.offered > 10_000
    assert account.waiting_s / account.offered < 300.0


def test_flex_without_a_capacity_is_served_at_once() -> None:
    """There is always room: it costs half, and is as quick."""
    found = totals(scenario(clients={"service_tier": "flex"}))
    assert found.waiting_s == pytest.approx(SERVICE_S * found.answered)


# --- what it takes from others ------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(
    rate=st.floats(0.5, 20.0),
    jobs=st.floats(0.1, 20.0),
    capacity=st.integers(1, 60),
    share=st.floats(0.05, 1.0),
)
def test_flex_takes_nothing_from_standard(
    rate: float, jobs: float, capacity: int, share: float
) -> None:
    """Every call of people takes as long whether jobs run beside it or all are turned away."""
    classes = chat(), job(arrivals={"process": "poisson", "rate": jobs})

    def run(**flex: Any) -> Plant:
        upstream = {"service_tiers": {"flex": flex}}
        return plant(
            scenario(
                *classes,
                rate=rate,
                duration="10m",
                model={"capacity": capacity},
                upstream=upstream,
            )
        )

    served, refused = run(share=share), run(share=1e-9, queue=0)
    assert np.array_equal(served.latencies, refused.latencies, equal_nan=True)
    assert served.totals().answered >= refused.totals().answered


@settings(max_examples=12, deadline=None)
@given(rate=st.floats(2.0, 30.0), capacity=st.integers(1, 40), slowdown=st.floats(0.0, 1.5))
def test_priority_is_never_slower_than_standard(
    rate: float, capacity: int, slowdown: float
) -> None:
    """Call by call: no slower than the same call is in standard, all else being equal."""

    def run(tier: str) -> Plant:
        classes = chat(share="60%"), chat(name="vip", share="40%", service_tier=tier)
        model = {"capacity": capacity, "slowdown": slowdown}
        clients = {"timeout": "10h", "patience": "10h"}
        return plant(scenario(*classes, rate=rate, duration="5m", model=model, clients=clients))

    fast, plain = run("priority"), run("standard")
    of = scenario(chat(share="60%"), chat(name="vip", share="40%"), rate=rate, duration="5m")
    vip = generate(of, replication_key(of.seed, 0))["klass"] == 1
    assert np.all(fast.latencies[vip] <= plain.latencies[vip] + 1e-6)
    assert np.all(fast.latencies[~vip] >= SERVICE_S - 1e-9)


@given(
    capacity=st.integers(2, 1000),
    hurried=st.integers(0, 998),
    standard=st.integers(1, 2000),
)
def test_a_full_model_does_as_much_work_with_priority_as_without(
    capacity: int, hurried: int, standard: int
) -> None:
    """Where durations grow with the calls in flight, the work done is the capacity."""
    row = np.zeros(1, MODEL)
    row["capacity"], row["hurried"], row["in_flight"] = capacity, hurried, hurried + standard
    mine, theirs = load_of(row[0], PRIORITY), load_of(row[0], STANDARD)
    assert mine <= max(1.0, theirs)
    if hurried + standard > capacity and hurried < capacity:
        assert hurried / mine + standard / theirs == pytest.approx(capacity)


# --- what is seen of it -------------------------------------------------------------------


def observed(of: Scenario, policy: Policy) -> tuple[Observations, Totals]:
    """All that a controller is shown of a run under normal, and its account."""
    key = replication_key(of.seed, 0)
    found = Plant(of, policy, Traffic(of, key), key)
    seen, tick = [], 0
    while not found.empty:
        found.advance(tick + 1.0)
        seen.append(found.observe(tick))
        tick += 1
    return merge_ticks(seen), found.totals()


def test_flex_is_not_felt() -> None:
    """Neither its durations nor its refusals, which are counted as the tier's."""
    flex = {"share": "50%", "queue": 2}
    of = scenario(
        chat(priority="high"),
        job(priority="low", arrivals={"process": "poisson", "rate": 4}),
        duration="10m",
        model={"capacity": 12},
        upstream={"service_tiers": {"flex": flex}},
    )
    seen, account = observed(of, arm_policy(default_policy(), "none"))
    entry, requests = seen.served[0], seen.requests[0]
    high = seen.offered[2]
    assert entry.latency.total == entry.ttft.total == high
    assert requests.begun == requests.answered.total == high
    assert requests.failed.total == 0
    assert entry.ill == 0
    assert entry.failures[FAILURES.index("flex_full")] == entry.unjudged > 0
    assert entry.started == entry.finished == account.attempts
    assert account.failed == entry.unjudged


def by_plan(tiers: str, more: str = "") -> Policy:
    """A policy whose normal mode sends calls in some tiers, without retries."""
    return parse_policy(
        f"modes:\n  normal: {{service_tier: {tiers}, fallback_models: [], retries: 0}}\n"
        "thresholds: {soft: {error_rate: 5%}}\n" + more
    )


def test_a_plan_s_flex_goes_to_standard_where_it_is_full() -> None:
    """At once, and it is no retry: nobody is refused, though no retries are allowed."""
    of = scenario(
        rate=2.0,
        model={"capacity": 8},
        upstream={"service_tiers": {"flex": {"share": "50%", "queue": 0}}},
    )
    seen, account = observed(of, by_plan("flex"))
    assert account.failed == 0
    put_off = seen.served[0].failures[FAILURES.index("flex_full")]
    assert account.fallback_attempts == put_off > 100
    assert seen.requests[0].begun == seen.requests[0].answered.total == put_off
    assert sum(seen.served[0].failures[:ILLNESSES]) == 0
    standard = default_policy().catalog.card(FLASH).price
    call = 1000 * standard[1] + 200 * standard[2]
    flex = account.answered - put_off
    assert account.true_nano_usd == pytest.approx((flex * 0.5 + put_off) * call / 1e6, rel=1e-9)


def test_who_asks_for_flex_gets_flex_whatever_the_plan_says() -> None:
    """No plan makes it dearer."""
    of = scenario(clients={"service_tier": "flex"}, duration="10m")
    assert totals(of, by_plan("priority"), "policy").true_nano_usd == totals(of).true_nano_usd


def test_a_plan_says_the_tier_by_priority() -> None:
    """Low waits as flex, high goes first, and normal is as its caller wrote."""
    classes = [chat(name=name, share=1 / 3, priority=name) for name in ("low", "normal", "high")]
    of = scenario(*classes, duration="10m")
    seen, account = observed(of, by_plan("{low: flex, high: priority}"))
    low, normal, high = seen.offered
    standard = default_policy().catalog.card(FLASH).price
    call = (1000 * standard[1] + 200 * standard[2]) / 1e6
    expected = (0.5 * low + normal + 1.8 * high) * call
    assert account.true_nano_usd == pytest.approx(expected, rel=1e-9)


# --- whole runs ---------------------------------------------------------------------------


@pytest.mark.parametrize(("tier", "rate"), [("free", 0.05), (1, 2.0), (2, 4.0), (3, 8.0)])
def test_an_hour_within_a_usage_tier_costs_its_calls(tier: int | str, rate: float) -> None:
    """All are answered in normal, and billed a thousand tokens of prompt and 200 of answer each."""
    asked = default_model()
    of = scenario(
        workload={
            "arrivals": {"process": "constant", "rate": rate},
            "classes": [{"name": "all", **ANSWER}],
        },
        upstream={"tier": tier, "models": {asked: EXACT}},
        clients={"model": asked},
    )
    run = simulate(of, POLICY, replication=0, arm="policy")
    price = POLICY.catalog.card(asked).price
    assert run.transitions == ()
    assert run.metrics["availability"] == 1.0
    assert run.metrics["answered"] == pytest.approx(3600 * rate, abs=1)
    bill_usd = run.metrics["answered"] * (1000 * price[1] + 200 * price[2]) / 1e15
    assert run.metrics["cost_usd"] == pytest.approx(bill_usd, rel=1e-9)
    assert run.metrics["observed_cost_usd"] == pytest.approx(bill_usd, rel=1e-9)


@pytest.mark.parametrize("tier", ["standard", "flex", "priority"])
def test_an_hour_on_the_default_policy(tier: str) -> None:
    """Nothing is wrong in any tier, and no mode is left; costs are those of the tier."""
    times = {"flex": 0.5, "standard": 1.0, "priority": 1.8}[tier]
    policy = default_policy()
    # Who pays more for all traffic has other limits of what it may cost.
    rules = [
        replace(rule, threshold=rule.threshold * max(1.0, times), at_rest=None)
        if rule.signal == "token_cost_per_hour"
        else rule
        for rule in policy.rules
    ]
    policy = replace(policy, rules=tuple(rules))
    scenario_ = load("steady", [f"clients.service_tier={tier}"]).scenario
    run = simulate(scenario_, policy, replication=0, arm="policy")
    assert run.metrics["availability"] == 1.0
    assert run.transitions == ()
    assert run.metrics["downgraded"] == 0
    plain = simulate(load("steady").scenario, policy, replication=0, arm="policy")
    usual = plain.metrics["cost_per_answer_usd"]
    assert run.metrics["cost_per_answer_usd"] / usual == pytest.approx(times)


@pytest.mark.parametrize("rate", [0.02, 0.5, 5.5, 50.0, 500.0])
def test_tiers_mix_at_any_size(rate: float) -> None:
    """Nobody is lost, all that ends is accounted for, and people fare as without the jobs."""
    seconds = min(3600.0, 30_000.0 / rate)
    classes = (
        chat(share="50%"),
        chat(name="vip", share="20%", priority="high", service_tier="priority"),
        job(share="30%", priority="low"),
    )
    of = scenario(
        *classes,
        rate=rate,
        duration=seconds,
        model={"capacity": max(1, round(4 * rate)), "quota": {"rpm": max(1, round(120 * rate))}},
        clients={"retries": 1},
    )
    seen, account = observed(of, default_policy())
    assert account.offered == account.answered + account.failed + account.shed
    for entry in seen.served:
        assert entry.started == entry.finished
    for each in seen.requests:
        assert each.begun == each.answered.total + each.failed.total + each.ages.total
    assert seen.in_flight == 0


def test_an_ended_model_is_answered_for_by_its_successor() -> None:
    """Under its name, at the other's price, and counted."""
    said = scenario(clients={"model": "gemini-2.5-flash"}, date="2026-12-02", duration="10m")
    found = totals(said)
    assert found.rerouted == found.answered > 0
    before = totals(said.model_copy(update={"date": None}))
    assert before.rerouted == 0
    assert before.answered == found.answered


def test_a_flex_call_holds_what_its_fallback_would_cost() -> None:
    """So a budget that has room for the least of a call in flex alone refuses it."""
    card = default_policy().catalog.card(FLASH)
    # Half as much again of the prompt is claimed, and 64 tokens of an answer at least.
    least_usd = (1500 * card.price[1] + 64 * card.price[2]) / 1e15
    of = scenario(clients={"prompt_estimate": {"error": 0}, "output_cap": 200}, duration="1m")

    def refused(tier: str, usd: float) -> float:
        policy = by_plan(tier, f"budget: {{per_day: ${usd:.9f}}}\n")
        _, account = observed(of, policy)
        return account.refused / account.offered

    assert refused("standard", 0.99 * least_usd) == refused("flex", 0.99 * least_usd) == 1.0
    assert refused("standard", 1.01 * least_usd) < 1.0
    assert refused("flex", 1.01 * least_usd) < 1.0
    # Priority costs more, and goes as standard where there is no money for it.
    assert 0.0 < refused("priority", 1.01 * least_usd) < 1.0


@pytest.mark.slow
def test_priority_has_a_budget_of_its_own() -> None:
    """Beyond it calls are sent as standard, and nobody is refused."""
    of = scenario(duration="2h", clients={"output_cap": 200})
    card = POLICY.catalog.card(FLASH)
    call_usd = (1000 * card.price[1] + 200 * card.price[2]) / 1e15
    dollars = 500 * 1.8 * call_usd
    policy = by_plan("priority", f"budget: {{priority: {{per_day: ${dollars:.6f}}}}}\n")
    _, account = observed(of, policy)
    assert account.answered == account.offered
    assert account.downgraded == 0
    hurried = (account.true_nano_usd / 1e9 / call_usd - account.answered) / 0.8
    assert 480 < hurried <= 500
    assert account.overshoot_nano_usd == 0


def test_what_was_served_as_standard_is_not_charged_to_the_budget_of_priority() -> None:
    """Where nothing is served as priority a budget of ten calls lasts for forty."""
    of = scenario(
        upstream={"service_tiers": {"priority": {"share": 0}}},
        duration="10m",
        rate=0.05,
        clients={"output_cap": 200},
    )
    card = POLICY.catalog.card(FLASH)
    call_usd = (1000 * card.price[1] + 200 * card.price[2]) / 1e15
    policy = by_plan("priority", f"budget: {{priority: {{per_day: ${20.0 * call_usd:.6f}}}}}\n")
    _, account = observed(of, policy)
    assert account.downgraded == account.answered > 20


def test_what_is_assumed_of_a_tier_is_said_where_it_is_used() -> None:
    """And nowhere else."""
    plain, flex = (
        " ".join(assumptions(load("steady", [f"clients.service_tier={tier}"]).scenario, POLICY))
        for tier in ("standard", "flex")
    )
    assert "Flex" not in plain
    assert "Flex runs on 50% of the places" in flex
    both = " ".join(assumptions(load("priority_downgraded").scenario, POLICY))
    assert "up to 30% of a model's quota is served so" in both


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("clients.service_tier=fast", "clients.service_tier: found 'fast', expected one of"),
        ("clients.service_tier=flexx", r"found 'flexx'.*did you mean 'flex'\?"),
        ("clients.service_tier=batch", "found 'batch', expected one of"),
        ("workload.classes=[{name: a, service_tier: 3}]", "service_tier: found 3, expected one of"),
        ("upstream.service_tiers.flex.share=-5%", "share: found '-5%'"),
        ("upstream.service_tiers.flex.share=0", "share: found 0"),
        ("upstream.service_tiers.flex.share=.nan", "share: found nan"),
        ("upstream.service_tiers.flex.share=150%", "share: found '150%'"),
        ("upstream.service_tiers.flex.queue=-1", "queue: found -1"),
        ("upstream.service_tiers.flex.longest=0s", "longest: found 0 s"),
        ("upstream.service_tiers.priority.share=.inf", "share: found inf"),
        ("upstream.service_tiers.prioritty={}", r"unknown key 'prioritty'.*'priority'\?"),
        ("upstream.tier=fre", r"tier: found 'fre', expected one of free, 1, 2, 3"),
    ],
)
def test_what_cannot_be_meant_is_refused(override: str, says: str) -> None:
    """One message, with the key, what was found and what was expected."""
    with pytest.raises(ScenarioError, match=says):
        load("steady", [override])
