"""Constants of the rivals, to compare with: published ones, unless a policy says.

Those of `ladder` and `mildest` are `balancer.core.policy.LadderSettings`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from .errors import PolicyError

__all__ = [
    "BreakerConstants",
    "Constants",
    "DimmerConstants",
    "GradientConstants",
    "ThresholdConstants",
    "ThrottleConstants",
    "check_constants",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerConstants:
    """Of the circuit breaker (Resilience4j's CircuitBreaker).

    Attributes:
        calls: the last so many are counted.
        bad_share: opens when this share of them failed or was slow.
        cooldown_s: stays open for.
    """

    calls: int = 100
    bad_share: float = 0.5
    cooldown_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdConstants:
    """Of plain thresholds.

    Attributes:
        hold_s: a mode is kept for at least this long after a rule for it was last true.
    """

    hold_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DimmerConstants:
    """Of the dimmer (Klein et al., ICSE 2014).

    Attributes:
        quantile: of latency that is held at the setpoint; 1 is the largest.
        window_s: over which it is taken.
        pole: of the closed loop; nearer to 1 is slower.
    """

    quantile: float = 1.0
    window_s: float = 5.0
    pole: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleConstants:
    """Of client throttling (Site Reliability Engineering, chapter 21).

    Attributes:
        k: requests that are tolerated for each accepted one.
        window_s: over which both are counted.
    """

    k: float = 2.0
    window_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientConstants:
    """Of the concurrency gradient (Netflix concurrency-limits, Gradient2Limit).

    Attributes:
        tolerance: current latency over the long-term one that leaves the limit alone.
        least, most: bounds of the limit on calls in flight; it starts at the least.
    """

    tolerance: float = 1.5
    least: int = 20
    most: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """Those of every law that has some, by the law's name."""

    breaker: BreakerConstants = field(default_factory=BreakerConstants)
    threshold: ThresholdConstants = field(default_factory=ThresholdConstants)
    dimmer: DimmerConstants = field(default_factory=DimmerConstants)
    throttle: ThrottleConstants = field(default_factory=ThrottleConstants)
    gradient: GradientConstants = field(default_factory=GradientConstants)


_BOUNDS: dict[str, dict[str, tuple[float, float]]] = {
    "breaker": {"calls": (1, 10_000), "bad_share": (0.01, 1.0), "cooldown_s": (1.0, 86_400.0)},
    "threshold": {"hold_s": (0.0, 86_400.0)},
    # Latencies are kept for a minute, counts for two, whatever the rules ask for.
    "dimmer": {"quantile": (0.01, 1.0), "window_s": (1.0, 60.0), "pole": (0.0, 0.999)},
    "throttle": {"k": (1.0, 100.0), "window_s": (1.0, 120.0)},
    "gradient": {"tolerance": (1.0, 10.0), "least": (1, 10_000), "most": (1, 1_000_000)},
}


def check_constants(constants: Constants) -> None:
    """Refuse what a law cannot run with.

    Raises:
        PolicyError: with the constant as a file names it, and its bounds.
    """
    for law, bounds in _BOUNDS.items():
        own = getattr(constants, law)
        for entry in fields(own):
            low, high = bounds[entry.name]
            value = getattr(own, entry.name)
            if not (isinstance(value, int | float) and low <= value <= high):
                name = entry.name.removesuffix("_s")
                raise PolicyError(
                    f"{name} is {value!r}; expected {low:g} to {high:g}",
                    where=f"constants.{law}.{name}",
                )
    if constants.gradient.least > constants.gradient.most:
        raise PolicyError("least is above most", where="constants.gradient")
