"""An estimate over replications with its interval: what most figures of a record are."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["UNDEFINED", "Interval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its confidence interval; NaN where it is not defined."""

    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan


UNDEFINED = Interval()
