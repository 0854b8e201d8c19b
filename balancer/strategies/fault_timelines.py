"""Timelines of faults, ordered by mildness: what a search shrinks is what is mildest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from hypothesis import strategies as st

from ..core.errors import MisuseError
from ..units import show_factor, show_seconds, show_share

__all__ = ["FAULT_LEVELS", "FaultBounds", "TimedFault", "fault_timelines", "mildness"]

_FACTORS = (1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 20.0)
_PORTIONS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
_LEFT = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.2, 0.1, 0.01)
_DELAYS_S = (5.0, 10.0, 15.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0)
DURATIONS_S = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0)
_SCALED = tuple({"factor": show_factor(factor)} for factor in _FACTORS)
_STRUCK = tuple({"share": show_share(share)} for share in _PORTIONS)

FAULT_LEVELS: Mapping[str, tuple[Mapping[str, object], ...]] = MappingProxyType(
    {
        "latency": _SCALED,
        "error": _STRUCK,
        "cut": _STRUCK,
        "hang": _STRUCK,
        "output": _SCALED,
        "thinking": tuple({**keys, "ignores_budget": True} for keys in _SCALED),
        "quota": tuple({"factor": show_share(share)} for share in _LEFT),
        "price": _SCALED,
        "delay": tuple({"by": show_seconds(late_s)} for late_s in _DELAYS_S),
        "loss": _STRUCK,
    }
)
"""Kinds of faults, each with its ten levels, mildest first, as keys of a scenario file."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TimedFault:
    """One fault of a timeline; of two, the lesser is the milder.

    Attributes:
        level: position in `FAULT_LEVELS` of its kind, from 0, the mildest.
        duration_s: how long it lasts.
        kind: one of `FAULT_LEVELS`.
        at_s: when it starts.
    """

    level: int
    duration_s: float
    kind: str
    at_s: float

    def entry(self) -> dict[str, object]:
        """The fault as an item of `faults` in a scenario file."""
        return {
            "kind": self.kind,
            **FAULT_LEVELS[self.kind][self.level],
            "at": show_seconds(self.at_s),
            "for": show_seconds(self.duration_s),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultBounds:
    """Within which faults are drawn.

    Attributes:
        from_s, until_s: no fault starts earlier, and none ends later.
        most: most faults of a timeline.
        kinds: of faults, those tried first when shrinking at the front.
        levels: how many of the ten levels, from the mildest, are used.
        durations_s: how long a fault may last, shortest first.
        step_s: faults start at multiples of this after `from_s`.

    Raises:
        MisuseError: no fault fits within them.
    """

    from_s: float
    until_s: float
    most: int = 2
    kinds: tuple[str, ...] = tuple(FAULT_LEVELS)
    levels: int = 10
    durations_s: tuple[float, ...] = DURATIONS_S
    step_s: float = 60.0

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in FAULT_LEVELS]
        if unknown or not self.kinds:
            found = repr(unknown[0]) if unknown else "none"
            raise MisuseError(f"kinds: found {found}, expected some of {', '.join(FAULT_LEVELS)}")
        if not (0 < self.levels <= 10 and self.most >= 0 and self.step_s > 0):
            raise MisuseError("expected 1 to 10 levels, 0 or more faults and a step above 0")
        if not self.durations_s or self.from_s + max(self.durations_s) > self.until_s:
            raise MisuseError(
                f"the longest of durations_s does not fit between {self.from_s:g} s and "
                f"{self.until_s:g} s"
            )


def fault_timelines(bounds: FaultBounds) -> st.SearchStrategy[tuple[TimedFault, ...]]:
    """Timelines of faults, in the order in which they start.

    They shrink to fewer faults, then to lower levels, shorter and of an earlier kind, then
    to an earlier start.
    """
    steps = int((bounds.until_s - bounds.from_s - max(bounds.durations_s)) // bounds.step_s)
    fault = st.builds(
        lambda level, duration_s, kind, step: TimedFault(
            level=level, duration_s=duration_s, kind=kind, at_s=bounds.from_s + step * bounds.step_s
        ),
        st.integers(0, bounds.levels - 1),
        st.sampled_from(bounds.durations_s),
        st.sampled_from(bounds.kinds),
        st.integers(0, steps),
    )
    return st.lists(fault, max_size=bounds.most).map(
        lambda faults: tuple(sorted(faults, key=lambda each: (each.at_s, each)))
    )


def mildness(timeline: Sequence[TimedFault]) -> tuple[int, tuple[TimedFault, ...]]:
    """A key that orders timelines, mildest first: fewest faults, then the mildest of them."""
    return len(timeline), tuple(sorted(timeline, reverse=True))
