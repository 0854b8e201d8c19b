"""A scenario has a date: what costs what, and who serves whom, on that day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from balancer.core.errors import PolicyError, ScenarioError
from balancer.core.policy import Strategy
from balancer.policy_file import default_policy, parse_policy
from balancer.prices import default_catalog
from scenarios.loader import load
from scenarios.schema import Scenario, UpstreamFault
from sim.days import of_its_day, served_names
from sim.plant.setup import model_names, new_world
from sim.run.assumptions import assumptions, models_used
from sim.run.engine import simulate
from sim.run.header import run_header
from tests.sim import worlds

ENDS, HEIR = "gemini-2.5-flash", "gemini-3.5-flash-lite"
STEADY = {"ttft_p50": 0.5, "ttft_p95": 0.5, "tokens_per_s": 100.0, "speed_sigma": 0.0}


def scenario(**fields: Any) -> Scenario:
    """Callers of a model that ends on 2026-12-01; its heir is of another quality."""
    models = {ENDS: STEADY, HEIR: {**STEADY, "quality": 0.5, "quota": {"rpm": 60}}}
    project = {"models": models}
    base = worlds.scenario().model_dump(mode="json", by_alias=True, exclude_none=True)
    return Scenario.model_validate(
        {
            **{key: base[key] for key in ("scenario", "title", "clients")},
            "duration": 60,
            "warm_up": 0,
            "upstream": {"kind": "gemini", **project},
            **fields,
        }
    )


def test_on_the_day_of_the_table_a_model_is_itself() -> None:
    """Whatever day it is run on."""
    asked, policy = of_its_day(scenario(), worlds.policy())
    assert policy.catalog.as_of == default_catalog().dated
    assert model_names(asked, policy) == (ENDS,)


def test_a_model_that_has_ended_behaves_as_what_serves_it() -> None:
    """Its price, its quality and its quota, whoever is called: one row serves both names."""
    asked, policy = of_its_day(scenario(date="2026-12-02"), worlds.policy())
    assert models_used(asked, policy) == (HEIR,)
    names = model_names(asked, policy)
    assert names == (ENDS, HEIR)
    world = new_world(asked, policy, worlds.requests(0.0), 1, names, keep_latencies=False)
    sent, heir = world.upstream.models
    assert (sent["serves"], heir["serves"]) == (1, 1)
    assert heir["quality_ppm"] == 500_000
    assert tuple(heir["prices"][0]) == default_catalog().card(HEIR).price
    assert world.upstream.quotas[1]["rpm"] == 60
    assert {names[int(plan["models"][0])] for plan in world.plans} == {ENDS}


def test_a_strategy_that_names_it_calls_what_serves_it() -> None:
    """Beside what is asked for in its own name: two names, one model, one quota."""
    both = scenario(date="2026-12-02", workload={"models": {ENDS: 0.5, HEIR: 0.5}})
    asked, policy = of_its_day(both, worlds.policy(hard=Strategy(model=ENDS)))
    names = model_names(asked, policy)
    assert names == (ENDS, HEIR)
    world = new_world(asked, policy, worlds.requests(0.0), 1, names, keep_latencies=False)
    assert list(world.upstream.models["serves"]) == [1, 1]


def test_a_fault_of_it_strikes_what_serves_it() -> None:
    """And no other, nor on another day."""
    fault = {"kind": "error", "model": ENDS, "at": 0, "for": 1}
    for day, struck in (("2026-11-30", ENDS), ("2026-12-01", HEIR)):
        asked, _ = of_its_day(scenario(date=day, faults=[fault]), worlds.policy())
        (found,) = asked.faults
        assert isinstance(found, UpstreamFault)
        assert found.model == struck
    assert served_names(("neither", ENDS), default_catalog()) == ("neither", ENDS)


def test_what_a_run_costs_depends_on_its_date_alone() -> None:
    """From December a model of Gemini 4 costs twice as much."""
    argon = {"model": "gemini-4-argon", "thinking": "LOW"}
    asked = {"upstream": {"kind": "gemini", "models": {"gemini-4-argon": STEADY}}}
    costs = []
    for fields in ({}, {"date": "2026-11-30"}, {"date": "2026-12-01"}):
        clients = {**worlds.scenario().clients.model_dump(mode="json", exclude_none=True), **argon}
        run = simulate(
            scenario(**asked, **fields, clients=clients), worlds.policy(), replication=0, arm="none"
        )
        costs.append(run.metrics["cost_usd"])
    assert costs[0] == costs[1] > 0
    assert costs[2] == pytest.approx(2 * costs[0], rel=1e-6)


def test_header_and_assumptions_say_the_day() -> None:
    """Of the prices that hold; where it is the table's own, the table's date does."""
    asked, policy = of_its_day(scenario(date="2026-12-02"), worlds.policy())
    header = run_header(asked, policy, arm="policy", replication=0)
    assert header["date"] == "2026-12-02"
    told = "Prices and models are those of 2026-12-02, by the table dated 2026-11-28."
    assert told in header["assumptions"]
    plain, policy = of_its_day(scenario(), worlds.policy())
    assert "Prices are those of the table dated 2026-11-28." in assumptions(plain, policy)


def test_a_date_in_another_form_is_refused(tmp_path: Path) -> None:
    """With the place, what was found and what is expected."""
    path = tmp_path / "mine.yaml"
    path.write_text("scenario: mine\ntitle: Mine\ndate: 2.12.2026\n")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert f"{path}:3: date: found '2.12.2026', expected a day such as 2026-12-02" in str(
        caught.value
    )


def test_a_policy_that_the_day_makes_none_of_is_refused() -> None:
    """It is the scenario that says so, before anything runs."""
    text = (
        "modes:\n"
        "  normal: {model: gemini-4-neon, thinking: null, fallback_models: []}\n"
        "  soft: {model: gemini-4-argon, thinking: LOW, output_cap: 40000, fallback_models: []}\n"
        "baseline: {workload: w, requests_per_s: 1, prompt_tokens: 1000, output_tokens: 200, "
        "thinking_tokens: 1}\n"
    )
    with pytest.raises(PolicyError, match="as of 2026-12-02"):
        of_its_day(scenario(date="2026-12-02"), parse_policy(text))


@pytest.mark.parametrize("day", [day for day in default_catalog().turns() if day > "2026-11-29"])
def test_the_default_policy_leaves_ordinary_traffic_alone_on_every_day_to_come(day: str) -> None:
    """Whatever costs more by then, and whoever serves."""
    steady = load("steady", [f"date={day}", "duration=20m"]).scenario
    asked, policy = of_its_day(steady, default_policy())
    run = simulate(asked, policy, replication=0, arm="policy")
    assert run.transitions == ()
    assert run.metrics["availability"] > 0.999
