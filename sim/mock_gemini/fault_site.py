"""Where a mock server's faults strike: the upstream's records, moved on by the scenario's clock."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from simpy import Environment

from balancer.core.errors import BalancerError, InputError
from scenarios.schema import Fault, Scenario, UpstreamFault

from ..plant.fault_rows import IN_FORCE, FaultState, write_fault
from ..plant.upstream_records import FAULT, Upstream
from ..run.fault_windows import fault_name
from ..run.faults import Process, Stage, processes, upstream_process
from .clock import ScenarioClock

__all__ = ["FaultSite", "with_spare_faults"]

_LOG = logging.getLogger(__name__)
_ADDED_FAULTS = 32


def with_spare_faults(upstream: Upstream) -> Upstream:
    """The upstream with records for faults that are added while it runs.

    They come last, so that a scenario's own faults keep the rows, and so the draws, that they
    have in a simulation.
    """
    spare = np.zeros(_ADDED_FAULTS, FAULT)
    return upstream._replace(faults=np.concatenate([upstream.faults, spare]))


class _Playing:
    """A fault that plays, and whether it still should."""

    __slots__ = ("fault", "row", "wanted")

    def __init__(self, fault: Fault, row: int | None) -> None:
        self.fault = fault
        self.row = row
        self.wanted = True


class FaultSite:
    """Plays a scenario's faults on an upstream, and others that are added.

    They are the simulator's processes. They are moved on before every call and not by a
    timer: only a call can tell whether a fault is in force.

    Args:
        scenario: whose faults play.
        upstream: from `with_spare_faults`.
        models: names of its models, in the order of their rows.
        clock: of the scenario.
        tick_s: step of ramps.

    Attributes:
        faults: records of the scenario's faults and the spare ones that a fault written in
            Python may take, as in a simulation.
        memory_ppm: for faults in Python; a mock server has no application whose memory it is.
        broken: why a fault written in Python stopped, or "".

    Raises:
        ScenarioError: a fault written in Python that cannot be loaded.
    """

    def __init__(
        self,
        scenario: Scenario,
        upstream: Upstream,
        models: Sequence[str],
        clock: ScenarioClock,
        tick_s: float,
    ) -> None:
        self._upstream = upstream
        self._models = models
        self._clock = clock
        self._own = len(upstream.faults) - _ADDED_FAULTS
        self.faults = upstream.faults[: self._own]
        self.memory_ppm = 0
        self.broken = ""
        self._env = Environment()
        self._stage = Stage(
            env=self._env, plant=self, telemetry=(), scenario=scenario, tick_s=tick_s
        )
        self._playing: dict[str, _Playing] = {}
        row = 0
        for slot, fault, process in processes(self._stage):
            mine = isinstance(fault, UpstreamFault)
            self._play(fault_name(fault, slot), _Playing(fault, row if mine else None), process)
            row += mine

    def move(self, now_s: float) -> None:
        """Let the faults act that are due."""
        while self._env.peek() < now_s:
            try:
                self._env.run(until=now_s)
            except BalancerError as error:
                # The scenario goes on without the process that failed, and health says so.
                self.broken = str(error)
                _LOG.error("a fault written in Python failed and is over: %s", error)

    def advance(self, until_s: float) -> None:
        """Calls that started earlier have their fate already: there is nothing to bring up."""

    def set_fault(self, row: int, fault: UpstreamFault, state: FaultState = IN_FORCE) -> None:
        """Write a fault's record; see `sim.plant.fault_rows.write_fault`."""
        write_fault(self._upstream.faults, self._models, row, fault, state)

    def stall(self, until_s: float) -> None:
        """Stop a plain queue's servers until a moment, as `sim.plant.plant.Plant.stall` does."""
        servers = self._upstream.servers
        np.maximum(servers, until_s, out=servers)
        servers.sort()

    def playing(self) -> dict[str, tuple[Fault, bool]]:
        """Faults by name, each with whether it is in force now."""
        self.move(self._clock.now_s())
        return {
            name: (
                entry.fault,
                entry.row is not None and bool(self._upstream.faults[entry.row]["active"]),
            )
            for name, entry in self._playing.items()
        }

    def put(self, name: str, fault: UpstreamFault) -> None:
        """Play a fault from now on, in place of one of the same name.

        Raises:
            InputError: a model that is not served, or no row left.
        """
        if fault.model is not None and fault.model not in self._models:
            raise InputError(f"unknown model {fault.model!r}; served: {', '.join(self._models)}")
        self.drop(name)
        taken = {entry.row for entry in self._playing.values()}
        free = [row for row in range(self._own, len(self._upstream.faults)) if row not in taken]
        if not free:
            raise InputError(f"{_ADDED_FAULTS} faults have been added already; take one away first")
        self._play(name, _Playing(fault, free[0]), upstream_process(self._stage, fault, free[0]))

    def drop(self, name: str) -> bool:
        """Switch a fault off for good. Returns whether there was one of this name.

        Raises:
            InputError: a fault written in Python: only itself knows what it has switched on.
        """
        entry = self._playing.get(name)
        if entry is None:
            return False
        if entry.row is None:
            raise InputError(f"{name!r} is written in Python; it ends when it says so")
        self.move(self._clock.now_s())
        del self._playing[name]
        entry.wanted = False
        self._upstream.faults[entry.row]["active"] = False
        return True

    def _play(self, name: str, entry: _Playing, process: Process) -> None:
        self._playing[name] = entry
        if entry.row is None:
            self._env.process(process)
        else:
            self._env.process(_while_wanted(entry, process))


def _while_wanted(entry: _Playing, process: Process) -> Process:
    for event in process:
        yield event
        if not entry.wanted:
            return
