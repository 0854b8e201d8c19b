"""What is played: a scenario under a policy, as every process of a load test reads it anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from balancer.core.errors import InputError, ScenarioError
from balancer.core.policy import Policy
from balancer.policy_file import default_policy, load_policy
from scenarios.loader import load
from scenarios.schema import Scenario
from sim.days import of_its_day
from sim.streams import replication_key

__all__ = ["Scene"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A scenario as a user names it, with what is changed about it.

    Attributes:
        source: its name in the library, or a path.
        overrides: "key=value" each.
        policy_file: path of a policy to try; None is the scenario's own, or the default.
        replication: from 0; with the scenario's seed it selects every draw.
        speed: scenario seconds in a wall second.

    Raises:
        InputError: an impossible speed.
    """

    source: str
    overrides: tuple[str, ...] = ()
    policy_file: str | None = None
    replication: int = 0
    speed: float = 1.0

    def __post_init__(self) -> None:
        if not 0.01 <= self.speed <= 1000.0:
            raise InputError(f"speed is {self.speed:g}; expected 0.01 to 1000, such as 10")

    def load(self) -> tuple[Scenario, Policy]:
        """Scenario and policy.

        A load test sends every request once: nobody asks again in it, nor in the simulation it
        is held against.

        Raises:
            InputError: one of them cannot be used.
        """
        scenario, own = load(self.source, self.overrides)
        if scenario.replicas > 1:
            raise ScenarioError(
                f"replicas is {scenario.replicas}; a load test plays one process with one "
                "controller: --set replicas=1",
                where=self.source,
            )
        once = scenario.clients.reasks.model_copy(update={"share": 0.0})
        clients = scenario.clients.model_copy(update={"reasks": once})
        scenario = scenario.model_copy(update={"clients": clients})
        if self.policy_file is not None:
            own = load_policy(Path(self.policy_file))
        return of_its_day(scenario, own or default_policy())

    def key(self, scenario: Scenario) -> int:
        """Stream key of the replication that is played."""
        return replication_key(scenario.seed, self.replication)

    def plain(self) -> dict[str, Any]:
        """As values that JSON can hold."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """From what `plain` gave."""
        return cls(**{**plain, "overrides": tuple(plain["overrides"])})
