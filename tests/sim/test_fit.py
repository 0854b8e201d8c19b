"""A policy that does not fit a simulated application: said, and mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from balancer.core.policy import Policy
from balancer.journal_file import open_journal
from balancer.policy_file import parse_policy
from balancer.policy_fit import fit_policy, traffic_of
from scenarios.profiles import calibrated_profiles
from scenarios.schema import Scenario
from sim.run.engine import simulate
from sim.run.result import POLICY, STATIC, Run
from sim.study.experiment import run_scenario

pytestmark = pytest.mark.slow

TEXT = "law: mildest\nbaseline: null\n"
HALF = {model: {"tokens_per_s": 88} for model in calibrated_profiles()}
SLOW = {"name": "slow", "kind": "latency", "factor": 5, "at": 1200, "for": 900}


def natural(seed: int, *faults: dict[str, Any]) -> Scenario:
    """A model half as quick as the one the default policy is made for: P95 22 s, not 10 s."""
    return Scenario.model_validate(
        {
            "scenario": "natural",
            "title": "Slow by nature",
            "seed": seed,
            "duration": "95m",
            "replications": 1,
            "workload": {"arrivals": {"rate": 1}},
            "upstream": {"models": HALF},
            "faults": list(faults),
        }
    )


def simulated(policy: Policy, seed: int, arm: str, journal: Path, *faults: dict[str, Any]) -> Run:
    """One run, with its journal."""
    return simulate(natural(seed, *faults), policy, replication=0, arm=arm, journal=journal)


@pytest.mark.parametrize("arm", [POLICY, STATIC])
def test_a_fitted_policy_stays_in_normal_and_still_finds_a_fault(arm: str, tmp_path: Path) -> None:
    """Fitted to an hour under the policy that does not fit, or to one with an incident in it."""
    journal = tmp_path / "calls.jsonl"
    before = simulated(parse_policy(TEXT), 1, arm, journal, *([SLOW] if arm == STATIC else []))
    if arm == POLICY:
        assert before.metrics["degraded_share"] > 0.5
        (misfit,) = before.misfits
        assert "the threshold of soft is 15 s" in misfit
    opened = open_journal(journal)
    fitted = fit_policy(traffic_of([opened]), [opened], TEXT).after
    calm = simulated(fitted, 2, POLICY, tmp_path / "calm.jsonl")
    assert (calm.metrics["degraded_share"], calm.misfits) == (0.0, ())
    ill = simulated(fitted, 3, POLICY, tmp_path / "ill.jsonl", SLOW)
    found_s = ill.transitions[0].at_s
    assert 1200 < found_s < 1260


def test_a_run_says_that_the_policy_does_not_fit() -> None:
    """In its record, for every report."""
    result = run_scenario(natural(1), parse_policy(TEXT), workers=1)
    (said,) = result.record["misfits"]
    assert said == result.runs[POLICY][0].misfits[0]
    assert result.runs[STATIC][0].misfits == ()
