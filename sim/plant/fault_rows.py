"""The fault records of an upstream, written by fault: what a fault acts on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from balancer.core.errors import MisuseError
from balancer.core.observations import FAILURES
from scenarios.schema import UpstreamFault

from .upstream_records import FAULT_KINDS

__all__ = ["IN_FORCE", "OFF", "FaultState", "Site", "write_fault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultState:
    """Whether a fault is in force, and how hard it hits. None: as the fault itself says.

    Attributes:
        active: whether it is in force.
        share: probability that a call is hit.
        factor: what its kind multiplies.
        add_s: seconds a latency fault adds.
    """

    active: bool = True
    share: float | None = None
    factor: float | None = None
    add_s: float | None = None


IN_FORCE = FaultState()
OFF = FaultState(active=False)


class Site(Protocol):
    """Where faults strike: a simulated plant, or a mock server's upstream.

    Attributes:
        faults: records of `sim.plant.upstream.FAULT`; row i belongs to the scenario's i-th
            upstream fault.
        memory_ppm: gauge: memory in use, in millionths.
    """

    faults: np.ndarray[Any, Any]
    memory_ppm: int

    def advance(self, until_s: float) -> None:
        """Bring everything up to a moment, so that a change touches only what comes later."""

    def set_fault(self, row: int, fault: UpstreamFault, state: FaultState = IN_FORCE) -> None:
        """Switch a fault on or off, or change how hard it hits; see `write_fault`."""


def write_fault(
    faults: np.ndarray[Any, Any],
    models: Sequence[str],
    row: int,
    fault: UpstreamFault,
    state: FaultState = IN_FORCE,
) -> None:
    """Write the record of a fault.

    Args:
        faults: records of `sim.plant.upstream.FAULT`.
        models: names of the upstream's models, in the order of their rows.
        row: which of the records: of the scenario's upstream faults, or a spare one.
        fault: what it is.
        state: how hard it hits.

    Raises:
        MisuseError: a row that does not exist.
    """
    if not 0 <= row < len(faults):
        raise MisuseError(f"fault row {row} is outside 0..{len(faults) - 1}")
    model = -1
    if fault.model is not None:
        # A model that nobody calls cannot be hit; no row of the upstream has this index.
        model = models.index(fault.model) if fault.model in models else len(models)
    record = faults[row]
    record["active"] = state.active
    record["kind"] = FAULT_KINDS.index(fault.kind)
    record["model"] = model
    record["share"] = fault.share if state.share is None else state.share
    record["factor"] = fault.factor if state.factor is None else state.factor
    record["add_s"] = fault.add if state.add_s is None else state.add_s
    record["error"] = FAILURES.index(fault.error)
    record["inside"] = fault.where == "inside"
    record["ignores_budget"] = fault.ignores_budget
    record["deterministic"] = fault.deterministic
