"""Hypothesis strategies for what a policy meets: for property tests of policies and laws.

    from hypothesis import given
    from balancer import Controller, strategies

    @given(strategies.policies("mildest"), strategies.observations())
    def test_it_decides(policy, observed):
        assert Controller(policy).step(observed).tick == observed.tick

All of them shrink towards what is plainest: few rules, quiet ticks, few and mild faults.
`import balancer` does not import this package, so an application needs no Hypothesis.
"""

from __future__ import annotations

try:
    import hypothesis as _hypothesis  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "hypothesis":
        raise
    raise ModuleNotFoundError(
        "balancer.strategies needs hypothesis, which the extra 'test' brings; install it: "
        "pip install hypothesis",
        name="hypothesis",
    ) from None

from .drawn_policies import policies
from .fault_timelines import FAULT_LEVELS, FaultBounds, TimedFault, fault_timelines, mildness
from .values import (
    alerts,
    decisions,
    histograms,
    mode_observations,
    mode_requests,
    observations,
    overrides,
)

__all__ = [
    "FAULT_LEVELS",
    "FaultBounds",
    "TimedFault",
    "alerts",
    "decisions",
    "fault_timelines",
    "histograms",
    "mildness",
    "mode_observations",
    "mode_requests",
    "observations",
    "overrides",
    "policies",
]
