"""What a search looks for: "availability < 99%" as the expectation that it would break."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from balancer.core.errors import InputError, nearest
from balancer.documents import Document
from balancer.schema_errors import explain
from scenarios.schema import Expectation

from ..run.metrics import METRICS
from .expectations import SHORT

__all__ = ["broken_by"]

_COMPARISON = re.compile(r"\s*(\w+)\s*([<>])\s*([^=<>\s].*?)\s*")
BUDGET = "budget exceeded"
HARM = "harm"


def broken_by(goal: str) -> Mapping[str, Any]:
    """The expectation, as an item of a scenario file, that a goal breaks.

    Args:
        goal: "METRIC < VALUE" or "METRIC > VALUE" of any metric of `verdict.json`;
            "mode > soft"; "harm" (less available than the arm "static"); or "budget exceeded".

    Raises:
        InputError: it is none of these, or its value cannot be.
    """
    where = f"--goal {goal!r}"
    if goal.strip() == BUDGET:
        return {"budget_never_exceeded": True}
    if goal.strip() == HARM:
        return {"no_harm": True}
    match = _COMPARISON.fullmatch(goal)
    if match is None:
        raise InputError(
            f"expected METRIC < VALUE, METRIC > VALUE, mode > MODE, {HARM!r} or {BUDGET!r}, "
            "such as 'availability < 99%'",
            where=where,
        )
    name, sign, value = match.groups()
    side = "at_least" if sign == "<" else "at_most"
    item: dict[str, Any]
    if name == "mode":
        if sign == "<":
            raise InputError("no mode is too mild; expected mode > MODE", where=where)
        item = {"never_above": value}
    elif name in SHORT:
        item = {name: {side: value}}
    elif name in METRICS:
        item = {"metric": name, side: value}
    else:
        known = (*METRICS, *(short for short in SHORT if short not in METRICS), "mode")
        raise InputError(
            f"unknown metric {name!r}{nearest(name, known)}; known: {', '.join(known)}",
            where=where,
        )
    try:
        Expectation.model_validate(item)
    except ValidationError as error:
        raise explain(error, Expectation, Document(name=where, values=item), InputError) from None
    return item
