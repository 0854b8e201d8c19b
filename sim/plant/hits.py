"""What the active faults do to one call."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import streams
from ..compiled import inlined
from ..streams import uniform
from .upstream_records import FAULT_KINDS

__all__ = ["Hits", "hits_of"]

LATENCY, HANG, ERROR, QUOTA, THINKING, OUTPUT, PRICE, CUT = range(len(FAULT_KINDS))


class Hits(NamedTuple):
    """What the active faults do to one call."""

    slow: float
    add_s: float
    error: int
    inside: bool
    hangs: bool
    quota: float
    thinking: float
    ignores_budget: bool
    output: float
    price: float
    cut: bool


@inlined
def hits_of(faults: Any, call: Any, serves: int, key: int) -> Hits:
    """Of records of `FAULT`, those that strike a call which the model of row `serves` serves."""
    slow = quota = thinking = output = price = 1.0
    add_s = 0.0
    error = -1
    hangs = ignores_budget = cut = inside = False
    for row in range(len(faults)):
        fault = faults[row]
        if not fault.active or (fault.model >= 0 and fault.model != serves):
            continue
        attempt = 0 if fault.deterministic else call.attempt
        if fault.share < 1.0 and (
            uniform(key, streams.FAULT0 + row, call.index, attempt) >= fault.share
        ):
            continue
        if fault.kind == LATENCY:
            slow *= fault.factor
            add_s += fault.add_s
        elif fault.kind == HANG:
            hangs = True
            inside = inside or fault.inside
        elif fault.kind == ERROR:
            if error < 0:
                error = fault.error
                inside = inside or fault.inside
        elif fault.kind == QUOTA:
            quota *= fault.factor
        elif fault.kind == THINKING:
            thinking *= fault.factor
            ignores_budget = ignores_budget or fault.ignores_budget
        elif fault.kind == OUTPUT:
            output *= fault.factor
        elif fault.kind == PRICE:
            price *= fault.factor
        else:
            cut = True
    return Hits(
        slow, add_s, error, inside, hangs, quota, thinking, ignores_budget, output, price, cut
    )
