"""The processes of a run: simpy drives the plant, which serves, and the controller, which decides.

Tick k covers the seconds [k · tick, (k + 1) · tick). At its end the plant is advanced and
observed, the observations go through telemetry, and what reaches the controller makes it
decide; a short lag later the decision governs the requests that start from then on. So it is for
each replica; they share nothing but the upstream. Faults are simpy processes beside the ticker.
Arrivals stop at the horizon; the ticks go on while the run drains.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from itertools import chain
from typing import Any

import numpy as np
from simpy import Environment, Event

from balancer.core.controller import Controller
from balancer.core.decisions import Decision
from balancer.core.observations import Observations, merge_replicas
from balancer.core.policy import FIXED_LAWS, Policy
from scenarios.profiles import provisioned_usd
from scenarios.schema import Scenario

from ..plant.plant import Plant, Totals, plant_key
from ..streams import replication_key
from .faults import Stage, start
from .fleet import Fleet, Replica, Write
from .metrics import metrics
from .monitors import Message, MonitoringService
from .result import Run
from .telemetry import Telemetry
from .trajectories import Trajectories, Trajectory

__all__ = ["Simulation"]


class Simulation:
    """One run, from its set-up to its account.

    Attributes:
        _early: decisions that changed something, by tick, of the ticks before `_known`: what these
            showed is known from another run.
        _trajectory: what this one shows.
    """

    __slots__ = (
        "_early",
        "_env",
        "_fleet",
        "_known",
        "_make_plant",
        "_monitors",
        "_plant",
        "_policy",
        "_replicas",
        "_scenario",
        "_trajectories",
        "_trajectory",
    )

    def __init__(
        self,
        *,
        scenario: Scenario,
        policy: Policy,
        traffic: Iterable[np.ndarray[Any, Any]],
        key: int,
        enforced: bool,
        monitored: bool,
        trajectories: Trajectories | None,
    ) -> None:
        self._scenario = scenario
        self._policy = policy
        self._env = Environment()
        # What the law wants before it has seen anything; of most laws, normal.
        begin = Controller(policy).step(Observations(0))
        self._fleet = Fleet(scenario.replicas, begin)
        self._monitors = _monitors(scenario, policy, key)
        self._replicas = [
            Replica(
                place,
                policy,
                Telemetry(
                    key=replication_key(key, place) if place else key,
                    tick_s=policy.tick_s,
                    faults=len(scenario.faults),
                ),
                monitored=monitored and place == 0,
            )
            for place in range(scenario.replicas)
        ]
        # What several replicas see, or somebody outside, is not one controller's alone.
        own = scenario.replicas > 1 or self._monitors is not None
        self._trajectories = Trajectories(0) if own or trajectories is None else trajectories
        self._trajectory = Trajectory(key=(plant_key(policy), enforced), began=begin)
        self._early: dict[int, list[Decision]] = {}
        self._known = 0
        self._make_plant = partial(Plant, scenario, policy, traffic, key, enforced=enforced)
        self._plant: Plant | None = None
        if not self._trajectories.known(self._trajectory):
            self._begin()

    def _begin(self) -> Plant:
        """Set up the plant, and the faults that strike it."""
        self._plant = plant = self._make_plant()
        for replica in self._replicas:
            plant.apply(self._trajectory.began, replica.place)
        start(
            Stage(
                env=self._env,
                plant=plant,
                telemetry=[replica.telemetry for replica in self._replicas],
                scenario=self._scenario,
                tick_s=self._policy.tick_s,
            )
        )
        return plant

    def run(self, arm: str, replication: int, write: Write | None) -> Run:
        """Run to the end and account for it."""
        # A journal is of one controller: the first.
        self._replicas[0].write = write
        with _no_collections():
            totals = self._follow()
            if totals is None:
                plant = self._plant or self._begin()
                self._env.run(until=self._env.process(self._ticks(plant)))
                plant.drain()
                totals = plant.totals()
        self._trajectories.end(self._trajectory if self._written_down else None, totals)
        horizon_s, fleet = self._scenario.duration, self._fleet
        return Run(
            arm=arm,
            replication=replication,
            duration_s=horizon_s,
            metrics=metrics(
                totals,
                worth=self._scenario.worth,
                transitions=fleet.moves(horizon_s),
                duration_s=horizon_s,
                fixed_usd=provisioned_usd(self._scenario),
            ),
            transitions=tuple(each for each in fleet.transitions if each.at_s < horizon_s),
            servings=tuple(each for each in fleet.servings if each.at_s < horizon_s),
            misfits=tuple(finding.text for finding in self._replicas[0].controller.misfits),
        )

    def _follow(self) -> Totals | None:
        """Decide on what other runs have shown, for as long as one has; all of it: their totals."""
        decide = self._replicas[0].decide
        followed = self._trajectories.follow(self._trajectory, decide, lambda: self._settled)
        self._early, self._known = followed.early, followed.known
        if (whole := followed.whole) is None:
            return None
        for at_s, decision in zip(whole.governed, chain(*self._early.values()), strict=False):
            self._fleet.govern(at_s, 0, decision)
        self._trajectory = whole
        return whole.totals

    @property
    def _written_down(self) -> bool:
        """Whether what this run shows is kept for others."""
        moves = self._policy.law not in FIXED_LAWS
        return moves and self._trajectories.wants(self._scenario.duration / self._policy.tick_s)

    @property
    def _settled(self) -> bool:
        """A law that never moves has decided everything once each replica has decided once.

        What happens then is read for a journal alone.
        """
        return (
            self._policy.law in FIXED_LAWS
            and all(replica.decided is not None for replica in self._replicas)
            and self._replicas[0].write is None
        )

    def _ticks(self, plant: Plant) -> Generator[Event, Any, None]:
        # This loop runs every simulated second, so it looks up nothing twice.
        replicas, env, monitors, trajectory = (
            self._replicas,
            self._env,
            self._monitors,
            self._trajectory,
        )
        advance, observe, timeout, peek = plant.advance, plant.observe, env.timeout, env.peek
        still = self._policy.law in FIXED_LAWS
        settled = still and self._settled
        kept = self._written_down
        tick_s = self._policy.tick_s
        horizon_s = self._scenario.duration
        last_s = horizon_s + self._longest_drain_s()
        tick, end_s = 0, tick_s
        # So that there is always something to come: an empty agenda says so by an exception.
        timeout(math.inf)
        while True:
            # Where no other process has anything to do before, there is nobody to wait for.
            if peek() <= end_s:
                yield timeout(end_s - env.now)
            advance(end_s)
            if tick < self._known:
                if replicas[0].telemetry.clear:
                    plant.close(tick)
                else:
                    # It has been decided on, but what is under way comes after it.
                    replicas[0].arrives(observe(tick))
                for decision in self._early.get(tick, ()):
                    if env.now < end_s:
                        yield timeout(end_s - env.now)
                    self._deploy(0, decision)
            elif settled:
                for replica in replicas:
                    plant.close(tick, replica.place)
            else:
                seen = [observe(tick, replica.place) for replica in replicas]
                if monitors is not None:
                    self._tell(monitors.observe(merge_replicas(seen)))
                for replica in replicas:
                    arrived = replica.arrives(seen[replica.place])
                    made = replica.decide(arrived)
                    if kept:
                        trajectory.arrived.append(arrived)
                        if made:
                            trajectory.changes[tick] = made
                    for decision in made:
                        if env.now < end_s:
                            yield timeout(end_s - env.now)
                        self._deploy(replica.place, decision)
                settled = still and self._settled
            if end_s >= horizon_s and (plant.empty or end_s >= last_s):
                return
            tick += 1
            # A multiple and not a running sum, so that ticks of 0.1 s stay where they belong.
            end_s = (tick + 1) * tick_s

    def _tell(self, messages: Iterable[Message]) -> None:
        for at_s, alert in messages:
            for replica in self._replicas:
                replica.telemetry.alert(at_s, alert)

    def _deploy(self, place: int, decision: Decision) -> None:
        """Let a decision govern a replica's requests, once it has got to where calls start."""
        if self._scenario.decision_lag > 0.0:
            self._env.process(self._deployed(place, decision))
        else:
            self._govern(place, decision)

    def _deployed(self, place: int, decision: Decision) -> Generator[Event, Any, None]:
        assert self._plant is not None
        yield self._env.timeout(self._scenario.decision_lag)
        self._plant.advance(self._env.now)
        self._govern(place, decision)

    def _govern(self, place: int, decision: Decision) -> None:
        assert self._plant is not None
        self._plant.apply(decision, place)
        self._trajectory.governed.append(self._env.now)
        self._fleet.govern(self._env.now, place, decision)

    def _longest_drain_s(self) -> float:
        """No caller waits longer than this after the last arrival."""
        timeouts = [strategy.timeout_s or 0.0 for strategy in self._policy.strategies]
        return self._scenario.clients.patience + max(self._scenario.clients.timeout, *timeouts)


@contextmanager
def _no_collections() -> Iterator[None]:
    """Look for no garbage in cycles meanwhile: a tick leaves none, and makes many objects.

    Those that somebody keeps count as old from then on, as if they had been looked at: to walk
    through those of an hour takes as long as a tenth of it.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            # Whoever has frozen objects wants them to stay so.
            if not _frozen_by_others():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


@cache
def _frozen_by_others() -> bool:
    """Asked once: they are counted one by one, which takes as long as minutes of a run."""
    return gc.get_freeze_count() > 0


def _monitors(scenario: Scenario, policy: Policy, key: int) -> MonitoringService | None:
    """The service that watches from outside, where somebody listens to it."""
    own = policy.law not in FIXED_LAWS
    heard = policy.law == "alerts" or (scenario.monitors.alongside and own)
    return MonitoringService(policy, scenario.monitors, key) if heard else None
