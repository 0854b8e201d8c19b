"""The search must find a hole that was planted: a policy without a minimum sample count."""

from __future__ import annotations

import time
from dataclasses import replace

from balancer.policy_file import default_policy
from scenarios.loader import load
from sim.run.fault_windows import describe
from sim.study.search import added_fault, bounds_for, search
from sim.study.search_goal import broken_by
from tests.control.laws import Claim

__all__ = ["planted_hole"]

MOST_S = 120.0
GOAL = "transitions > 0"


def planted_hole() -> Claim:
    """At night, with a request every half minute, one failed call is a brownout."""
    night = load("steady", ["workload.arrivals.rate=0.03"]).scenario
    policy = default_policy()
    # The default law asks a sequential test, which no setting makes hasty.
    hasty = replace(policy, law="ladder", ladder=replace(policy.ladder, min_samples=1))
    began = time.monotonic()
    found = search(night, hasty, broken_by(GOAL), bounds_for(night, most=2, kinds=("error",)))
    took_s = time.monotonic() - began
    timeline = found.timeline or ()
    faults = " and ".join(
        f"{describe(added_fault(fault))} for {fault.duration_s:g} s" for fault in timeline
    )
    return Claim(
        name=f"the search finds and shrinks a missing minimum sample count in {MOST_S:g} s",
        measured=f"{faults or 'nothing'}; {found.tried} timelines in {took_s:.0f} s",
        holds=len(timeline) == 1 and timeline[0].level <= 2 and took_s <= MOST_S,
    )
