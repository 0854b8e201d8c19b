"""Comparisons of laws on a small world, and their record."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from balancer.core.errors import InputError
from sim.run.metrics import METRICS
from sim.study import compare, replications
from sim.study.compare import LawComparison, contest
from sim.study.replications import Runs
from tests.sim.small_world import SLOW, world, world_policy

LAWS = ("ladder", "threshold", "none")
EXPECTATIONS = [
    {"reaches": {"mode": "soft", "within": "60s"}},
    {"availability": {"at_least": "50%"}},
]


def compared(*names: str, laws: tuple[str, ...] = LAWS, workers: int = 1) -> LawComparison:
    """Small worlds under a latency fault, two replications each."""
    worlds = [
        world(scenario=name, faults=[SLOW], expectations=EXPECTATIONS) for name in names or ("a",)
    ]
    comparison = LawComparison([contest(each, world_policy()) for each in worlds], laws)
    comparison.run(workers=workers)
    return comparison


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """One comparison for all who only look at its record."""
    return compared().record(["compare"])


def rows(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The laws of the first scenario, by name."""
    return {row["law"]: row for row in record["scenarios"][0]["laws"]}


def test_the_laws_stand_in_the_order_asked_for(record: dict[str, Any]) -> None:
    """In the scenario and in the summary."""
    assert tuple(rows(record)) == LAWS
    assert tuple(row["law"] for row in record["summary"]) == LAWS


def test_every_law_has_every_metric_and_its_difference(record: dict[str, Any]) -> None:
    """With an interval each."""
    for row in rows(record).values():
        for side in ("metrics", "difference"):
            assert set(row[side]) == set(METRICS)
            assert set(row[side]["quality"]) == {"estimate", "low", "high"}


def test_all_laws_saw_the_same_requests(record: dict[str, Any]) -> None:
    """They differ by those alone that were asked again."""
    for row in rows(record).values():
        assert row["difference"]["offered"] == row["difference"]["reasked"]


def test_differences_are_taken_to_the_ladder(record: dict[str, Any]) -> None:
    """The law's own minus the ladder's; cost saved too, which both take from nothing done."""
    laws = rows(record)
    assert record["reference"] == "ladder"
    for name in ("cost_usd", "cost_saved", "transitions"):
        expected = (
            laws["threshold"]["metrics"][name]["estimate"]
            - laws["ladder"]["metrics"][name]["estimate"]
        )
        assert laws["threshold"]["difference"][name]["estimate"] == pytest.approx(expected)
    assert laws["ladder"]["difference"]["cost_saved"]["estimate"] == 0.0


def test_without_the_ladder_the_first_law_is_the_reference() -> None:
    """Differences need one."""
    assert compared(laws=("none",)).record()["reference"] == "none"


def test_the_counterfactual_is_not_listed_unless_asked_for() -> None:
    """It runs in any case, for the cost it would have taken."""
    found = rows(compared(laws=("ladder",)).record())
    assert list(found) == ["ladder"]
    assert found["ladder"]["metrics"]["cost_saved"]["estimate"] > 0.0


def test_what_names_a_mechanism_is_said_to_be_left_out(record: dict[str, Any]) -> None:
    """And is shown with its verdict all the same."""
    (scenario,) = record["scenarios"]
    assert scenario["left_out"] == ["reaches soft within 1m of slow"]
    counts = [each["counts"] for each in rows(record)["none"]["expectations"]]
    assert counts == [False, True]
    assert rows(record)["none"]["eligible"]


def test_exactly_one_law_is_the_best(record: dict[str, Any]) -> None:
    """The scenario names it, and its regret is nothing."""
    best = [row for row in rows(record).values() if row["best"]]
    assert [row["law"] for row in best] == [record["scenarios"][0]["best"]]
    assert best[0]["regret"] == {"estimate": 0.0, "low": 0.0, "high": 0.0}


def test_the_summary_counts_over_scenarios() -> None:
    """Wins of all laws add up to the scenarios that have a best law."""
    record = compared("a", "b").record()
    assert sum(row["best"] for row in record["summary"]) == 2
    assert {row["scenarios"] for row in record["summary"]} == {2}
    largest = next(row for row in record["summary"] if row["law"] == "none")["largest_regret"]
    assert largest["scenario"] in ("a", "b")
    assert largest["estimate"] == max(
        rows({"scenarios": [each]})["none"]["regret"]["estimate"] for each in record["scenarios"]
    )


def test_the_summary_tells_of_all_scenarios_how_available_and_how_dear(
    record: dict[str, Any],
) -> None:
    """Of one scenario: the law's own figures, and its utility beside the reference's."""
    (scenario,) = record["scenarios"]
    scores = {row["law"]: row["score"]["estimate"] for row in scenario["laws"]}
    for row in record["summary"]:
        own = rows(record)[row["law"]]["metrics"]["availability"]["estimate"]
        assert row["availability"] == row["least_availability"]["estimate"] == own
        assert row["least_availability"]["scenario"] == scenario["scenario"]
        ahead = (scores[row["law"]] - scores[record["reference"]]) / 30.0
        assert row["ahead_of_reference"] == pytest.approx(ahead)


def test_the_sweep_agrees_with_the_score_at_the_scenarios_own_worth() -> None:
    """$0.03 is no step of the sweep, but every law's line goes through its score there."""
    record = compared(laws=("ladder", "static", "always_soft", "none")).record()
    (scenario,) = record["scenarios"]
    worth = {"answer_usd": 0.03, "waiting": 0.005, "within_s": 60.0, "sibling_quality": 0.8}
    assert scenario["worth"] == worth
    for row in scenario["laws"]:
        line = 0.03 * row["value"]["estimate"] - row["bill_usd"]["estimate"]
        assert row["score"]["estimate"] == pytest.approx(1000 * line)
        assert row["regret_usd"]["estimate"] == pytest.approx(30 * row["regret"]["estimate"])
    (at,) = [each for each in scenario["reigns"] if each["from_usd"] <= 0.03 < each["to_usd"]]
    assert at["law"] == scenario["best"]


def test_a_regret_may_be_near_the_best_and_certain(record: dict[str, Any]) -> None:
    """How many are near goes by size alone, and never falls as near gets wider."""
    for row in record["summary"]:
        half, whole = row["near_best"]
        assert (half["regret"], whole["regret"]) == (0.005, 0.01)
        regret = rows(record)[row["law"]]["regret"]["estimate"]
        assert half["scenarios"] == (regret <= 0.005)
        assert whole["scenarios"] == (regret <= 0.01)


def test_what_operators_live_through_is_told_apart(record: dict[str, Any]) -> None:
    """Expectations that count for nobody, by what they are about."""
    for row in record["summary"]:
        lived = row["lived_through"]
        reaches, *others = lived["expectations"]
        (own,) = [each for each in rows(record)[row["law"]]["expectations"] if not each["counts"]]
        assert reaches == {"about": "reaches", "met": own["met"], "asked": 1}
        assert {(each["met"], each["asked"]) for each in others} == {(0, 0)}
        metrics = rows(record)[row["law"]]["metrics"]
        assert lived["degraded_share"] == metrics["degraded_share"]["estimate"]


def test_the_cells_agree_with_the_sweep_where_nothing_else_is_changed() -> None:
    """At the declared quality and prices, and at the worths that both look at."""
    record = compared("a", "b", laws=("ladder", "static", "always_soft", "none")).record()
    swept = {each["answer_usd"]: each for each in record["scenarios"][0]["sweep"]}
    for at, cell in enumerate(record["cells"]):
        if (cell["sibling_quality"], cell["prices"]) == (0.8, 1.0):
            place = swept[cell["answer_usd"]]
            for law, row in rows(record).items():
                regret = row["cells"]["regret"][at]
                assert regret == pytest.approx(place["regret"][law], abs=1e-6)
                assert row["cells"]["level"][at] is (law in (place["best"], *place["level"]))


def test_the_summary_counts_over_cells() -> None:
    """Somebody is first in each, and no law is level in more scenarios than there are."""
    record = compared("a", "b", laws=("ladder", "static", "always_soft", "none")).record()
    assert sum(row["cells"]["first"] for row in record["summary"]) >= len(record["cells"])
    for row in record["summary"]:
        found = row["cells"]
        assert 0 <= found["least_level"] <= found["mean_level"] <= found["most_level"] <= 2
        regrets = [
            law["cells"]["regret"]
            for scenario in record["scenarios"]
            for law in scenario["laws"]
            if law["law"] == row["law"] and law["eligible"]
        ]
        largest = found["largest_regret"]["estimate"] if found["largest_regret"] else None
        assert largest == max((max(each) for each in regrets), default=None)


def test_the_summary_counts_at_every_worth_of_the_sweep() -> None:
    """Somebody is best in both scenarios, whatever an answer is worth."""
    record = compared("a", "b").record()
    steps = [row["sweep"] for row in record["summary"]]
    for at in zip(*steps, strict=True):
        assert sum(each["best"] for each in at) == 2
        assert len({each["answer_usd"] for each in at}) == 1
        assert all(each["within_best"] >= each["best"] for each in at)


def test_static_runs_in_the_policys_normal_mode_and_none_as_clients_do() -> None:
    """With a fallback in normal, they differ in a storm."""
    storm = {"name": "down", "kind": "error", "model": "big", "at": 100, "for": 100}
    policy = world_policy()
    normal = replace(policy.strategies[0], fallback_models=("small",))
    policy = replace(policy, strategies=(normal, *policy.strategies[1:]))
    comparison = LawComparison(
        [contest(world(faults=[storm]), policy, replications=1)], ("static", "none")
    )
    comparison.run(workers=1)
    found = {row["law"]: row["metrics"] for row in comparison.record()["scenarios"][0]["laws"]}
    assert found["static"]["availability"]["estimate"] == 1.0
    assert found["static"]["fallback_attempts"]["estimate"] > 0.0
    assert found["none"]["availability"]["estimate"] < 0.8


def test_a_law_that_meets_nothing_has_no_regret_in_the_summary() -> None:
    """A law that is nowhere eligible is named with the scenarios it misses."""
    scenario = world(
        expectations=[{"availability": {"at_least": "100%"}}],
        faults=[{"name": "down", "kind": "error", "at": 100, "for": 50}],
    )
    comparison = LawComparison([contest(scenario, world_policy(), replications=1)], ("none",))
    comparison.run(workers=1)
    (row,) = comparison.record()["summary"]
    assert (row["best"], row["eligible"], row["not_eligible"]) == (0, 0, ["world"])
    assert row["largest_regret"] is None and row["mean_regret"] is None


@pytest.mark.slow
def test_the_record_does_not_depend_on_the_number_of_workers() -> None:
    """To the last byte."""
    one, two = (json.dumps(compared("a", "b", workers=workers).record()) for workers in (1, 2))
    assert one == two


def test_an_interrupted_comparison_tells_what_is_finished_and_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first of two scenarios is there, with a summary of its own."""
    whole = replications.replicate

    def interrupted(plans: Any, *, finished: Any, **options: Any) -> tuple[Runs, ...]:
        whole(plans[:1], finished=finished, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "replicate", interrupted)
    comparison = LawComparison(
        [contest(world(scenario=name), world_policy()) for name in ("a", "b")], ("none",)
    )
    with pytest.raises(KeyboardInterrupt):
        comparison.run(workers=1)
    assert (comparison.finished, comparison.missing) == (("a",), ("b",))
    record = comparison.record()
    assert [each["scenario"] for each in record["scenarios"]] == ["a"]
    assert record["missing"] == ["b"]
    assert record["summary"][0]["scenarios"] == 1


def test_the_reference_page_names_every_field(record: dict[str, Any]) -> None:
    """A field that is added to the file must be added to its page."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "comparison.md").read_text("utf-8")
    (scenario,) = record["scenarios"]
    fields = {*record, *scenario, *scenario["laws"][0], *record["summary"][0]}
    assert [field for field in fields if f"`{field}`" not in page] == []


def test_two_scenarios_of_one_name_are_refused() -> None:
    """Nobody could tell them apart in the table."""
    both = [contest(world(), world_policy())] * 2
    with pytest.raises(InputError, match="two scenarios are named 'world'"):
        LawComparison(both, LAWS)


def test_seed_and_replications_can_be_chosen() -> None:
    """Instead of the scenario's own."""
    chosen = contest(world(), world_policy(), replications=3, seed=9)
    assert (chosen.scenario.seed, chosen.replications) == (9, 3)
    own = contest(world(), world_policy())
    assert (own.scenario.seed, own.replications) == (world().seed, 2)
