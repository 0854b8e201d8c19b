"""One run, from requests to metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from balancer.core.errors import InputError, ScenarioError
from balancer.core.journal import Entry
from balancer.core.modes import Mode
from balancer.core.observations import FAILURES
from balancer.core.policy import BudgetLimit, Policy
from balancer.core.replay import replay
from balancer.journal_file import open_journal
from scenarios.schema import Scenario
from sim.run.engine import simulate
from sim.run.result import ARMS, Run
from tests.sim.small_world import SLOW, world, world_policy

DRILL = {"kind": "override", "mode": "emergency", "at": 50, "for": 50}


def journalled(
    folder: Path, scenario: Scenario, policy: Policy | None = None, *, arm: str = "policy"
) -> tuple[Run, list[Entry]]:
    """A run with the ticks of its journal."""
    path = folder / "journal.jsonl"
    policy = policy or world_policy()
    found = simulate(scenario, policy, replication=0, arm=arm, journal=path)
    return found, list(open_journal(path))


def run(arm: str = "policy", *, replication: int = 0, **changes: Any) -> Run:
    """A run of the small world."""
    return simulate(world(**changes), world_policy(), replication=replication, arm=arm)


def test_a_quiet_run_stays_in_normal_and_answers_everybody() -> None:
    """Nothing is wrong, so nothing happens."""
    found = run()
    assert found.transitions == ()
    assert found.metrics["availability"] == 1.0
    assert found.metrics["degraded_share"] == 0.0


def test_a_fault_drives_the_mode_up() -> None:
    """Through the controller's own observations."""
    found = run(faults=[SLOW])
    first = found.transitions[0]
    assert (first.before, first.after) == (Mode.NORMAL, Mode.SOFT)
    assert 100.0 < first.at_s < 150.0
    assert "latency_p95" in first.reason


def test_the_same_run_comes_out_the_same() -> None:
    """To the last bit."""
    assert run(faults=[SLOW]) == run(faults=[SLOW])


def test_replications_differ() -> None:
    """Each has draws of its own."""
    assert run().metrics["offered"] != run(replication=1).metrics["offered"]


def test_both_arms_see_the_same_requests(tmp_path: Path) -> None:
    """Second by second."""
    scenario = world(faults=[SLOW])
    offered = []
    for arm in ("policy", "none"):
        _, entries = journalled(tmp_path, scenario, arm=arm)
        offered.append([entry.observations.offered for entry in entries][:300])
    assert offered[0] == offered[1]


def test_without_a_controller_nothing_is_ever_degraded() -> None:
    """An operator's order reaches nobody either."""
    found = run("none", faults=[SLOW, DRILL])
    assert found.transitions == ()
    assert found.metrics["degraded_share"] == 0.0


def test_without_a_controller_no_budget_is_enforced() -> None:
    """A budget is part of the policy."""
    policy = world_policy(budgets=(BudgetLimit(usd=0.001, window_s=60.0),))
    tight = simulate(world(), policy, replication=0, arm="policy")
    free = simulate(world(), policy, replication=0, arm="none")
    assert tight.metrics["refused_share"] > 0.5
    assert free.metrics["refused_share"] == 0.0


def test_a_hard_budget_is_never_overshot() -> None:
    """Not by a nano-dollar, though it refuses."""
    policy = world_policy(budgets=(BudgetLimit(usd=0.05, window_s=60.0),))
    found = simulate(world(), policy, replication=0, arm="policy")
    assert found.metrics["refused_share"] > 0.0
    assert found.metrics["budget_overshoot_usd"] == 0.0


def test_an_arm_runs_under_its_policy_whatever_its_name() -> None:
    """So that laws and candidates can be arms."""
    one = simulate(world(), world_policy(), replication=0, arm="policy")
    other = simulate(world(), world_policy(), replication=0, arm="candidate")
    assert other.arm == "candidate"
    assert other.metrics == one.metrics


def test_a_decision_governs_the_requests_of_the_next_tick(tmp_path: Path) -> None:
    """An order received in tick 50 is decided at its end and first felt in tick 51."""
    found, entries = journalled(tmp_path, world(faults=[DRILL], decision_lag=0))
    ordered = next(entry for entry in entries if entry.observations.overrides)
    assert ordered.observations.tick == 50
    assert ordered.decision.mode is Mode.EMERGENCY
    assert found.transitions[0].at_s == 51.0
    shed_in = [entry.observations.tick for entry in entries if any(entry.observations.shed)]
    served_in = [
        entry.observations.tick
        for entry in entries
        for part in entry.observations.served
        if part.mode is Mode.EMERGENCY and part.started
    ]
    assert min(shed_in + served_in) == 51


def test_a_journal_has_every_tick_once(tmp_path: Path) -> None:
    """From 0 until the run has drained."""
    _, entries = journalled(tmp_path, world())
    ticks = [entry.observations.tick for entry in entries]
    assert ticks == list(range(len(ticks)))
    assert len(ticks) >= 300


def test_a_run_drains_after_the_horizon(tmp_path: Path) -> None:
    """Nobody comes any more, and nobody is left."""
    _, entries = journalled(tmp_path, world(faults=[{**SLOW, "at": 250, "for": 40}]))
    late = [entry.observations for entry in entries if entry.observations.tick >= 300]
    assert late
    assert all(sum(each.offered) == 0 for each in late)
    assert (late[-1].in_flight, late[-1].waiting) == (0, 0)


def test_a_run_whose_calls_hang_still_ends(tmp_path: Path) -> None:
    """Callers give up, and nobody waits for what they left behind."""
    hang = {"kind": "hang", "at": 200, "for": 500}
    _, entries = journalled(tmp_path, world(faults=[hang]), arm="none")
    assert 300 < len(entries) <= 300 + 60 + 30 + 1
    assert entries[-1].observations.in_flight == 0


def test_a_change_after_the_horizon_is_not_counted() -> None:
    """It governs no request."""
    late = {**DRILL, "at": 200, "for": 105}
    found = run(faults=[late])
    assert [change.at_s for change in found.transitions] == [201.1]
    assert found.metrics["transitions"] == 1.0


def test_warm_up_leaves_out_requests_but_not_decisions() -> None:
    """A change during the warm-up is counted; requests are from its end on."""
    found = run(faults=[DRILL], warm_up=200)
    assert found.metrics["transitions"] == 1.0
    assert 400 < found.metrics["offered"] < 600


def test_transitions_per_hour_are_over_the_whole_run() -> None:
    """One in five minutes is twelve an hour."""
    assert run(faults=[DRILL]).metrics["transitions_per_hour"] == 12.0


def test_late_telemetry_makes_late_decisions(tmp_path: Path) -> None:
    """The journal has every tick all the same, and the change comes later by the delay."""
    slow = {**SLOW, "for": 150}
    delay = {"kind": "delay", "by": 40, "at": 0, "for": 290}
    prompt = run(faults=[slow])
    late, entries = journalled(tmp_path, world(faults=[slow, delay]))
    assert late.transitions[0].at_s == prompt.transitions[0].at_s + 40.0
    ticks = [entry.observations.tick for entry in entries]
    assert ticks == list(range(len(ticks)))


def test_a_run_knows_when_its_probes_governed_requests(tmp_path: Path) -> None:
    """The journal has a decision at the tick of what was seen; late telemetry made it later."""
    delay = {"kind": "delay", "by": 40, "at": 0, "for": 300}
    found, entries = journalled(tmp_path, world(faults=[{**SLOW, "for": 60}, delay]))
    decided_s = next(
        entry.decision.tick + 1.0
        for entry in entries
        if entry.decision.mode is Mode.SOFT and entry.decision.mix[Mode.NORMAL] > 0
    )
    governed_s = next(each.at_s for each in found.servings if each.beside is Mode.NORMAL)
    assert governed_s == pytest.approx(decided_s + 40.1)


def test_a_controller_told_nothing_decides_nothing() -> None:
    """All observations lost: the fault goes by unnoticed."""
    assert run(faults=[SLOW, {"kind": "loss", "at": 90, "for": 150}]).transitions == ()


def test_memory_in_use_is_observed(tmp_path: Path) -> None:
    """As a gauge, while it lasts."""
    leak = {"kind": "memory", "level": "90%", "at": 100, "for": 50}
    _, entries = journalled(tmp_path, world(faults=[leak]))
    high = [each.observations.tick for each in entries if each.observations.memory_ppm == 900_000]
    assert len(high) == 50
    assert high[0] in (99, 100)


@pytest.mark.parametrize("arm", ["policy", "none"])
def test_a_journal_replays_to_the_same_decisions(tmp_path: Path, arm: str) -> None:
    """With every fault of the telemetry at once."""
    faults = [
        SLOW,
        DRILL,
        {"kind": "delay", "by": 7, "at": 60, "for": 100},
        {"kind": "loss", "share": 0.3, "at": 30, "for": 200},
        {"kind": "alert", "mode": "hard", "at": 220, "for": 20, "copies": 2},
    ]
    journalled(tmp_path, world(faults=faults), arm=arm)
    found = replay(open_journal(tmp_path / "journal.jsonl"))
    assert found.ticks >= 300
    assert found.identical


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("delayed", [False, True])
def test_a_run_does_not_depend_on_whether_it_is_written_down(
    tmp_path: Path, arm: str, replicas: int, delayed: bool
) -> None:
    """Arms that never move are not observed, once they have decided, unless there is a journal."""
    late = [{"kind": "delay", "by": 15, "at": 0, "for": 60}] if delayed else []
    scenario = world(faults=[SLOW, DRILL, *late], replicas=replicas)
    written, _ = journalled(tmp_path, scenario, arm=arm)
    assert simulate(scenario, world_policy(), replication=0, arm=arm) == written


def test_a_journal_says_what_it_is_of(tmp_path: Path) -> None:
    """Scenario, arm, seed, replication, faults and assumptions."""
    journalled(tmp_path, world(faults=[SLOW]))
    header = open_journal(tmp_path / "journal.jsonl").run
    assert (header["scenario"], header["arm"], header["seed"], header["replication"]) == (
        "world",
        "policy",
        1,
        0,
    )
    assert header["faults"] == [
        {
            "name": "slow",
            "kind": "latency",
            "text": "latency of big ×5",
            "from_s": 100.0,
            "to_s": 200.0,
        }
    ]
    assert any(
        "declared and not measured: big 1, small 0.8" in each for each in header["assumptions"]
    )


def test_a_tick_may_be_shorter_than_a_second() -> None:
    """Ten times as many steps, the same requests."""
    found = simulate(world(), world_policy(tick_s=0.1), replication=0, arm="policy")
    assert found.metrics["offered"] == run().metrics["offered"]


def test_a_process_in_python_that_fails_ends_the_run_with_one_error(tmp_path: Path) -> None:
    """Which names its file and line."""
    (tmp_path / "bad.py").write_text(
        "def bad(env, plant, fault):\n    yield env.timeout(1)\n    raise OSError('pulled')\n"
    )
    fault = {"kind": "process", "process": f"{tmp_path / 'bad.py'}:bad", "at": 10, "for": 1}
    with pytest.raises(ScenarioError, match=r"OSError: pulled \(line 3 of bad\.py\)"):
        run(faults=[fault])


def test_the_fault_of_the_how_to_does_what_it_says(tmp_path: Path) -> None:
    """Its Python is taken from the page: latency and errors rise, and all is over at the end."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-fault-in-python.md"
    code = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    (tmp_path / "cascade.py").write_text(code)
    fault = {
        "kind": "process",
        "process": f"{tmp_path / 'cascade.py'}:cascade",
        "arguments": {"worst": 8},
        "at": 100,
        "for": 500,
    }
    quiet = run("none", duration=700)
    _, entries = journalled(tmp_path, world(duration=700, faults=[fault]), arm="none")
    memory = [entry.observations.memory_ppm for entry in entries]
    refused = [
        entry.observations.tick
        for entry in entries
        if any(part.failures[FAILURES.index("overloaded")] for part in entry.observations.served)
    ]
    assert [memory[tick] for tick in (50, 150, 250, 350, 650)] == [0, 200_000, 400_000, 800_000, 0]
    assert quiet.metrics["error_rate"] == 0.0
    assert 459 <= min(refused) < max(refused) <= 600


def test_a_journal_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    """A full or missing disk is no crash."""
    path = tmp_path / "missing" / "journal.jsonl"
    with pytest.raises(InputError, match="cannot be written: No such file") as caught:
        simulate(world(), world_policy(), replication=0, arm="policy", journal=path)
    assert caught.value.where == str(path)


def test_a_law_that_never_moves_serves_its_mode_from_the_first_request() -> None:
    """Nothing is served in normal, and nothing is a transition."""
    found = run("cheapest", warm_up=0)
    assert found.metrics["degraded_share"] == 1.0
    assert found.transitions == ()
    assert found.metrics["transitions"] == 0.0
