"""What every part of the scenario format is: immutable, and strict about keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from balancer.units import Seconds

__all__ = ["Duration", "Frozen"]


class Frozen(BaseModel):
    """Immutable, and strict about keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False
    )


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError(f"found {seconds:g} s, expected a duration above 0")
    return seconds


Duration = Annotated[Seconds, AfterValidator(_positive)]
"""Seconds, more than none."""
