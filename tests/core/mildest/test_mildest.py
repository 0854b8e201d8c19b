"""The law where little helps, and what it remembers."""

from __future__ import annotations

from itertools import pairwise

import pytest

from balancer.core.controller import Controller
from balancer.core.modes import Mode
from balancer.core.observations import Observations
from tests.core.builders import table
from tests.core.loop import Health, Step, during
from tests.core.mildest.rungs import (
    ALL_FAILING,
    ALL_SHED,
    ALL_SLOW,
    APART,
    BROKEN,
    EMERGENCY,
    FAILING,
    HARD,
    NO_SHEDDING,
    NORMAL,
    QUEUE,
    SLOW,
    SOFT,
    assert_goes_on,
    loop,
    memory,
    mildest,
    probes,
)

# --- where little helps -------------------------------------------------------------------


def test_a_sibling_that_is_gone_is_left_again() -> None:
    """Normal fails for a minute; soft fails altogether, so normal's failures are the lesser."""
    world = during(range(5000), soft=BROKEN, hard=BROKEN, emergency=BROKEN)
    blip = range(100, 160)
    run = loop(lambda t, m: FAILING if m is NORMAL and t in blip else world(t, m)).run(3000)
    assert run.steps == [Step(102, NORMAL, SOFT), Step(113, SOFT, NORMAL)]
    assert run.now.reasons[0].text == "normal: no mode that was tried is better; next try in 15 min"


def test_where_all_are_ill_alike_it_stays_in_normal_and_tries_again_ever_more_seldom() -> None:
    """After 15 minutes, then 30."""
    run = loop(during(range(100, 5000), **ALL_FAILING)).run(3000)
    assert run.path == [SOFT, NORMAL] * 3
    tries = [step.tick for step in run.steps if step.after is SOFT]
    assert [later - earlier for earlier, later in pairwise(tries)] == [
        917,
        1817,
    ]


def test_where_all_are_slow_alike_every_mode_is_tried_once_and_normal_is_kept() -> None:
    """Emergency is no better: it does not absorb."""
    run = loop(during(range(100, 5000), **ALL_SLOW), mildest(strategies=NO_SHEDDING)).run(1000)
    assert run.path == [SOFT, HARD, EMERGENCY, NORMAL]
    assert "emergency: hard is no better than normal was" in run.texts


def test_a_mode_that_would_shed_more_than_slowness_costs_is_not_tried() -> None:
    """Twice the usual load, slow in every mode: emergency would turn half of the users away."""
    rules = table("latency_p95", 2.0, 5.0, 10.0)
    run = loop(during(range(100, 5000), **ALL_SLOW), mildest(rules), per_tick=(0, 20, 0)).run(600)
    assert run.path == [SOFT, HARD, NORMAL]


def test_what_is_as_bad_as_it_can_be_is_said_once() -> None:
    """Nothing is answered in time by any mode: one reason holds until the next try."""
    rules = table("latency_p95", 2.0, 5.0, 10.0)
    run = loop(during(range(100, 5000), **ALL_SLOW), mildest(rules)).run(900)
    assert run.path == [SOFT, HARD, EMERGENCY, NORMAL]
    assert sum("no mode that was tried" in text for text in run.texts) == 1


def test_models_that_are_ill_in_turns_are_followed() -> None:
    """Five minutes each: always within seconds on the healthy one."""

    def in_turns(at: int, mode: Mode) -> Health:
        first = (at - 100) // 300 % 2 == 0
        return Health(failing=0.8) if 100 <= at < 3700 and first == (mode is NORMAL) else Health()

    run = loop(in_turns).run(3700)
    assert run.path == [SOFT, NORMAL] * 6
    assert all((step.tick - 100) % 300 <= 2 for step in run.steps)


def test_a_step_that_is_harm_is_taken_back_and_the_next_one_is_tried_from_there() -> None:
    """Normal is slow and soft gone: hard is entered once a share of normal's was well in it."""
    run = loop(during(range(100, 2000), normal=SLOW, soft=BROKEN), mildest(strategies=APART))
    assert run.until(HARD) < 200
    soft, back, hard = run.steps
    assert [soft.after, back.after, hard.after] == [SOFT, NORMAL, HARD]
    assert back.tick - soft.tick <= 12
    assert "normal: soft is worse than it was" in run.texts
    tried = [text for at, text in probes(run) if at >= back.tick]
    assert tried[0] == "normal: probing hard with 5.0% of requests"


def test_where_every_step_is_harm_few_are_moved_a_second_time() -> None:
    """What was seen of soft holds for half an hour, of hard and emergency by a share alone."""
    gone = during(range(100, 5000), normal=SLOW, soft=BROKEN, hard=BROKEN, emergency=BROKEN)
    run = loop(gone, mildest(strategies=APART)).run(1500)
    assert run.path == [SOFT, NORMAL]
    tries = [text for at, text in probes(run) if at >= 1000]
    assert tries[0] == "normal: probing soft with 5.0% of requests"


def test_when_the_least_bad_becomes_worse_another_one_may_be_better() -> None:
    """Both fail; then normal fails altogether while soft still answers most."""
    world = during(range(100, 4000), **ALL_FAILING)
    run = loop(lambda t, m: BROKEN if m is NORMAL and t >= 300 else world(t, m)).run(400)
    assert run.path == [SOFT, NORMAL, SOFT]
    assert run.now.reasons[0].text.startswith("soft: no mode that was tried is better; next try in")


def test_what_a_mode_lost_when_it_had_only_just_begun_is_no_reason_to_stay_in_it() -> None:
    """Soft was hardly worse than normal, and fails altogether when it is gone back to."""

    def world(at: int, mode: Mode) -> Health:
        if mode is NORMAL:
            return Health(failing=0.5 if at < 200 else 0.8) if at >= 100 else Health()
        return Health(failing=0.55) if at < 150 else BROKEN

    run = loop(world).run(900)
    assert run.path == [SOFT, NORMAL, SOFT, NORMAL]
    assert run.steps[3].tick - run.steps[2].tick == 60


def test_a_lock_ends_when_the_mode_is_well_again() -> None:
    """Sixty good requests, and a fault that comes later is answered at once."""
    both = during(range(100, 300), **ALL_FAILING)
    run = loop(lambda t, m: BROKEN if m is NORMAL and t >= 600 else both(t, m)).run(590)
    assert memory(run)["lock"]["until"] is None
    assert run.until(SOFT) == 600


def test_what_is_taken_for_granted_in_a_mode_is_not_in_the_next() -> None:
    """Locked as bad as can be, normal is left for money; soft, where all fail, is left at once."""
    world = during(range(100, 2000), normal=Health(nano_usd=4_000_000), soft=BROKEN)
    run = loop(world).run(100)
    lock = run.controller._law._law.lock  # type: ignore[attr-defined]
    lock.begin(99, 0.9)
    assert run.until(SOFT) == 119
    assert lock.until is None
    assert run.until(NORMAL) == 130


def test_time_in_normal_lets_what_is_remembered_fade() -> None:
    """The hold that doubled is single again, and so is the time until the next try."""
    run = loop(during(range(100, 300), **ALL_FAILING)).run(500)
    assert (memory(run)["lock"]["times"], memory(run)["ill"]["times"]) == (1, [1, 1, 0, 0])
    run.run(16_000)
    assert (memory(run)["lock"]["times"], memory(run)["ill"]["times"]) == (0, [0, 0, 0, 0])


def test_whom_a_mode_sheds_its_probes_serve_first() -> None:
    """Half of the normal ones are shed. A whole probe refuses nobody, a share its part fewer."""
    rules = (*table("error_rate", 0.05, 0.1, 0.2), *QUEUE)
    gauges = {"waiting": 300}
    run = loop(
        policy=mildest(rules),
        per_tick=(0, 20, 0),
        gauges=lambda t: gauges if 100 <= t < 160 else {},
    )
    run.until(EMERGENCY)
    assert run.now.admit == (0.0, 0.5, 1.0)
    shares = {}
    for _ in range(600):
        run.run(1)
        mix, admit = run.now.mixes[1], run.now.admit[1]
        if run.now.mode is EMERGENCY and mix[EMERGENCY] < 1.0:
            shares[round((1.0 - mix[EMERGENCY]) * admit, 4)] = round(admit, 4)
    assert len(shares) > 1
    assert shares == {share: round(share + (1.0 - share) * 0.5, 4) for share in shares}
    assert shares[1.0] == 1.0


def test_where_everything_is_shed_a_probe_lets_a_share_in() -> None:
    """Nothing is served in emergency, so nothing could be learnt from it."""
    full = Health(failing=1.0, kind="quota_minute")
    world = during(range(100, 160), **{mode.label: full for mode in Mode})
    rules = (*table("error_rate", 0.05, 0.1, 0.2), *QUEUE)
    gauges = {"waiting": 300}
    run = loop(
        world,
        mildest(rules, strategies=ALL_SHED),
        gauges=lambda t: gauges if 100 <= t < 160 else {},
    )
    run.until(EMERGENCY)
    assert run.now.admit == (0.0, 0.0, 0.0)
    run.until(NORMAL)
    assert run.now.admit == (1.0, 1.0, 1.0)


def test_no_requests_at_all_shed_nobody() -> None:
    """A queue that is long before the first request was seen."""
    controller = Controller(mildest(QUEUE))
    for index in range(40):
        decision = controller.step(Observations(index, waiting=300))
    assert decision.mode is EMERGENCY


# --- memory -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("stop", [50, 105, 118, 240, 300, 330, 400, 1200])
def test_a_law_that_was_saved_at_any_time_goes_on_as_if_it_had_not_been(stop: int) -> None:
    """In normal, in soft, locked, in a probe and at every share of it."""
    world = during(range(100, 200), normal=SLOW, **({"soft": SLOW} if stop == 118 else {}))
    slow = during(range(100, 900), **ALL_SLOW)
    failing = during(range(100, 900), **ALL_FAILING)
    for chosen in (world, slow, failing):
        assert_goes_on(chosen, stop, 1400)
