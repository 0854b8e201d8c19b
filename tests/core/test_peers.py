"""The laws to compare with: their published formulas, and what each does in a closed loop."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from balancer.core.constants import (
    BreakerConstants,
    Constants,
    DimmerConstants,
    GradientConstants,
    ThrottleConstants,
)
from balancer.core.controller import Controller
from balancer.core.laws.dimmer import dim
from balancer.core.laws.gradient import gradient2
from balancer.core.laws.throttle import refusal
from balancer.core.modes import Mode
from balancer.core.observations import Alert, Override
from balancer.core.policy import Rule
from tests.core.builders import DEFAULT_RULES, make_policy, served, table, tick
from tests.core.loop import WELL, Health, Loop, World, during

NORMAL, SOFT, HARD, EMERGENCY = Mode
PEERS = ("threshold", "dimmer", "throttle", "gradient", "breaker")


def loop(
    law: str,
    world: World = WELL,
    rules: tuple[Rule, ...] = DEFAULT_RULES,
    constants: Constants = Constants(),  # noqa: B008 - a frozen value
    **more: object,
) -> Loop:
    """A loop under one of the laws."""
    policy = make_policy(rules, law=law, constants=constants)
    return Loop(Controller(policy), world, **more)  # type: ignore[arg-type]


# --- client throttling --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "accepts", "expected"),
    [
        (2.0, 900, 0.0),
        (2.0, 500, 0.0),
        (2.0, 250, 0.4995),
        (2.0, 0, 0.999),
        (1.1, 900, 0.0100),
        (1.1, 500, 0.4496),
        (1.1, 250, 0.7243),
        (1.1, 0, 0.999),
    ],
)
def test_throttle_refuses_by_the_published_formula(k: float, accepts: int, expected: float) -> None:
    """Of 1000 requests, at K = 2 and K = 1.1."""
    assert refusal(1000, accepts, k) == pytest.approx(expected, abs=5e-5)


def test_throttle_refuses_more_the_longer_an_outage_lasts() -> None:
    """Nothing is accepted any more: admission falls tick by tick, and comes back after it."""
    run = loop("throttle", during(range(100, 300), normal=Health(failing=1.0))).run(300)
    assert run.now.admit[0] < 0.1
    assert "refusing" in run.now.reasons[0].text
    # What it admits is all it can see accepted, so it doubles once a window at best.
    run.run(3000)
    assert run.now.admit == (1.0, 1.0, 1.0)
    assert run.steps == []


def test_throttle_takes_its_constants_from_the_policy() -> None:
    """At K = 1.1 over half a minute it refuses where K = 2 over two minutes does not, yet."""
    bad = during(range(100, 200), normal=Health(failing=0.4))
    strict = Constants(throttle=ThrottleConstants(k=1.1, window_s=30.0))
    assert loop("throttle", bad).run(130).now.admit[0] == 1.0
    assert loop("throttle", bad, constants=strict).run(130).now.admit[0] < 0.9


def test_throttle_does_not_count_calls_in_flight_as_refused() -> None:
    """Started and not finished is neither."""
    controller = Controller(make_policy(law="throttle"))
    decision = controller.step(tick(0, served(started=50, ages=[1.0] * 50)))
    assert decision.admit == (1.0, 1.0, 1.0)


# --- concurrency gradient -----------------------------------------------------------------


def test_gradient_moves_by_the_published_formula() -> None:
    """From 100: latency as usual raises the limit, three times as long lowers it."""
    limits = [100.0]
    for _ in range(3):
        limits.append(gradient2(limits[-1], 1.0, 1.0, GradientConstants()))
    assert limits[1:] == pytest.approx([100.8, 101.6, 102.4])
    limits = [100.0]
    for _ in range(4):
        limits.append(gradient2(limits[-1], 3.0, 1.0, GradientConstants()))
    assert limits[1:] == pytest.approx([90.8, 82.52, 75.068, 68.361], abs=1e-3)


def test_gradient_stays_within_its_bounds() -> None:
    """20 to 200."""
    assert gradient2(20.0, 100.0, 1.0, GradientConstants()) == 20.0
    assert gradient2(200.0, 1.0, 1.0, GradientConstants()) == 200.0


def test_gradient_takes_its_constants_from_the_policy() -> None:
    """Where it starts, how far it goes, and how slow it tolerates."""
    constants = GradientConstants(tolerance=4.0, least=5, most=50)
    assert gradient2(30.0, 3.0, 1.0, constants) > 30.0
    assert gradient2(50.0, 1.0, 1.0, constants) == 50.0
    run = loop("gradient", constants=Constants(gradient=constants)).run(1)
    assert run.now.limits.max_in_flight == 5


def test_gradient_grows_only_while_the_limit_is_used() -> None:
    """Ten calls in flight keep a limit of 20 moving; none leaves it."""
    busy, idle = (Controller(make_policy(law="gradient")) for _ in range(2))
    for index in range(50):
        used = busy.step(tick(index, served(latencies=[1.0] * 5, ages=[0.5] * 30)))
        unused = idle.step(tick(index, served(latencies=[1.0] * 5)))
    assert used.limits.max_in_flight is not None
    assert used.limits.max_in_flight > 20
    assert unused.limits.max_in_flight == 20


def test_gradient_falls_when_answers_slow_down_and_forgets_an_old_slow_time() -> None:
    """Four times as slow lowers the limit; fast again raises it at once."""
    controller = Controller(make_policy(law="gradient"))

    def feed(start: int, latency_s: float, ticks: int) -> list[int]:
        found = []
        for index in range(start, start + ticks):
            seen = served(latencies=[latency_s] * 5, ages=[0.5] * 150)
            limit = controller.step(tick(index, seen)).limits.max_in_flight
            assert limit is not None
            found.append(limit)
        return found

    fast = feed(0, 1.0, 100)
    slow = feed(100, 4.0, 50)
    again = feed(150, 1.0, 100)
    assert all(later >= earlier for earlier, later in pairwise(fast))
    assert slow[-1] < fast[-1] / 2
    assert again[-1] > slow[-1]


# --- dimmer -------------------------------------------------------------------------------


def test_dimmer_moves_by_the_published_formula() -> None:
    """Degrading at full gain, restoring at a tenth, at most 1."""
    # e = 1 - 2 = -1, alpha = 2 / 1: 1 + 0.1 * -1 / 2
    assert dim(1.0, 2.0, 0.9) == pytest.approx(0.95)
    # e = 0.1 * (1 - 0.5), alpha = 0.5 / 0.5: 0.5 + 0.1 * 0.05 / 1
    assert dim(0.5, 0.5, 0.9) == pytest.approx(0.505)
    assert dim(1.0, 0.1, 0.9) == 1.0
    # However slow, a step takes at most a tenth: (1 - pole) of theta.
    assert dim(0.5, 1000.0, 0.9) == pytest.approx(0.45, abs=1e-3)


def test_dimmer_blends_normal_and_soft_and_comes_back() -> None:
    """Slow normal answers dim it; fast ones light it up again, slowly."""
    run = loop("dimmer", during(range(100, 160), normal=Health(latency_s=12.0))).run(160)
    normal, soft, hard, emergency = run.now.mixes[0]
    assert 0.0 < normal < 0.5
    assert normal + soft == 1.0
    assert (hard, emergency) == (0.0, 0.0)
    assert run.now.mode is SOFT
    assert "served in full" in run.now.reasons[0].text
    run.run(3000)
    assert run.now.mixes[0][NORMAL] > 0.95
    assert run.now.mode is NORMAL


def test_dimmer_on_a_quantile_does_not_see_the_slowest() -> None:
    """One answer in thirty over the setpoint: the largest is dimmed for, P95 is not."""
    on_p95 = Constants(dimmer=DimmerConstants(quantile=0.95, window_s=60.0))
    for constants, dims in ((Constants(), True), (on_p95, False)):
        controller = Controller(make_policy(law="dimmer", constants=constants))
        for index in range(100):
            slowest = 9.0 if index % 3 == 0 else 1.0
            decision = controller.step(tick(index, served(latencies=[1.0] * 9 + [slowest])))
        assert (decision.mixes[0][NORMAL] < 1.0) is dims


def test_dimmer_with_a_lower_pole_is_faster() -> None:
    """It may take half of what is served in full away in one step."""
    assert dim(1.0, 1e9, 0.5) == pytest.approx(0.5)


def test_dimmer_without_a_latency_rule_has_no_setpoint_and_stays() -> None:
    """Nothing to hold a latency against."""
    world = during(range(100, 160), normal=Health(latency_s=500.0))
    run = loop("dimmer", world, table("error_rate", 0.05)).run(200)
    assert run.now.mixes[0] == (1.0, 0.0, 0.0, 0.0)


# --- circuit breaker ----------------------------------------------------------------------


def test_breaker_opens_when_half_of_the_last_hundred_calls_failed() -> None:
    """Ten calls a tick from tick 100 on all fail: the fifth such tick makes it fifty."""
    run = loop("breaker", during(range(100, 700), normal=Health(failing=1.0)))
    assert run.until(SOFT) == 104
    assert run.now.reasons[0].text == "soft: breaker open, 50 of 100 calls failed or were slow"


def test_breaker_needs_a_hundred_calls() -> None:
    """Ninety failures out of ninety are no verdict."""
    run = loop("breaker", lambda _tick, _mode: Health(failing=1.0)).run(9)
    assert run.now.mode is NORMAL
    run.run(1)
    assert run.now.mode is SOFT


def test_breaker_counts_slow_calls() -> None:
    """Slower than the lowest latency threshold is as bad as failed."""
    run = loop("breaker", during(range(100, 700), normal=Health(latency_s=3.0)))
    assert run.until(SOFT) == 104


def test_breaker_without_a_latency_rule_counts_failures_only() -> None:
    """Slow answers keep it closed, failures open it."""
    rules = table("error_rate", 0.05)
    slow = loop("breaker", during(range(100, 300), normal=Health(latency_s=300.0)), rules)
    assert slow.run(300).now.mode is NORMAL
    failing = loop("breaker", during(range(100, 300), normal=Health(failing=1.0)), rules)
    assert failing.run(110).now.mode is SOFT


def test_breaker_is_open_for_a_minute_then_tries_ten_calls() -> None:
    """The trial fails while the fault lasts and opens it again; after it, it closes."""
    run = loop("breaker", during(range(100, 200), normal=Health(failing=1.0))).run(110)
    opened = run.steps[0].tick
    run.run(opened + 60 - run.next_tick)
    assert run.now.mixes[0][NORMAL] == 0.0
    run.run(1)
    # A fifth of ten requests a second: ten calls in five seconds.
    assert run.now.mixes[1][NORMAL] == pytest.approx(0.2)
    assert run.now.reasons[0].text == "soft: breaker half open, 20.0% to normal"
    run.run(6)
    assert run.now.mixes[1][NORMAL] == 0.0
    assert run.until(NORMAL) > 200
    assert run.now.reasons[0].text == "normal: breaker closed, 0 of 10 calls failed or were slow"


def test_breaker_takes_its_constants_from_the_policy() -> None:
    """Twenty calls of which a third must be bad, and five minutes open."""
    own = Constants(breaker=BreakerConstants(calls=20, bad_share=0.3, cooldown_s=300.0))
    world = during(range(100, 200), normal=Health(failing=1.0))
    run = loop("breaker", world, constants=own)
    assert run.until(SOFT) == 100
    assert run.now.reasons[0].text == "soft: breaker open, 10 of 20 calls failed or were slow"
    run.run(300 + 100 - run.next_tick)
    assert run.now.mixes[0][NORMAL] == 0.0
    assert run.until(NORMAL) > 400


def test_breaker_forgets_calls_beyond_the_last_hundred() -> None:
    """Forty failures long ago do not add to forty new ones."""
    world = during([*range(100, 104), *range(150, 154)], normal=Health(failing=1.0))
    assert loop("breaker", world).run(200).steps == []


def test_breaker_waits_out_a_silence() -> None:
    """No calls, no verdict, and no memory of the ticks without any."""
    controller = Controller(make_policy(law="breaker"))
    for index in range(100):
        decision = controller.step(tick(index))
    assert decision.mode is NORMAL
    memory = controller.state()["memory"]
    assert isinstance(memory, dict)
    assert memory["law"]["calls"] == []


# --- all of them --------------------------------------------------------------------------


@pytest.mark.parametrize("law", PEERS)
def test_orders_go_before_what_a_law_wants(law: str) -> None:
    """An alert raises it, an override holds it, and both end by themselves."""
    run = loop(
        law,
        alerts={10: (Alert("a", 10, HARD, lifetime_ticks=20),)},
        overrides={15: (Override(15, 20, EMERGENCY, "drill"),)},
    ).run(60)
    modes = [decision.mode for decision in run.decisions]
    assert modes[9] is NORMAL
    assert modes[10:15] == [HARD] * 5
    assert modes[15:20] == [EMERGENCY] * 5
    assert modes[20:30] == [HARD] * 10
    assert modes[30:] == [NORMAL] * 30


@pytest.mark.parametrize("law", ["threshold", "throttle", "breaker"])
def test_the_end_of_an_order_is_a_reason(law: str) -> None:
    """A law that has nothing to say of its own still explains why the mode is left."""
    orders = {10: (Override(10, 15, HARD, "drill"),)}
    run = loop(law, overrides=orders).run(40)
    assert [step.after for step in run.steps] == [HARD, NORMAL]
    assert run.texts == [
        "hard: override until tick 15: drill",
        "normal: the override is over",
    ]


@pytest.mark.parametrize("law", PEERS)
@pytest.mark.parametrize("stop", [1, 95, 105, 130, 170, 215])
def test_a_restored_law_goes_on_as_the_one_it_was_taken_of(law: str, stop: int) -> None:
    """Through JSON, at any point of a fault, and under an override."""
    world = during(range(100, 200), normal=Health(failing=0.6, latency_s=12.0))
    orders = {90: (Override(90, 98, HARD, "drill"),)}
    run = loop(law, world, overrides=orders).run(400)
    policy = make_policy(law=law)
    first = Controller(policy)
    for observations in run.observed[:stop]:
        first.step(observations)
    again = Controller.restore(policy, json.loads(json.dumps(first.state())))
    assert [again.step(o) for o in run.observed[stop:]] == run.decisions[stop:]


@pytest.mark.parametrize("law", PEERS)
def test_a_law_that_never_stepped_can_be_saved(law: str) -> None:
    """There is nothing to take back, and it starts as new."""
    policy = make_policy(law=law)
    again = Controller.restore(policy, json.loads(json.dumps(Controller(policy).state())))
    assert again.step(tick(0)) == Controller(policy).step(tick(0))
