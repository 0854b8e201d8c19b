"""The gate: rounds of replications until everything is decided."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from balancer.core.errors import InputError
from balancer.records.files import write_json
from scenarios.schema import Scenario
from sim.study import gate as module
from sim.study.gate import Gate
from sim.study.gate_record import fingerprint, gate_record
from sim.study.margins import DEFAULT_MARGINS, parse_margins
from sim.study.replications import Plan, Runs
from tests.sim.samples import runs
from tests.sim.small_world import SLOW, world, world_policy


def slow_world(name: str = "world", **changes: Any) -> Scenario:
    """Less than three minutes, with a latency fault that the policy answers."""
    fault = {**SLOW, "at": 40, "for": 60}
    return world(scenario=name, duration=160, warm_up=10, faults=[fault], **changes)


def small_gate(*scenarios: Scenario, margin: str = DEFAULT_MARGINS, **changes: Any) -> Gate:
    """A policy against one that never leaves normal, unless told otherwise."""
    values: dict[str, Any] = {
        "baseline": world_policy(),
        "candidate": world_policy(law="none"),
        "replications_max": 10,
        **changes,
    }
    return Gate(scenarios or [slow_world()], margins=parse_margins(margin), **values)


def replicas(
    worse_by: Callable[[str, int], float], asked: list[tuple[str, range]]
) -> Callable[..., None]:
    """Stands for `replicate`: latencies of 1 s, the candidate's worse by what is said."""

    def replicate(
        plans: Sequence[Plan], *, workers: int | None, finished: Callable[[int, Runs], None]
    ) -> None:
        for row, plan in enumerate(plans):
            name = plan.scenario.scenario
            asked.append((name, plan.replications))
            by = [worse_by(name, k) for k in plan.replications]
            finished(
                row,
                {
                    "baseline": tuple(runs("latency_p95_s", [1.0 for _ in by])),
                    "candidate": tuple(runs("latency_p95_s", [1.0 + each for each in by])),
                },
            )

    return replicate


def alternating(mean: float) -> Callable[[str, int], float]:
    """A difference that swings around a mean."""
    return lambda _name, k: mean + (0.05 if k % 2 else -0.05)


def test_a_policy_against_itself_differs_by_exactly_nothing() -> None:
    """Common random numbers: every run of one is the other's run."""
    gate = small_gate(candidate=replace(world_policy(), name="another name"), replications_max=12)
    gate.run(workers=1)
    (found,) = gate.finished
    assert gate.verdict == "pass"
    assert all(d.worsening.estimate == 0.0 for d in found.differences)


def test_means_of_runs_that_agree_are_no_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """They leave room for runs not seen, as in any other record, and stay in their range."""
    monkeypatch.setattr(module, "replicate", replicas(lambda _scenario, _k: 0.0, []))
    gate = small_gate(slow_world("alike"), margin="availability=1pp")
    gate.run()
    ((difference,),) = (each.differences for each in gate.finished)
    for found in (difference.baseline, difference.candidate):
        assert found.low < found.estimate == found.high == 1.0


def test_a_worse_policy_fails_and_a_better_one_passes() -> None:
    """The same two policies, in each part once."""
    margin = "latency_p95=5%"
    worse = small_gate(margin=margin)
    better = small_gate(margin=margin, baseline=worse.candidate, candidate=worse.baseline)
    for gate in (worse, better):
        gate.run(workers=1)
    assert (worse.verdict, better.verdict) == ("fail", "pass")


def test_replications_are_added_until_all_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where something is open, and only new ones."""
    asked: list[tuple[str, range]] = []

    def worse_by(name: str, k: int) -> float:
        return 0.0 if name == "calm" else alternating(0.03)(name, k)

    monkeypatch.setattr(module, "replicate", replicas(worse_by, asked))
    gate = small_gate(
        slow_world("calm"), slow_world("open"), margin="latency_p95=5%", replications_max=320
    )
    gate.run()
    assert asked[:2] == [("calm", range(10)), ("open", range(10))]
    assert asked[2:5] == [("calm", range(10, 20)), ("open", range(10, 20)), ("open", range(20, 40))]
    assert [found.replications for found in gate.finished] == [20, asked[-1][1].stop]
    assert gate.verdict == "pass"


def test_what_is_too_close_stops_before_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """More replications would not help in reason."""
    asked: list[tuple[str, range]] = []
    monkeypatch.setattr(module, "replicate", replicas(alternating(0.0501), asked))
    gate = small_gate(margin="latency_p95=5%", replications_max=1280)
    gate.run()
    assert gate.verdict == "inconclusive"
    assert asked[-1][1].stop < 320


def test_the_last_look_ends_a_gate_that_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how many replications would decide it."""
    asked: list[tuple[str, range]] = []
    monkeypatch.setattr(module, "replicate", replicas(alternating(0.03), asked))
    gate = small_gate(margin="latency_p95=5%", replications_max=10)
    gate.run()
    (difference,) = gate.finished[0].differences
    assert (gate.verdict, difference.settled) == ("inconclusive", False)
    assert difference.replications_needed is not None
    assert difference.replications_needed > 10


def test_what_was_decided_early_stays_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later look does not judge it again, and says on how many replications it rests."""
    asked: list[tuple[str, range]] = []

    def worse_by(_name: str, k: int) -> float:
        return alternating(-0.04)("", k) if k < 10 else alternating(0.3)("", k)

    monkeypatch.setattr(module, "replicate", replicas(worse_by, asked))
    gate = small_gate(margin="latency_p95=8%,latency_mean=1%", replications_max=20)
    gate.margins = (*gate.margins[:1], *parse_margins("latency_p95=0.1%"))
    gate.run()
    early, late = gate.finished[0].differences
    assert (early.verdict, early.replications) == ("pass", 10)
    assert late.replications == 20


def test_one_failed_scenario_fails_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the others came to."""
    worse = {"better": -0.5, "worse": 0.5, "open": 0.05}
    monkeypatch.setattr(
        module, "replicate", replicas(lambda name, k: alternating(worse[name])(name, k), [])
    )
    gate = small_gate(*map(slow_world, worse), margin="latency_p95=5%")
    gate.run()
    assert [found.verdict for found in gate.finished] == ["pass", "fail", "inconclusive"]
    assert gate.verdict == "fail"


def test_an_interrupt_keeps_what_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """And names what is not; a gate that is not finished never passes."""
    real = replicas(lambda _name, _k: 0.0, [])

    def interrupted(plans: Sequence[Plan], **more: Any) -> None:
        real(plans[:1], **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "replicate", interrupted)
    gate = small_gate(slow_world("one"), slow_world("two"))
    with pytest.raises(KeyboardInterrupt):
        gate.run()
    assert [found.scenario.scenario for found in gate.finished] == ["one"]
    assert (gate.missing, gate.verdict) == (("two",), "inconclusive")
    told = gate_record(gate)
    assert (told["complete"], told["missing"]) == (False, ["two"])


def test_results_do_not_depend_on_who_finishes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is all that the number of workers changes: the record is the same."""
    worse = {"one": 0.03, "two": 0.3}
    real = replicas(lambda name, k: alternating(worse[name])(name, k), [])

    def backwards(plans: Sequence[Plan], **more: Any) -> None:
        last = len(plans) - 1
        finished = more.pop("finished")
        real(plans[::-1], finished=lambda row, found: finished(last - row, found), **more)

    told = []
    for replicate in (real, backwards):
        monkeypatch.setattr(module, "replicate", replicate)
        gate = small_gate(*map(slow_world, worse), replications_max=320)
        gate.run()
        told.append(json.dumps(gate_record(gate)))
    assert told[0] == told[1]


def test_progress_counts_scenarios() -> None:
    """As they are finished."""
    seen: list[tuple[int, int]] = []
    gate = small_gate(slow_world("one"), slow_world("two"))
    gate.run(workers=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_a_seed_goes_before_the_scenarios() -> None:
    """And the record says which was used."""
    gate = small_gate(seed=7)
    gate.run(workers=1)
    assert gate_record(gate)["scenarios"][0]["seed"] == 7


def test_two_scenarios_of_one_name_are_refused() -> None:
    """A reader could not tell them apart."""
    with pytest.raises(InputError, match="two scenarios are named 'world'"):
        small_gate(slow_world(), slow_world())


def test_a_fingerprint_is_of_all_but_the_name() -> None:
    """What decides alike has one fingerprint."""
    policy = world_policy()
    assert fingerprint(policy) == fingerprint(replace(world_policy(), name="another name"))
    assert fingerprint(policy) != fingerprint(world_policy(law="threshold"))


PAGE = Path(__file__).parents[2] / "docs" / "reference" / "gate.md"


def test_the_record_has_the_fields_the_page_shows(tmp_path: Path) -> None:
    """The example of `docs/reference/gate.md`, key by key."""
    example = json.loads(PAGE.read_text(encoding="utf-8").split("```json\n")[1].split("```")[0])
    gate = small_gate(margin="availability=0.1pp,latency_p95=5%")
    gate.run(workers=1)
    write_json(tmp_path / "gate.json", gate_record(gate))
    told = json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))

    def keys(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: keys(each) for name, each in value.items()}
        return keys(value[0]) if isinstance(value, list) and value else None

    assert keys(told) == keys({**example, "missing": [], "command": []})
