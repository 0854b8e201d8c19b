"""What the ladder remembers: relapses, and what silence proves."""

from __future__ import annotations

from balancer.core.controller import Controller
from balancer.core.modes import Mode
from balancer.core.observations import Alert, Override
from tests.core.builders import make_policy, served, tick
from tests.core.ladder.climb import (
    EMERGENCY,
    EVERY_MODE_FAILING,
    FAILING,
    HARD,
    NORMAL,
    SOFT,
    loop,
    memory,
    rounds,
)
from tests.core.loop import Health, Loop, World, during

# --- relapse -----------------------------------------------------------------------------


def flapping(run: Loop) -> World:
    """Normal is sick whenever it serves everybody, and well while it is only probed."""

    def world(index: int, mode: Mode) -> Health:
        sick = mode is NORMAL and index >= 100 and run.now.mode is NORMAL
        return Health(failing=1.0) if sick else Health()

    return world


def test_each_relapse_doubles_the_hold_up_to_eight_times() -> None:
    """Escalating within 300 s of a step down: 120, 240, 480, 960, 960 s of calm before a round."""
    run = loop(per_tick=(0, 10, 0))
    run.world = flapping(run)
    run.run(5000)
    up = [step.tick for step in run.steps if step.after is SOFT]
    begun = [at for at, _ in rounds(run)]
    waited = [at - entered - 1 for entered, at in zip(up, begun, strict=False)]
    assert waited[:5] == [120, 240, 480, 960, 960]


def test_an_escalation_after_the_probation_is_no_relapse() -> None:
    """301 s after stepping down the hold is what it was."""
    first = during(range(100, 110), normal=FAILING)
    run = loop(first)
    run.until(SOFT)
    down = run.until(NORMAL)
    run.world = during(range(down + 302, down + 400), normal=Health(failing=1.0))
    run.until(SOFT)
    assert memory(run)["multiplier"] == 1


def test_a_relapse_doubles_the_hold_once_however_far_it_climbs() -> None:
    """Back in normal everything fails at once: three rungs up, one doubling."""
    run = loop(during(range(100, 110), normal=FAILING))
    run.until(SOFT)
    run.until(NORMAL)
    again = run.now.tick + 10
    run.world = during(range(again, again + 200), **EVERY_MODE_FAILING)
    run.until(EMERGENCY)
    assert memory(run)["multiplier"] == 2


def test_the_multiplier_is_forgiven_after_twice_the_hold_in_normal() -> None:
    """Back to 1 after 2 x 120 s x 2 in normal, and not a tick earlier."""
    run = loop(during(range(100, 110), normal=FAILING))
    run.until(SOFT)
    down = run.until(NORMAL)
    run.world = during(range(down + 1, down + 10), normal=Health(failing=1.0))
    run.until(SOFT)
    assert memory(run)["multiplier"] == 2
    back = run.until(NORMAL)
    run.run(479)
    assert (run.now.tick, memory(run)["multiplier"]) == (back + 479, 2)
    run.run(1)
    assert memory(run)["multiplier"] == 1


# --- silence -----------------------------------------------------------------------------


def test_silence_moves_nothing() -> None:
    """Soft, then nobody calls for an hour: still soft, and no round."""
    run = loop(during(range(100, 110), normal=FAILING))
    run.until(SOFT)
    run.per_tick = (0, 0, 0)
    run.run(3600)
    assert run.now.mode is SOFT
    assert rounds(run) == []


def test_calls_that_finish_after_the_last_request_do_not_begin_a_round() -> None:
    """Traffic stops while thirty calls are in flight: their answers are calm, but no traffic."""
    controller = Controller(make_policy())
    controller.step(tick(0, served(overloaded=20)))
    controller.step(tick(1, served(SOFT, started=30), offered=30))
    late = served(SOFT, started=0, latencies=[1.0] * 30)
    controller.step(tick(2))
    for index in range(3, 400):
        decision = controller.step(tick(index, *([late] if index == 5 else [])))
        assert decision.mix == (0.0, 1.0, 0.0, 0.0)


def test_no_round_begins_while_nobody_called_for_a_minute() -> None:
    """Calm was seen, then the traffic stops before the hold is over: nothing to probe with."""
    run = loop(during(range(100, 110), normal=FAILING))
    run.until(SOFT)
    run.run(30)
    run.per_tick = (0, 0, 0)
    run.run(600)
    assert rounds(run) == []
    run.per_tick = (0, 10, 0)
    run.run(2)
    assert len(rounds(run)) == 1


def test_an_alert_expires_in_silence() -> None:
    """It asks for hard for 60 ticks and nobody calls: the mode stays, the floor is gone."""
    run = loop(per_tick=(0, 0, 0), alerts={0: (Alert("a", 0, HARD, lifetime_ticks=60),)}).run(300)
    assert run.now.mode is HARD
    run.per_tick = (0, 10, 0)
    run.run(10)
    assert rounds(run)[0][1] is SOFT


def test_an_override_expires_in_silence() -> None:
    """From its end on the law decides again, which in silence is to stay."""
    controller = Controller(make_policy())
    controller.step(tick(0, overrides=(Override(0, 60, EMERGENCY, "drill"),)))
    controller.step(tick(59))
    assert controller.state()["memory"]["order"] is not None  # type: ignore[index]
    controller.step(tick(60))
    assert controller.state()["memory"]["order"] is None  # type: ignore[index]
