"""One number of a policy moved at a time, the others as they were chosen, on the same requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from balancer.core.errors import PolicyError
from balancer.core.policy import Policy
from scenarios.schema import Scenario

from ..run.result import STATIC
from ..study.replications import Plan, replicate
from ..workers.pool import Workers
from .goals import Goals
from .results import TODAY, Candidate, Measured, seen

__all__ = ["Sensitivity", "Step", "sensitivity", "spaced"]

_CHOSEN = "chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The policy with one number changed.

    Attributes:
        value: of that number, in the unit of the space.
        measured: what it comes to; None: it would be no policy.
    """

    value: float
    measured: Measured | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What becomes of the objectives along one dimension.

    Attributes:
        path: of the key in a policy file.
        chosen: the value that was chosen; it is among the steps.
        steps: by rising value.
    """

    path: str
    chosen: float
    steps: tuple[Step, ...]


def spaced(chosen: float, low: float, high: float) -> tuple[float, ...]:
    """The ends of a range and the chosen value; rising, each once."""
    return tuple(sorted({min(low, chosen), chosen, max(high, chosen)}))


def sensitivity(
    candidate: Candidate,
    values: Mapping[str, Sequence[float]],
    *,
    policy_of: Callable[[Mapping[str, float]], Policy],
    today: Policy,
    scenarios: Sequence[Scenario],
    replications: range,
    goals: Goals,
    workers: int | Workers | None = None,
    progress: Callable[[float, int], None] | None = None,
) -> tuple[Sensitivity, ...]:
    """Move every number of a candidate through some values; one round of simulations.

    Args:
        candidate: around which.
        values: to try, by the path of the dimension; see `spaced`.
        policy_of: makes a policy of values by their paths; what raises
            `PolicyError` or `ValueError` is no policy.
        today: the policy tuned from.
        scenarios: on which; with the seeds that are to be used.
        replications: of each.
        goals: by which policies are judged.
        workers, progress: as of `sim.study.replications.replicate`.

    Raises:
        InputError, WorkerError: as `sim.study.replications.replicate`.
    """
    policies: dict[str, Policy] = {TODAY: today, STATIC: today, _CHOSEN: candidate.policy}
    arms: dict[str, dict[float, str | None]] = {}
    for path, tried in values.items():
        own: dict[float, str | None] = {candidate.values[path]: _CHOSEN}
        for value in tried:
            if value not in own:
                own[value] = f"{path}={value!r}"
                try:
                    policies[f"{path}={value!r}"] = policy_of({**candidate.values, path: value})
                except (PolicyError, ValueError):
                    own[value] = None
        arms[path] = dict(sorted(own.items()))
    plans = [
        Plan(scenario=scenario, arms=policies, replications=replications) for scenario in scenarios
    ]
    found = replicate(plans, workers=workers, progress=progress)
    runs = {plan.scenario.scenario: each for plan, each in zip(plans, found, strict=True)}
    others = seen(runs, TODAY), seen(runs, STATIC)
    measured = {arm: goals.measure(seen(runs, arm), *others) for arm in policies}
    return tuple(
        Sensitivity(
            path=path,
            chosen=candidate.values[path],
            steps=tuple(
                Step(value=value, measured=None if arm is None else measured[arm])
                for value, arm in own.items()
            ),
        )
        for path, own in arms.items()
    )
