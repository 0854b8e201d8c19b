"""An hour that is kept ready: its requests are drawn once, what no knob moves is run once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from balancer.core.errors import InputError
from balancer.core.policy import LadderSettings, Policy
from balancer.policy_file import show_policy
from balancer.units import show_seconds
from scenarios.schema import Scenario

from ..run.engine import arm_policy, simulate
from ..run.result import NONE, POLICY, STATIC, Run
from ..run.trajectories import Trajectories
from ..streams import replication_key
from ..study.replications import Plan, replication_s
from ..traffic.workload import Traffic
from .cancelling import heard
from .series import Line, Observed, Tried, signals_of

__all__ = ["BESIDE", "Drawn", "Session"]

BESIDE = (STATIC, NONE)
"""Arms that are seen beside the policy's."""
MOST_S = 20.0
"""Of rough computing time for one replication: more is nothing to play with."""
_KEPT = 8
"""Policies whose arms beside are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One arm of one replication.

    Attributes:
        key: of an arm beside: the same as long as it is the same; "" of the policy's.
        run: what came of it.
        lines: by signal, see `sim.playground.series`.
        tried: what a share of the requests was tried in, see there.
    """

    key: str
    run: Run
    lines: dict[str, Line]
    tried: tuple[Tried, ...]


class Session:
    """A scenario, and what is kept of it between two questions.

    Args:
        scenario: of the hour.

    Raises:
        InputError: it is too long to play with.
    """

    __slots__ = ("_drawn", "_runs", "_traffic", "_trajectories", "scenario")

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._traffic = Traffic(scenario, replication_key(scenario.seed, 0))
        self._trajectories = Trajectories()
        self._drawn: list[tuple[Policy, str, dict[str, float], Drawn]] = []
        self._runs: list[tuple[Policy, str, int, Run]] = []

    def what_if(self, policy: Policy, *, slot: int | None) -> Drawn:
        """Replication 0 under a policy, to draw.

        Args:
            policy: as it is tried.
            slot: of the job; once that is cancelled, the run ends. None: it never is.

        Raises:
            SupersededError: it was.
            InputError: the policy cannot be run on the scenario, or that would take too long.
        """
        return self._draw(policy, POLICY, slot)

    def beside(self, policy: Policy, *, slot: int | None) -> dict[str, Drawn]:
        """The arms without a controller, to draw; kept, as thresholds change nothing in them."""
        found = {}
        signals = signals_of(policy)
        for arm in BESIDE:
            plain = _plain(policy, arm)
            kept = next(
                (
                    drawn
                    for known, name, watched, drawn in self._drawn
                    if name == arm and watched == signals and known == plain
                ),
                None,
            )
            if kept is None:
                # As a text, which is the same in every process; what repr shows of a set is not.
                text = f"{show_policy(plain)}{arm}{signals}"
                key = hashlib.sha256(text.encode()).hexdigest()[:16]
                kept = replace(self._draw(policy, arm, slot), key=key)
                self._drawn = [*self._drawn[1 - 2 * _KEPT :], (plain, arm, signals, kept)]
            found[arm] = kept
        return found

    def runs(
        self, policy: Policy, arms: Sequence[str], replication: int, *, slot: int | None
    ) -> list[Run]:
        """A replication in some arms, for the difference between them; errors as of `what_if`."""
        key = replication_key(self.scenario.seed, replication)
        traffic = self._traffic if replication == 0 else Traffic(self.scenario, key)
        return [self._run(policy, arm, replication, traffic, slot) for arm in arms]

    def _run(
        self, policy: Policy, arm: str, replication: int, traffic: Traffic, slot: int | None
    ) -> Run:
        plain = _plain(policy, arm)
        for known, name, place, run in self._runs:
            if (name, place) == (arm, replication) and known == plain:
                return run
        self._check_size(policy)
        run = simulate(
            self.scenario,
            policy,
            replication=replication,
            arm=arm,
            traffic=traffic,
            listen=heard(slot) if arm == POLICY else None,
            monitored=False,
        )
        if arm in BESIDE:
            self._runs = [*self._runs[-200:], (plain, arm, replication, run)]
        return run

    def _draw(self, policy: Policy, arm: str, slot: int | None) -> Drawn:
        self._check_size(policy)
        observed = Observed(self.scenario.duration, policy.tick_s)
        run = simulate(
            self.scenario,
            policy,
            replication=0,
            arm=arm,
            traffic=self._traffic,
            listen=heard(slot, observed.add),
            monitored=False,
            trajectories=self._trajectories,
        )
        objective = next((r.objective for r in policy.rules if r.objective is not None), 0.0)
        return Drawn(
            key="",
            run=run,
            lines=observed.lines(signals_of(policy), objective=objective),
            tried=observed.tried,
        )

    def _check_size(self, policy: Policy) -> None:
        plan = Plan(scenario=self.scenario, arms={POLICY: policy}, replications=range(1))
        needed_s = replication_s(plan)
        if needed_s > MOST_S:
            raise InputError(
                f"{show_seconds(self.scenario.duration)} of this traffic take about "
                f"{needed_s:.0f} s to simulate, too long to play with; use open-balancer run",
                where=self.scenario.scenario,
            )


def _plain(policy: Policy, arm: str) -> Policy:
    """What of a policy counts in an arm without a controller."""
    if arm not in BESIDE:
        return policy
    blank = replace(policy, rules=(), ladder=LadderSettings(), law="none", name="")
    return arm_policy(blank, arm)
