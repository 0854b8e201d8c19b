"""Estimates, intervals and judgements as the values JSON can hold."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .intervals import Interval
from .verdict import Judgement

__all__ = ["interval", "intervals", "judgement", "number", "write_json"]


def number(value: float) -> float | None:
    """JSON has no NaN and no infinity: null stands for both."""
    return value if math.isfinite(value) else None


def interval(found: Interval) -> dict[str, float | None]:
    """An estimate and the ends of its interval."""
    return {
        "estimate": number(found.estimate),
        "low": number(found.low),
        "high": number(found.high),
    }


def intervals(found: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    """The same by name."""
    return {name: interval(each) for name, each in found.items()}


def judgement(found: Judgement) -> dict[str, Any]:
    """One expectation and what came of it, as `docs/reference/verdict.md` has it."""
    return {
        "name": found.name,
        "verdict": found.verdict,
        **interval(found.value),
        "bound": number(found.bound),
        "better": found.better,
        "unit": found.unit,
        "against": found.against,
        "note": found.note,
        "replications_needed": found.replications_needed,
    }


def write_json(path: Path, value: Any) -> None:
    """Write a file of ours: readable, the same bytes on every machine, without NaN."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
