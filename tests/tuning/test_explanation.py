"""What is told of a tuning: effects, sensitivity, robustness, importance, and its record."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from balancer.records.files import write_json
from balancer.records.tuning import TUNING, Importances, Robustness
from reports.tuning.page import write_tuning_report
from scenarios.profiles import profiles
from sim.tuning.effects import effects
from sim.tuning.explanation import values_around
from sim.tuning.fields import policy_fields
from sim.tuning.importance import LEAST_TRIALS, importances
from sim.tuning.record import tuning_record
from sim.tuning.results import TODAY
from sim.tuning.robustness import robustness
from sim.tuning.sensitivity import Sensitivity, sensitivity, spaced
from sim.tuning.shifts import (
    other_quotas,
    other_speed,
    possible_quality,
    with_prices,
    with_quality,
)
from sim.tuning.space import read_space
from tests.sim.samples import run
from tests.sim.small_world import world, world_policy
from tests.tuning.tunings import LATENCY, goals, policy_of, small_tuning, worlds

SPACE = """\
thresholds.soft.latency_p95: {from: 8s, to: 15s}
thresholds.hard.latency_p95: {times: thresholds.soft.latency_p95, from: 1.2, to: 2.5}
modes.soft.output_cap: {from: 2000, to: 4000}
"""


@pytest.fixture(scope="module")
def moved() -> Sensitivity:
    """The first policy of the front with another threshold."""
    tuning = small_tuning()
    (found,) = sensitivity(
        tuning.front[0],
        {LATENCY: (2.5, 6.0, 30.0)},
        policy_of=policy_of,
        today=tuning.today.policy,
        scenarios=worlds()[:1],
        replications=range(2),
        goals=goals(),
        workers=1,
    )
    return found


@pytest.fixture(scope="module")
def off() -> Robustness:
    """The front with assumptions that are off."""
    return robustness(small_tuning(), worlds()[:1], goals=goals(), workers=1)


def test_a_policy_that_leaves_normal_sooner_is_cheaper_and_poorer() -> None:
    """The effects have the sign that both of its figures say; today's differs by nothing."""
    tuning = small_tuning()
    runs = {"slow": tuning.runs["slow"]}
    cost, quality, *others = effects(goals(), runs, "trial 0")
    assert cost.change.estimate == pytest.approx(tuning.front[0].objectives[0].estimate - 1)
    before, after = (each.objectives[1].estimate for each in (tuning.today, tuning.front[0]))
    assert quality.change.estimate == pytest.approx(after - before)
    assert (cost.change.estimate < 0, quality.change.estimate < 0) == (True, True)
    told = ["availability", "latency_p95_s", "degraded_share"]
    assert [each.objective.metric for each in others] == told
    assert {each.change.estimate for each in effects(goals(), runs, TODAY)} == {0.0}
    assert effects(goals(), {}, "trial 0") == ()


def test_a_number_moved_to_todays_value_gives_todays_figures(moved: Sensitivity) -> None:
    """On the same requests, to the bit; what is no policy is said to be none."""
    tuning = small_tuning()
    assert [step.value for step in moved.steps] == [2.5, 6.0, 30.0]
    chosen, today, none = (step.measured for step in moved.steps)
    assert chosen is not None
    assert today is not None
    assert chosen.objectives == tuning.front[0].objectives
    assert today.objectives[1] == tuning.today.objectives[1]
    assert today.objectives[0].estimate == pytest.approx(1.0)
    assert none is None


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ((10.0, 5.0, 20.0), (5.0, 10.0, 20.0)),
        ((5.0, 5.0, 20.0), (5.0, 20.0)),
        ((30.0, 5.0, 20.0), (5.0, 30.0)),
    ],
)
def test_values_around_a_choice_are_the_ends_of_its_range(
    arguments: tuple[float, float, float], values: tuple[float, ...]
) -> None:
    """Each once."""
    assert spaced(*arguments) == values


def test_a_range_tied_to_another_number_is_of_what_that_is(tmp_path: Path) -> None:
    """Hard stands at a factor of soft; the others keep their amounts. Whole numbers stay whole."""
    fields = policy_fields(None)
    (tmp_path / "space.yaml").write_text(SPACE, encoding="utf-8")
    space = read_space(tmp_path / "space.yaml", fields)
    values = {
        "thresholds.soft.latency_p95": 10.0,
        "thresholds.hard.latency_p95": 16.0,
        "modes.soft.output_cap": 3001.0,
    }
    assert values_around(space, values) == {
        "thresholds.soft.latency_p95": (8.0, 10.0, 15.0),
        "thresholds.hard.latency_p95": (12.0, 16.0, 25.0),
        "modes.soft.output_cap": (2000.0, 3001.0, 4000.0),
    }
    del values["modes.soft.output_cap"]
    assert set(values_around(space, values)) == set(values)


def test_every_assumption_is_off_either_way(off: Robustness) -> None:
    """What enters linearly is worked out, the rest simulated."""
    assert [(case.name, case.simulated) for case in off.cases] == [
        ("as assumed", False),
        ("quality of other models −30%", False),
        ("quality of other models +30%", False),
        ("prices −30%", False),
        ("prices +30%", False),
        ("quotas −30%", True),
        ("quotas +30%", True),
        ("speed of other models −30%", True),
        ("speed of other models +30%", True),
    ]
    assert off.left_out == ()


def test_policies_stand_as_they_do_where_nothing_is_off(off: Robustness) -> None:
    """Prices scale all bills alike, so a ratio of costs stays what it is."""
    tuning = small_tuning()
    by_name = {case.name: {row.trial: row for row in case.policies} for case in off.cases}
    assumed = by_name["as assumed"]
    for each in (tuning.today, *tuning.front):
        assert assumed[each.trial].objectives == each.objectives
        dearer = by_name["prices +30%"][each.trial].objectives[0]
        assert dearer.estimate == pytest.approx(each.objectives[0].estimate)


def test_worse_answers_of_other_models_hurt_those_who_use_them_most(off: Robustness) -> None:
    """And fewer requests are answered under a smaller quota."""
    by_name = {case.name: {row.trial: row for row in case.policies} for case in off.cases}
    loss = {
        trial: row.objectives[1].estimate
        - by_name["quality of other models −30%"][trial].objectives[1].estimate
        for trial, row in by_name["as assumed"].items()
    }
    assert loss[0] > loss[-1] >= 0.0
    few, many = (by_name[f"quotas {way}30%"][-1] for way in "−+")
    assert few.objectives[1] != many.objectives[1]


def test_best_is_who_is_bettered_by_nobody_that_keeps_the_constraints(off: Robustness) -> None:
    """Somebody always is, where anybody keeps them."""
    for case in off.cases:
        able = [row for row in case.policies if row.feasible]
        assert any(row.best for row in able) == bool(able)
        assert sum(row.proposed for row in case.policies) == bool(able)
        assert all(row.best for row in case.policies if row.proposed)
        assert not any(row.best for row in case.policies if not row.feasible)


def test_what_no_scenario_has_is_left_out() -> None:
    """A world without quotas."""
    scenario = world(scenario="quiet")
    assert other_quotas(scenario, world_policy(), 0.7) is None
    slower = other_speed(scenario, world_policy(), 0.5)
    assert slower is not None
    before, after = (profiles(each)["small"] for each in (scenario, slower))
    assert after.ttft_p50 == 2 * before.ttft_p50
    assert after.tokens_per_s == before.tokens_per_s / 2
    assert profiles(slower)["big"] == profiles(scenario)["big"]


def test_quotas_are_scaled_with_all_of_how_they_count() -> None:
    """And are never nothing."""
    fewer = other_quotas(worlds()[0], world_policy(), 0.7)
    assert fewer is not None
    before, after = (profiles(each)["big"].quota for each in (worlds()[0], fewer))
    assert (before.rpm, after.rpm) == (400, 280)
    assert after.model_copy(update={"rpm": 400}) == before
    least = other_quotas(worlds()[0], world_policy(), 1e-9)
    assert least is not None
    assert profiles(least)["big"].quota.rpm == 1


def test_prices_change_the_bill_and_what_is_made_of_it() -> None:
    """Nothing else."""
    before = run(cost_usd=10.0, cost_per_answer_usd=0.5, utility_usd=4.0, quality=0.9)
    after = with_prices(before, 1.3)
    changed = {k for k, value in after.metrics.items() if value != before.metrics[k]}
    assert changed == {"cost_usd", "cost_per_answer_usd", "utility_usd"}
    assert after.metrics["cost_usd"] == pytest.approx(13.0)
    assert after.metrics["utility_usd"] == pytest.approx(1.0)


def test_quality_of_others_changes_as_far_as_they_answered() -> None:
    """A quarter of good answers are theirs: 30 % worse, all are 7.5 % worse."""
    before = run(
        good_answers=800.0,
        sibling_good_answers=200.0,
        quality=0.8,
        quality_weighted_answers=900.0,
        utility_usd=4.0,
    )
    after = with_quality(before, 0.7, 0.01).metrics
    assert after["quality"] == pytest.approx(0.8 * 0.925)
    assert after["quality_weighted_answers"] == pytest.approx(900 * 0.925)
    assert after["good_answers"] == pytest.approx(740.0)
    assert after["utility_usd"] == pytest.approx(4.0 - 0.6)
    nobody = run(good_answers=0.0, sibling_good_answers=0.0)
    assert with_quality(nobody, 0.7, 0.01).metrics == nobody.metrics


def test_no_answer_is_better_than_perfect() -> None:
    """The other model's declared quality is 0.8."""
    assert possible_quality(1.3, worlds()[0], world_policy()) == 1.25
    assert possible_quality(0.7, worlds()[0], world_policy()) == 0.7


def told_by_trials(count: int) -> Importances:
    """Of a study in which the first number decides everything."""
    optuna = pytest.importorskip("optuna")
    drawn = random.Random(5)
    span = optuna.distributions.FloatDistribution(0.0, 1.0)
    study = optuna.create_study(directions=["minimize", "maximize"])
    for _ in range(count):
        params = {"decides": drawn.random(), "idle": drawn.random()}
        study.add_trial(
            optuna.trial.create_trial(
                params=params,
                distributions=dict.fromkeys(params, span),
                values=[params["decides"], params["decides"]],
            )
        )
    return importances(study, ["cost", "quality"])


@pytest.mark.slow
def test_the_number_that_decides_is_found_important() -> None:
    """For each objective, whichever way it is better, and the same every time."""
    found = told_by_trials(80)
    assert found.trials == 80
    assert [each.objective for each in found.objectives] == ["cost", "quality"]
    for each in found.objectives:
        decides, idle = each.by_path["decides"], each.by_path["idle"]
        assert list(each.by_path) == ["decides", "idle"]
        assert decides.estimate + idle.estimate == pytest.approx(1.0)
        assert decides.low > idle.high
        assert decides.low <= decides.estimate <= decides.high
    assert told_by_trials(80) == found


def test_too_few_trials_say_nothing() -> None:
    """But how many there are and how many it takes."""
    found = told_by_trials(LEAST_TRIALS - 1)
    assert found == Importances(trials=LEAST_TRIALS - 1, needed=LEAST_TRIALS, objectives=())


def record(moved: Sensitivity, off: Robustness) -> dict[str, Any]:
    """Of the small tuning, with everything there is."""
    return tuning_record(
        small_tuning(),
        goals(),
        show={LATENCY: lambda value: f"{value:g}s"},
        files={0: "front/1.yaml"},
        broken={0: ("availability >= 50% in quiet",)},
        invalid=3,
        sensitivities=[moved],
        importances=told_by_trials(LEAST_TRIALS),
        robustness=off,
        command=["open-balancer", "tune"],
        gate=["open-balancer", "gate"],
    )


@pytest.mark.slow
def test_a_record_is_read_back_as_it_was(
    moved: Sensitivity, off: Robustness, tmp_path: Path
) -> None:
    """By the reports, and a page is made of it."""
    tuning = small_tuning()
    write_json(tmp_path / "tuning.json", record(moved, off))
    found = TUNING.read(tmp_path)
    assert found.proposed is found.front[0]
    assert [each.trial for each in found.front] == [0, 1]
    assert found.front[0].settings[0].text == "2.5s"
    assert found.front[0].file == "front/1.yaml"
    assert found.front[0].broken == ("availability >= 50% in quiet",)
    assert found.front[0].changes == (
        "soft (latency_p95 soft) begins at P95 latency 2500ms, was 6s",
    )
    estimates = [each.estimate for each in found.front[1].objectives]
    assert estimates == [each.estimate for each in tuning.front[1].objectives]
    assert [step.valid for step in found.sensitivity[0].steps] == [True, True, False]
    assert [case.name for case in found.robustness.cases] == [case.name for case in off.cases]
    assert found.importance.objectives[0].by_path.keys() == {"decides", "idle"}
    assert found.static is not None
    assert write_tuning_report(tmp_path).is_file()


def test_the_worst_scenario_is_among_all(moved: Sensitivity, off: Robustness) -> None:
    """Held out or not, by which way a metric is better."""
    tuning = small_tuning()
    for told, each in zip(record(moved, off)["front"], tuning.front, strict=True):
        figures = {**each.tuned_on, **each.held_out}
        worst = {entry["metric"]: entry for entry in told["worst"]}
        quality = {name: found["quality"].estimate for name, found in figures.items()}
        cost = {name: found["cost_usd"].estimate for name, found in figures.items()}
        assert worst["quality"]["scenario"] == min(quality, key=quality.__getitem__)
        assert worst["cost_usd"]["scenario"] == max(cost, key=cost.__getitem__)


def test_a_tuning_without_a_front_has_a_record(tmp_path: Path) -> None:
    """And a page."""
    nothing = replace(small_tuning(), front=(), knee=-1, static=None)
    write_json(tmp_path / "tuning.json", tuning_record(nothing, goals()))
    assert TUNING.read(tmp_path).proposed is None
    assert write_tuning_report(tmp_path).is_file()


PAGE = Path(__file__).parents[2] / "docs" / "reference" / "tuning.md"


def keys(value: Any) -> Any:
    """Keys of an object and of the first of each list; of figures, those of any scenario."""
    if isinstance(value, dict):
        return {
            name: keys([*each.values()]) if name == "figures" else keys(each)
            for name, each in value.items()
        }
    return keys(value[0]) if isinstance(value, list) and value else None


def test_the_record_has_the_fields_the_page_shows(moved: Sensitivity, off: Robustness) -> None:
    """The example of `docs/reference/tuning.md`, key by key."""
    text = PAGE.read_text(encoding="utf-8")
    example = json.loads(text.split("```json\n")[1].split("```")[0])
    told = record(moved, off)
    front = told["front"][0]
    assert keys(front) == keys({**told["today"], "changes": [], "broken": []})
    assert keys({**told, "front": []}) == keys({**example, "front": []})
    tables = text.split("```")[-1]
    for name in {*told, *front, *told["sensitivity"][0], *told["robustness"], *told["importance"]}:
        assert f"`{name}`" in tables, name
