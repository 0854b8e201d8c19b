"""What a mock Gemini is started with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from balancer.core.errors import InputError, ScenarioError
from balancer.core.policy import Policy
from balancer.policy_file import default_policy, load_policy
from scenarios.loader import load
from scenarios.schema import QueueUpstream, Scenario

from ..days import of_its_day
from ..run.fault_windows import check_faults

__all__ = ["DEFAULT_API_KEY", "QUIET_SCENARIO", "Settings", "load_settings"]

DEFAULT_API_KEY = "mock-key"
"""What clients have to send as their API key unless another is set."""

QUIET_SCENARIO = "steady"
"""Played where no scenario is named: no faults, the conversation workload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A mock Gemini.

    Attributes:
        scenario: how its models behave, what its requests are, and its faults.
        policy: its catalog says which models there are and what they cost.
        replication: index from 0; with the scenario's seed it selects every draw.
        speed: scenario seconds in a second of wall time; every wait is divided by it.
        latency: False answers at once; fates, bills and faults stay.
        host, port: where clients call; port 0 lets the system choose.
        admin_host, admin_port: where the admin API listens.
        api_key: what clients have to send.
        token: bearer token of the admin API; None makes one.
        lenient: True takes requests that Gemini would refuse for what they ask of a model.
        call_share: share of calls that may call a function and do; those that must, always do.
        max_body_bytes: longer requests are refused.

    Raises:
        InputError: an impossible value.
        ScenarioError: an upstream that exists in the simulator only.
    """

    scenario: Scenario
    policy: Policy
    replication: int = 0
    speed: float = 1.0
    latency: bool = True
    host: str = "127.0.0.1"
    port: int = 0
    admin_host: str = "127.0.0.1"
    admin_port: int = 0
    api_key: str = DEFAULT_API_KEY
    token: str | None = None
    lenient: bool = False
    call_share: float = 0.0
    max_body_bytes: int = 20 * 1024 * 1024

    def __post_init__(self) -> None:
        if not (math.isfinite(self.speed) and self.speed > 0):
            raise InputError(f"speed {self.speed:g}: expected a number above 0 such as 10")
        if not 0 <= self.call_share <= 1:
            raise InputError(f"calls {self.call_share:g}: expected a share from 0 to 1 such as 0.2")
        if not self.api_key:
            raise InputError("the API key is empty; expected some text that clients have to send")
        if self.token == "":
            raise InputError(
                "the admin token is empty; expected some text, or none to have one made"
            )
        upstream = self.scenario.upstream
        if isinstance(upstream, QueueUpstream) and upstream.discipline == "processor_sharing":
            raise ScenarioError(
                "a processor that is shared exists in the simulator only: how long a call takes "
                "depends on calls still to come; expected discipline: fifo, or kind: gemini",
                where=f"{self.scenario.scenario}: upstream.discipline",
            )
        check_faults(self.scenario)


def load_settings(
    scenario: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    policy: str | Path | None = None,
    replication: int = 0,
    speed: float = 1.0,
    latency: bool = True,
    host: str = "127.0.0.1",
    port: int = 0,
    admin_host: str = "127.0.0.1",
    admin_port: int = 0,
    api_key: str = DEFAULT_API_KEY,
    token: str | None = None,
    lenient: bool = False,
    call_share: float = 0.0,
) -> Settings:
    """Settings from files, as a user names them.

    Args:
        scenario: name in the library, or path; None: the steady one.
        overrides: "key=value" each, of the scenario.
        policy: path of a policy whose price table to use; None: the scenario's, or ours.
        replication, speed, latency, host, port, admin_host, admin_port, api_key, token, lenient,
            call_share: see `Settings`.

    Raises:
        InputError: one of them cannot be used.
    """
    loaded = load(QUIET_SCENARIO if scenario is None else scenario, overrides)
    priced = load_policy(policy) if policy else loaded.policy or default_policy()
    played, priced = of_its_day(loaded.scenario, priced)
    return Settings(
        scenario=played,
        policy=priced,
        replication=replication,
        speed=speed,
        latency=latency,
        host=host,
        port=port,
        admin_host=admin_host,
        admin_port=admin_port,
        api_key=api_key,
        token=token,
        lenient=lenient,
        call_share=call_share,
    )
