"""Experiments: replications, workers, journals and the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from balancer.core.errors import InputError, ScenarioError
from sim.run.metrics import METRICS
from sim.study import replications
from sim.study.experiment import Result, run_scenario
from sim.study.record import write_records
from tests.sim.small_world import PROFILES, SLOW, world, world_policy

EXPECTATIONS = [
    {"reaches": {"mode": "soft", "within": "60s"}},
    {"never_above": "hard"},
    {"availability": {"at_least": "99%"}},
    {"cost_saved": {"at_least": "0%"}},
]


def experiment(*, out: Path | None = None, workers: int = 1, **changes: Any) -> Result:
    """Two replications of the small world under a latency fault."""
    scenario = world(**{"faults": [SLOW], "expectations": EXPECTATIONS, **changes})
    return run_scenario(scenario, world_policy(), workers=workers, out=out)


@pytest.fixture(scope="module")
def result() -> Result:
    """One experiment for all who only look at it."""
    return experiment()


def test_every_replication_runs_in_all_arms(result: Result) -> None:
    """In order, as pairs."""
    assert [run.replication for run in result.runs["policy"]] == [0, 1]
    assert list(result.runs) == ["policy", "static", "cheapest", "none"]
    assert all([run.arm for run in runs] == [arm, arm] for arm, runs in result.runs.items())


def test_all_arms_of_a_replication_see_the_same_requests(result: Result) -> None:
    """Common random numbers: what is offered differs by those alone that were asked again."""
    for difference in result.comparison.differences.values():
        assert difference["offered"] == difference["reasked"]


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records and journals, byte for byte, with every replication a task of its own."""
    monkeypatch.setattr(replications, "BATCH_S", 0.0)
    records, journals = [], []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        found = experiment(out=folder, workers=workers, replications=3)
        records.append(json.dumps(found.record))
        journals.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert records[0] == records[1]
    assert journals[0] == journals[1]


def test_another_seed_gives_other_requests(result: Result) -> None:
    """And the record says which was used."""
    other = run_scenario(world(), world_policy(), replications=1, seed=7)
    assert other.record["seed"] == 7
    first = result.runs["none"][0].metrics["offered"]
    assert other.runs["none"][0].metrics["offered"] != first


def test_the_seed_of_a_replication_does_not_depend_on_how_many_there_are(result: Result) -> None:
    """More replications add runs and change none."""
    three = experiment(replications=3)
    assert three.runs["policy"][:2] == result.runs["policy"]


def test_the_first_replication_is_journalled_in_every_arm(tmp_path: Path) -> None:
    """Under the names the record gives."""
    found = experiment(out=tmp_path)
    arms = ("policy", "static", "cheapest", "none")
    names = {arm: f"world.{arm}.0.jsonl" for arm in arms}
    assert found.record["journals"] == names
    assert {path.name for path in tmp_path.iterdir()} == set(names.values())


def test_every_replication_can_be_journalled(tmp_path: Path) -> None:
    """Four arms of two replications."""
    run_scenario(world(), world_policy(), workers=1, out=tmp_path, every_journal=True)
    assert len(list(tmp_path.iterdir())) == 8


def test_journals_of_one_name_are_not_overwritten(tmp_path: Path) -> None:
    """Two scenarios of one name in one report are refused."""
    experiment(out=tmp_path)
    with pytest.raises(ScenarioError, match="named 'world' too"):
        experiment(out=tmp_path)


def test_a_name_that_is_no_file_name_makes_one(tmp_path: Path) -> None:
    """Without leaving the directory."""
    found = experiment(out=tmp_path, scenario="../up & away")
    assert found.record["journals"]["policy"] == "up-away.policy.0.jsonl"


def test_progress_counts_runs() -> None:
    """Of all arms, up to all of them."""
    seen: list[tuple[float, int]] = []

    def progress(done: float, total: int) -> None:
        seen.append((done, total))

    run_scenario(world(), world_policy(), workers=1, progress=progress)
    assert seen == [(4, 8), (8, 8)]


def test_the_record_has_every_metric_of_every_arm(result: Result) -> None:
    """And what the controller changed of each of the others."""
    arms, differences = result.record["arms"], result.record["differences"]
    assert list(arms) == ["policy", "static", "cheapest", "none"]
    assert list(differences) == ["static", "cheapest", "none"]
    for found in (*arms.values(), *differences.values()):
        assert set(found) == set(METRICS)
        assert set(found["cost_usd"]) == {"estimate", "low", "high"}


def test_every_record_says_whether_there_is_harm(result: Result) -> None:
    """The difference in availability to static, whatever the scenario expects."""
    told = result.record["harm"]
    change = result.record["differences"]["static"]["availability"]
    assert told == {**change, "found": False}


def test_a_controller_that_sheds_what_static_answers_does_harm() -> None:
    """A quota of the sibling that is smaller than the traffic: static has no use for it."""
    small = {**PROFILES["small"], "quota": {"rpm": 20}}
    found = experiment(
        upstream={"models": {**PROFILES, "small": small}},
        expectations=[{"no_harm": True}],
        replications=3,
    )
    assert found.record["harm"]["found"]
    assert found.comparison.harm.high < -0.1
    (judged,) = found.judgements
    assert (judged.verdict, judged.against, judged.unit) == ("fail", "static", "points")


def test_the_record_tells_the_transitions_of_the_first_replication(result: Result) -> None:
    """With the reason of each."""
    told = result.record["transitions"][0]
    assert (told["from"], told["to"]) == ("normal", "soft")
    assert told["reason"].startswith("soft: latency_p95")
    assert len(result.record["transitions"]) == len(result.runs["policy"][0].transitions)


def test_the_record_tells_its_probes_and_whose_they_are(result: Result) -> None:
    """When a share of the requests got another mode than the one in force, of one process."""
    assert result.record["replicas"] == 1
    probes = result.record["probes"]
    assert probes
    soft_s = result.record["transitions"][0]["at_s"]
    assert all(soft_s < each["from_s"] < each["to_s"] <= 300.0 for each in probes)
    assert {each["mode"] for each in probes} == {"normal"}
    assert experiment(replicas=2, replications=1).record["replicas"] == 2


def test_the_record_judges_every_expectation(result: Result) -> None:
    """In the scenario's order, with the fields the file promises."""
    told = result.record["expectations"]
    assert [each["name"].split()[0] for each in told] == [
        "reaches",
        "never",
        "availability",
        "cost",
    ]
    assert all(
        {"name", "verdict", "estimate", "low", "high", "bound"} <= set(each) for each in told
    )


def test_the_file_holds_no_nan(tmp_path: Path) -> None:
    """What is undefined is null: here everything after an outage that answers nobody."""
    outage = {"name": "slow", "kind": "error", "at": 0, "for": 500}
    found = experiment(faults=[outage], expectations=[{"latency_p95": {"at_most": "9s"}}])
    path = tmp_path / "verdict.json"
    write_records(path, [found.record])

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    (told,) = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert told["arms"]["policy"]["latency_p95_s"] == {"estimate": None, "low": None, "high": None}
    assert told["verdict"] == "fail"


@pytest.mark.parametrize("changes", [{"replications": 0}, {"workers": 0}])
def test_impossible_numbers_are_refused(changes: dict[str, int]) -> None:
    """Before anything runs."""
    with pytest.raises(InputError, match="expected 1 or more"):
        run_scenario(world(), world_policy(), **changes)  # type: ignore[arg-type]


def test_a_process_that_is_missing_is_found_before_anything_runs() -> None:
    """And not by a worker."""
    fault = {"kind": "process", "process": "nowhere.py:f", "at": 1, "for": 1}
    with pytest.raises(ScenarioError, match=r"no file nowhere\.py"):
        run_scenario(world(faults=[fault]), world_policy())
