"""One application at several sizes: how it is made and measured, and what is claimed of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from balancer.core.modes import Mode
from balancer.policy_file import default_policy
from sim.run.result import Run
from sim.run.serving import Serving
from sim.run.timeline import Transition
from tests.control.rate_claims import (
    BACK,
    Limit,
    absorbed_claims,
    ill_claims,
    most_degraded,
    steady_claims,
)
from tests.control.rates import (
    ABSORBED,
    FAULTS,
    HEALTHY,
    Case,
    Episode,
    arrived,
    back,
    found,
    policy_at,
    quantile,
    run_case,
    scenario_at,
)

SLOW = FAULTS["slow"]


def run_of(*moves: tuple[float, Mode], degraded: float = 0.0, availability: float = 1.0) -> Run:
    """A run of four hours with these moves, served as the modes say."""
    befores = (Mode.NORMAL, *(mode for _, mode in moves))
    return Run(
        arm="policy",
        replication=0,
        duration_s=14_400.0,
        metrics={
            "degraded_share": degraded,
            "availability": availability,
            "latency_p95_s": 10.0,
            "cost_usd": 1.0,
        },
        transitions=tuple(
            Transition(at_s=at_s, before=before, after=after, reason="x")
            for (at_s, after), before in zip(moves, befores, strict=False)
        ),
        servings=tuple(
            Serving(at_s=at_s, worst=mode, back=mode is Mode.NORMAL) for at_s, mode in moves
        ),
    )


def episode(
    *,
    found_s: float = 20.0,
    found_requests: float = 5.0,
    back_s: float = 100.0,
    degraded: float = 0.0,
    moves: tuple[tuple[float, Mode], ...] = (),
    availability: float = 1.0,
    p95_s: float = 10.0,
) -> Episode:
    """One with these figures."""
    static = run_of()
    return Episode(
        found_s=found_s,
        found_requests=found_requests,
        back_s=back_s,
        back_requests=back_s,
        ill_requests=3600.0,
        away=False,
        run=run_of(*moves, degraded=degraded, availability=availability),
        static=replace(static, metrics={**static.metrics, "latency_p95_s": p95_s}),
    )


def test_found_is_the_first_move_out_of_normal_while_the_fault_lasts() -> None:
    """What comes after its end is no finding, and who is away already finds nothing."""
    assert found(run_of((3650.0, Mode.SOFT), (3700.0, Mode.HARD)), SLOW) == 50.0
    assert found(run_of((100.0, Mode.SOFT), (200.0, Mode.NORMAL), (3601.0, Mode.HARD)), SLOW) == 1.0
    assert found(run_of((7300.0, Mode.SOFT)), SLOW) == math.inf
    assert found(run_of((3500.0, Mode.SOFT)), SLOW) == math.inf
    assert found(run_of(), SLOW) == math.inf


def test_back_is_the_return_that_stays() -> None:
    """A relapse undoes it, and who never left is back at once."""
    left = (3650.0, Mode.SOFT)
    assert back(run_of(left, (7300.0, Mode.NORMAL)), SLOW) == 100.0
    relapse = ((7300.0, Mode.NORMAL), (8000.0, Mode.SOFT), (9000.0, Mode.NORMAL))
    assert back(run_of(left, *relapse), SLOW) == 1800.0
    assert back(run_of(left, *relapse[:2]), SLOW) == math.inf
    assert back(run_of(left, (7000.0, Mode.NORMAL)), SLOW) == 0.0
    assert back(run_of(), SLOW) == 0.0


def test_requests_are_counted_from_a_moment_on() -> None:
    """Up to and with that in which something happened; for ever is infinite."""
    arrivals_s = np.array([1.0, 2.0, 3.0, 4.0])
    assert arrived(arrivals_s, 1.0, 2.0) == 2.0
    assert arrived(arrivals_s, 1.5, 0.1) == 0.0
    assert arrived(arrivals_s, 0.0, math.inf) == math.inf


def test_a_quantile_is_one_of_the_values() -> None:
    """That which so many do not pass; one infinite value of twenty is beyond 95 %."""
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    twenty = [*map(float, range(19)), math.inf]
    assert quantile(twenty, 0.95) == 18.0
    assert quantile([*twenty[1:], math.inf], 0.95) == math.inf


def test_of_a_limit_the_longer_half_holds() -> None:
    """Nothing is asked where too few requests came to know."""
    limit = Limit(seconds=30.0, requests=12)
    assert limit.kept(30.0, 1000.0) and limit.kept(600.0, 12.0)
    assert not limit.kept(31.0, 13.0) and not limit.kept(math.inf, math.inf)
    assert limit.kept(math.inf, math.inf, of=12.0)
    assert not limit.kept(math.inf, math.inf, of=13.0)


def test_only_what_is_about_the_traffic_is_scaled() -> None:
    """At the rate it was made for, the policy is the default one."""
    assert policy_at(5.5) == default_policy()
    small = policy_at(0.55, "ladder")
    for rule, own in zip(small.rules, default_policy().rules, strict=True):
        scale = 0.1 if rule.signal == "token_cost_per_hour" else 1.0
        assert rule.threshold == pytest.approx(scale * own.threshold)
    assert small.law == "ladder"
    assert small.baseline is not None and small.baseline.requests_per_s == 0.55


@pytest.mark.parametrize("fault", [*FAULTS.values(), *ABSORBED.values(), HEALTHY])
def test_a_fault_lasts_as_long_as_it_is_measured(fault: object) -> None:
    """In every part of it."""
    assert isinstance(fault, type(HEALTHY))
    scenario = scenario_at(1.0, fault)
    assert scenario.duration == fault.duration_s
    assert len(scenario.faults) == len(fault.parts)
    for part in scenario.faults:
        assert (part.at, part.at + part.duration) == (fault.from_s, fault.until_s)


def test_a_small_application_is_measured() -> None:
    """Requests and seconds are of the same moments, and both arms of the same requests."""
    hang = replace(FAULTS["hang"], from_s=600.0, until_s=1200.0, duration_s=2400.0)
    seen = run_case(Case(rate=0.5, fault=hang, replication=0, law="mildest"))
    assert 15.0 < seen.found_s < 60.0 and 0.0 < seen.found_requests < 40.0
    assert seen.run.transitions[0].at_s == 600.0 + seen.found_s
    assert 0.0 < seen.back_s < 600.0 and not seen.away
    assert 200.0 < seen.ill_requests < 400.0
    assert seen.static is not None and not seen.static.transitions
    assert seen.static.metrics["offered"] == seen.run.metrics["offered"]


def test_one_run_that_leaves_is_allowed_and_two_are_not() -> None:
    """Of all of them; and no rate may serve more than a thousandth degraded."""
    stays, leaves = episode(), episode(moves=((10.0, Mode.SOFT),), degraded=0.0009)
    assert all(claim.holds for claim in steady_claims({0.1: [stays, stays], 1.0: [leaves, stays]}))
    moves, share = steady_claims({0.1: [stays, leaves], 1.0: [leaves, episode(degraded=0.01)]})
    assert not moves.holds and moves.measured == "2 of 4"
    assert not share.holds and share.measured == "not at 1/s (0.55%)"


def test_every_claim_of_an_ill_hour_can_fail() -> None:
    """Each by itself, and it says at which rate."""
    good, runs = episode(), 20

    def missed(bad: Episode, count: int, name: str = "slow") -> list[str]:
        cells = {0.1: [good] * runs, 1.0: [bad] * count + [good] * (runs - count)}
        return [claim.measured for claim in ill_claims(name, cells) if not claim.holds]

    late = episode(found_s=50.0, found_requests=30.0)
    assert missed(late, 10) == []
    assert missed(late, 11) == ["not at 1/s (9 of 20)"]
    never = episode(found_s=math.inf, found_requests=math.inf)
    assert missed(never, 1) == []
    assert missed(never, 2) == ["not at 1/s (18 of 20)"]
    assert missed(episode(back_s=math.inf), 2) == ["not at 1/s (18 of 20)"]
    most = most_degraded(1.0, SLOW)
    assert missed(episode(degraded=most + 0.01), 20) == [f"not at 1/s ({most + 0.01:.1%})"]
    assert missed(episode(availability=0.9), 20, "region") == ["not at 1/s (-10.00 points)"]
    assert missed(episode(found_s=math.inf, back_s=math.inf), 20, "region") == []


def test_the_way_back_of_slow_traffic_is_counted_in_requests() -> None:
    """Sixty of them at one in fifty seconds are fifty minutes."""
    whole_s = 14_400.0 - 300.0
    assert most_degraded(0.02, SLOW) == pytest.approx((3600.0 + 3000.0) / whole_s)
    assert most_degraded(5.5, SLOW) == pytest.approx((3600.0 + BACK.seconds) / whole_s)


def test_what_breaks_a_rule_may_be_left() -> None:
    """By the P95 of the same requests without a controller."""
    (kept,) = absorbed_claims("8 %", {1.0: [episode(degraded=0.04)]})
    (missed,) = absorbed_claims("8 %", {1.0: [episode(degraded=0.06)]})
    (slow,) = absorbed_claims("8 %", {1.0: [episode(degraded=0.06, p95_s=16.0)]})
    assert kept.holds and slow.holds
    assert not missed.holds and missed.measured == "not at 1/s (6.0%)"
