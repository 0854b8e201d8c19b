"""The data plane as the control plane sees it: advance it, observe it, apply a decision."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import numpy as np

from balancer.core.decisions import Decision
from balancer.core.modes import PRIORITIES
from balancer.core.observations import Observations
from balancer.core.policy import Policy
from balancer.core.signals import latency_cuts
from scenarios.schema import Scenario, UpstreamFault

from ..compiled import direct
from ..traffic.workload import REQUEST
from .events import chained
from .fault_rows import IN_FORCE, FaultState, write_fault
from .kernel import DONE, REQUESTS_NEEDED, advance
from .setup import aligned, model_names, new_world
from .tick import Record, close_tick
from .totals import Totals, read_totals
from .upstream_records import CALL
from .world import GATES, SLOT, World

__all__ = ["Plant", "Totals", "plant_key"]

_NO_LIMIT = 1 << 62
_NOBODY = np.zeros(0, REQUEST)


_ENTRIES: dict[object, tuple[Callable[..., int], Callable[..., int]]] = {}
"""`advance` and `close_tick` for worlds of each kind."""


def plant_key(policy: Policy) -> Hashable:
    """What of a policy a plant depends on, beside the cuts above which it counts latencies."""
    return (
        policy.strategies,
        policy.catalog,
        policy.budgets,
        policy.priority_budgets,
        policy.tick_s,
    )


def _entries(world: World, record: Record) -> tuple[Callable[..., int], Callable[..., int]]:
    """The compiled functions for arrays of these types.

    numba takes milliseconds to tell the types of a whole world, and all worlds have the same ones.
    """
    arguments = record.numbers, record.buckets, record.cuts
    kind = _kind((world, arguments))
    found = _ENTRIES.get(kind)
    if found is None:
        found = direct(advance, world, 0.0), direct(close_tick, world, 0, *arguments, 0)
        _ENTRIES[kind] = found
    return found


def _kind(values: object) -> object:
    """What numba's type of an array, or of a tuple of such, depends on."""
    if isinstance(values, tuple):
        return tuple(map(_kind, values))
    assert isinstance(values, np.ndarray)
    flags = values.flags
    return values.dtype, values.ndim, flags.c_contiguous, flags.writeable, flags.aligned


class Plant:
    """One run's requests, clients and upstream.

    Args:
        scenario: traffic, clients, upstream and faults.
        policy: its strategies, catalog and budgets.
        traffic: chunks of `sim.traffic.workload.REQUEST` records by time, of which one is held at
        a time.
        key: stream key of the replication.
        enforced: whether budgets bound what is spent; else they are only what it is held against.
        keep_latencies: keep each request's latency in `latencies`, for exact quantiles.

    Attributes:
        faults: records of `sim.plant.upstream.FAULT`; row i belongs to the scenario's i-th
            upstream fault.
        memory_ppm: gauge: memory in use, in millionths.

    Raises:
        ScenarioError: a model without a profile.
    """

    __slots__ = (
        "_advance",
        "_chunks",
        "_close_tick",
        "_gates",
        "_models",
        "_record",
        "_replicas",
        "_state",
        "_world",
        "faults",
        "memory_ppm",
    )

    def __init__(
        self,
        scenario: Scenario,
        policy: Policy,
        traffic: Iterable[np.ndarray[Any, Any]],
        key: int,
        *,
        enforced: bool = True,
        keep_latencies: bool = False,
    ) -> None:
        self._models = model_names(scenario, policy)
        self._chunks = iter(traffic)
        self._world: World = new_world(
            scenario,
            policy,
            next(self._chunks, _NOBODY),
            key,
            self._models,
            enforced=enforced,
            keep_latencies=keep_latencies,
        )
        self._state = self._world.state[0]
        self._replicas = self._world.replicas
        self._record = Record(self._models, latency_cuts(policy))
        self._advance, self._close_tick = _entries(self._world, self._record)
        self._gates: list[object] = [None] * scenario.replicas
        self.faults = self._world.upstream.faults
        self.memory_ppm = 0

    def advance(self, until_s: float) -> None:
        """Run everything earlier than a moment; going back does nothing."""
        while (missing := self._advance(self._world, until_s)) != DONE:
            if missing == REQUESTS_NEEDED:
                self._turn_to_next_chunk()
            else:
                self._grow()

    def _turn_to_next_chunk(self) -> None:
        """Those of the chunk at hand have all come: let it go, and draw the next."""
        world = self._world
        self._state["first"] = self._state["arrivals"]
        self._world = world = world._replace(requests=_NOBODY)
        requests = next(self._chunks, None)
        if requests is None:
            self._state["more"] = False
            return
        latencies = world.latencies
        if world.client[0]["keeps_latencies"]:
            latencies = np.concatenate([latencies, np.full(len(requests), math.nan)])
        self._world = world._replace(requests=requests, latencies=latencies)

    def _grow(self) -> None:
        """Double the slots and the room for events."""
        world = self._world
        state = self._state
        slots, calls = aligned(2 * len(world.slots), SLOT), aligned(2 * len(world.slots), CALL)
        slots[: len(world.slots)], calls[: len(world.slots)] = world.slots, world.calls
        before = len(world.slots)
        slots["next"][before:] = np.arange(before + 1, 2 * before + 1)
        slots["next"][-1] = state["free"]
        state["free"] = before
        state["free_slots"] += before
        flights, pauses, events, later, jobs = (
            np.concatenate([array, np.zeros_like(array)])
            for array in (world.flights, world.pauses, world.events, world.later, world.jobs)
        )
        chained(later, len(world.later), state["free_later"])
        state["free_later"] = len(world.later)
        self._world = world._replace(
            slots=slots,
            calls=calls,
            flights=flights,
            pauses=pauses,
            events=events,
            later=later,
            jobs=jobs,
        )

    def observe(self, tick: int, replica: int = 0) -> Observations:
        """What happened to a replica since the last call, and the gauges as of now.

        Args:
            tick: index of the tick that ends now.
            replica: which; all of them, in order, end a tick.
        """
        return self._record.read(tick, self.memory_ppm, self.close(tick, replica))

    def close(self, tick: int, replica: int = 0) -> int:
        """The same where nobody reads what happened; the size of what might be read."""
        record = self._record
        return self._close_tick(
            self._world, replica, record.numbers, record.buckets, record.cuts, tick
        )

    def apply(self, decision: Decision, replica: int = 0) -> None:
        """Let a decision govern the requests that come to a replica from now on."""
        if decision.gates is self._gates[replica]:
            return
        self._gates[replica] = decision.gates
        self._write_gates(decision, replica)
        limits = decision.limits
        record = self._replicas[replica]
        record["max_in_flight"] = (
            _NO_LIMIT if limits.max_in_flight is None else limits.max_in_flight
        )
        record["max_starts"] = _NO_LIMIT if limits.max_starts is None else limits.max_starts
        record["mode"] = int(decision.mode)

    def _write_gates(self, decision: Decision, replica: int) -> None:
        for priority in PRIORITIES:
            rows = decision.gates[priority]
            for place in range(GATES):
                below, plan = rows[min(place, len(rows) - 1)]
                self._world.gates[replica, priority, place] = (below, plan.mode, plan.admitted)

    def set_fault(self, row: int, fault: UpstreamFault, state: FaultState = IN_FORCE) -> None:
        """Switch a fault on or off, or change how hard it hits; see `fault_rows.write_fault`."""
        write_fault(self.faults, self._models, row, fault, state)

    def stall(self, until_s: float) -> None:
        """Stop a plain queue's servers until a moment; what is in service ends as planned."""
        servers = self._world.upstream.servers
        np.maximum(servers, until_s, out=servers)
        servers.sort()

    @property
    def gates(self) -> np.ndarray[Any, Any]:
        """Look-up tables of the plans in force, by replica; see `sim.plant.clients.choose`."""
        return np.asarray(self._world.gates)

    @property
    def empty(self) -> bool:
        """Whether every request has come and has had its outcome."""
        state = self._state
        here = state["arrivals"] - state["first"]
        return bool(state["live"] == 0 and not state["more"] and here == len(self._world.requests))

    @property
    def in_flight(self) -> int:
        """Calls in flight, as the clients see it."""
        return int(self._state["flights"])

    @property
    def latencies(self) -> np.ndarray[Any, Any]:
        """Seconds of each request so far, NaN without outcome or before the end of the warm-up."""
        return np.asarray(self._world.latencies)

    def drain(self) -> None:
        """Run until nothing is left under way, upstream included."""
        self.advance(math.inf)

    def totals(self) -> Totals:
        """The account so far."""
        return read_totals(self._world)
