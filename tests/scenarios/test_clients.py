"""What an application and its users do: what may be said of them."""

from __future__ import annotations

import pytest

from balancer.core.errors import ScenarioError
from scenarios.loader import load


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("replicas=0", "replicas"),
        ("replicas=1001", "replicas"),
        ("replicas=2.5", "replicas"),
        ("decision_lag=-1s", "decision_lag"),
        ("decision_lag=.nan", "decision_lag"),
        ("clients.reasks.share=100%", "clients.reasks.share"),
        ("clients.reasks.share=-1%", "clients.reasks.share"),
        ("clients.reasks.after=0s", "clients.reasks.after"),
        ("clients.reasks.often=3", "clients.reasks.often"),
        ("clients.overhead=-3ms", "clients.overhead"),
        ("clients.overhead=.inf", "clients.overhead"),
        ("clients.prompt_estimate.bias=-100%", "clients.prompt_estimate.bias"),
        ("clients.prompt_estimate.error=101%", "clients.prompt_estimate.error"),
        ("clients.prompt_estimate.sigma=1", "clients.prompt_estimate.sigma"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(override: str, problem: str) -> None:
    """One message, with the override it came by."""
    with pytest.raises(ScenarioError) as refused:
        load("steady", [override])
    assert problem in str(refused.value)
    assert f"--set {override}" in str(refused.value)


def test_what_production_does_not_know_is_assumed_unless_it_is_said() -> None:
    """Users ask again, prompts are estimated, decisions take a moment; one process."""
    scenario = load("steady").scenario
    assert (scenario.replicas, scenario.decision_lag) == (1, 0.1)
    assert (scenario.clients.reasks.share, scenario.clients.reasks.after) == (0.5, 20.0)
    assert scenario.clients.overhead == 0.003
    assert scenario.clients.prompt_estimate.error == 0.1
