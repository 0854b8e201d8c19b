"""Steps that helped nobody: the next one is tried on a share, beside the mode that serves."""

from __future__ import annotations

import pytest

from balancer.core.controller import Controller
from balancer.core.laws.evidence import Change
from balancer.core.modes import Mode
from tests.core.builders import table
from tests.core.loop import Health, World, during
from tests.core.mildest.rungs import (
    ALL_SLOW,
    BROKEN,
    EMERGENCY,
    FAILING,
    HARD,
    NORMAL,
    SLOW,
    SOFT,
    assert_goes_on,
    loop,
    memory,
    mildest,
    probes,
)

BLIP = range(100, 104)
"""Over before the first look at what was left."""


def after_a_blip(world: World, start: int = 1000) -> World:
    """Nobody is helped by the first step; the world proper begins later."""
    blip = during(BLIP, normal=BROKEN)
    return lambda t, m: world(t, m) if t >= start else blip(t, m)


def test_what_was_left_for_the_first_time_is_looked_at_soon() -> None:
    """After settling and the slowest threshold, and not after a hold: it may have been a blip."""
    run = loop(during(BLIP, normal=BROKEN))
    run.until(SOFT)
    left = run.steps[0].tick
    assert run.until(NORMAL) < left + 120
    assert probes(run)[0][0] - left < 30
    assert memory(run)["futility"]["until"][SOFT] > 1000


def test_bursts_move_nobody_after_the_first() -> None:
    """Ten seconds in every five minutes: over before anybody could be helped."""
    run = loop(lambda t, m: SLOW if t >= 100 and (t - 100) % 300 < 10 else Health()).run(3600)
    assert run.path[-1] is NORMAL
    assert len(run.path) <= 4
    degraded = sum(decision.mode is not NORMAL for decision in run.decisions)
    assert degraded < 300


def test_a_worse_mode_that_helps_is_entered_after_a_trial() -> None:
    """Half of the requests, then nine tenths; a tenth stays ill to the end."""
    run = loop(after_a_blip(during(range(1000, 2000), normal=SLOW))).run(999)
    path = len(run.path)
    assert run.until(SOFT) < 1060
    shares = [text.partition("with ")[2].split()[0] for at, text in probes(run) if at >= 1000]
    assert shares == ["50.0%", "90.0%"]
    assert run.path[path:] == [SOFT]
    assert memory(run)["futility"]["until"][SOFT] == 0
    assert memory(run)["ill"]["at"][NORMAL] is not None


def test_those_who_stay_and_are_well_end_a_trial() -> None:
    """The trouble is over by itself: nobody is moved."""
    run = loop(after_a_blip(during(range(1000, 1004), normal=SLOW))).run(1200)
    assert any(text == "normal: well without soft" for text in run.texts)
    assert run.now.mode is NORMAL
    assert all(step.tick < 1000 for step in run.steps)


def test_a_share_that_is_kept_is_given_back_when_the_mode_is_well_again() -> None:
    """Soft has room for half of them while normal is slow."""

    def narrow(at: int, mode: Mode) -> Health:
        share = run.now.mixes[1][SOFT] if run.decisions else 0.0
        if mode is SOFT and at >= 1000 and share > 0.6:
            return SLOW
        return SLOW if mode is not SOFT and at in range(1000, 1300) else Health()

    run = loop(after_a_blip(narrow))
    run.run(1250)
    assert run.now.reasons[0].text == "normal: room for soft with 50.0% of requests"
    run.run(150)
    assert run.now.mixes[1][NORMAL] == 1.0
    assert any(text == "normal: well without soft" for text in run.texts)
    assert all(step.tick < 1000 for step in run.steps)


def test_a_mode_that_is_well_only_beside_a_trial_is_left_at_once_the_next_time() -> None:
    """Normal bears half of the requests and not all: what relieved it is taken for help."""

    def crowded(at: int, mode: Mode) -> Health:
        share = run.now.mixes[1][NORMAL] if run.decisions else 1.0
        return SLOW if mode is NORMAL and at in range(1000, 1500) and share > 0.6 else Health()

    run = loop(after_a_blip(crowded)).run(1000)
    assert run.until(SOFT) < 1100
    assert "normal: well without soft" in run.texts
    assert run.now.reasons[0].kind == "rule"


def test_where_the_worse_mode_is_as_ill_the_next_one_is_tried_and_then_none() -> None:
    """No step: all is tried beside normal."""
    run = loop(after_a_blip(during(range(1000, 4000), **ALL_SLOW))).run(1100)
    failed = [text for text in run.texts if "at 50.0%" in text and "failed" in text]
    assert [text.split()[3] for text in failed] == ["soft", "hard", "emergency"]
    assert all(step.tick < 1000 for step in run.steps)
    assert memory(run)["lock"]["until"] is not None


def test_what_helped_nobody_is_tried_on_a_share_after_the_lock() -> None:
    """Slow in every mode; a quarter of an hour later nobody is moved to see that again."""
    run = loop(during(range(100, 5000), **ALL_SLOW)).run(1000)
    moved = len(run.path)
    run.run(1000)
    assert len(run.path) == moved
    assert any("probing soft" in text for _, text in probes(run)[-3:])


def test_when_the_least_bad_becomes_slower_another_one_is_tried_on_a_share() -> None:
    """Locked in normal, where three in ten are late, beside a soft that lost less and is suspected.

    Such a memory is written by hand: it takes hours of changing troubles to come by.
    """
    run = loop(during(range(300, 900), normal=SLOW)).run(300)
    state = run.controller.state()
    law = memory(run)
    law["lock"] |= {"until": 5000, "level": 0.4, "scores": Change(0.4).state()}
    law["ill"]["at"][SOFT], law["ill"]["lost"][SOFT] = 250, 0.1
    law["ill"]["until"][SOFT] = law["futility"]["until"][SOFT] = 5000
    memory_of = state["memory"]
    assert isinstance(memory_of, dict)
    memory_of["law"] = law
    run.controller = Controller.restore(mildest(), state)
    run.until(SOFT)
    shares = [text.partition("probing ")[2] for _, text in probes(run)]
    assert shares == ["soft with 50.0% of requests", "soft with 90.0% of requests"]


def test_a_worse_mode_is_no_refuge_from_its_own_slowness() -> None:
    """Judged by what the present mode is left for, and not by its own wider threshold."""
    rules = (*table("error_rate", 0.05, 0.1, 0.2), *table("latency_p95", 2.0, 10.0, 20.0))
    slow = during(range(1000, 4000), normal=SLOW, soft=SLOW, hard=SLOW, emergency=SLOW)
    run = loop(after_a_blip(slow), mildest(rules)).run(1100)
    assert all(step.tick < 1000 for step in run.steps)


def test_a_mode_that_no_longer_helps_is_left_for_a_share_in_the_next() -> None:
    """Soft was a help, and is slow more often than normal was; hard is suspected since the blip."""
    rules = (*table("error_rate", 0.05, 0.1, 0.2), *table("latency_p95", 2.0, 10.0, 20.0))

    def slower(at: int, mode: Mode) -> Health:
        if mode is SOFT and at >= 1100:
            return SLOW
        return SLOW if mode is NORMAL and at >= 1000 and at % 3 == 0 else Health()

    run = loop(after_a_blip(slower), mildest(rules)).run(2200)
    assert [step.after for step in run.steps if step.tick >= 1000][:2] == [SOFT, HARD]
    assert any("soft: probing hard with 50.0%" in text for _, text in probes(run))


def test_a_proof_keeps_suspicion_away() -> None:
    """Soft was well while normal was seen to be ill: what comes later says nothing against it."""
    run = loop(during(range(100, 400), normal=SLOW)).run(600)
    assert memory(run)["futility"]["proved_until"][SOFT] > 600
    assert memory(run)["futility"]["until"][SOFT] == 0


def test_a_few_requests_a_minute_are_moved_at_once() -> None:
    """A trial would take minutes."""
    world = after_a_blip(during(range(20_000, 24_000), normal=BROKEN), 20_000)
    run = loop(
        lambda t, m: BROKEN if t < 300 and m is NORMAL else world(t, m), per_tick=(0, 0.2, 0)
    )
    run.run(20_000)
    before = len(probes(run))
    run.until(SOFT)
    assert not any("probing soft" in text for _, text in probes(run)[before:])


def test_an_order_by_a_gauge_is_not_tried_first() -> None:
    """It is about the process itself."""
    rules = (*table("error_rate", 0.05, 0.1, 0.2), *table("queue_depth", 50, 100, 200))
    gauges = {"waiting": 300}
    run = loop(
        after_a_blip(during(range(1000, 1400), normal=SLOW)),
        mildest(rules),
        gauges=lambda t: gauges if t in range(1020, 1100) else {},
    )
    run.run(1019)
    assert run.until(SOFT) < 1030
    assert run.until(EMERGENCY) < 1060


@pytest.mark.parametrize("stop", [110, 402, 406, 412, 500])
def test_a_law_that_was_saved_during_a_trial_goes_on_as_if_it_had_not_been(stop: int) -> None:
    """At every share, and with what is remembered of steps."""
    for world in (
        after_a_blip(during(range(400, 600), normal=SLOW), 400),
        after_a_blip(during(range(400, 600), **ALL_SLOW), 400),
    ):
        assert_goes_on(world, stop, 700)


def test_where_requests_fail_a_part_would_not_show_what_becomes_of_all() -> None:
    """A quota refuses those on trial as well: all are moved, as without suspicion."""
    run = loop(after_a_blip(during(range(1000, 2000), normal=BROKEN))).run(999)
    assert memory(run)["futility"]["until"][SOFT] > 1000
    assert run.until(SOFT) < 1005


def test_models_that_fail_in_turns_are_not_suspected() -> None:
    """Soft was proved good when normal was ill; its own illness later is another matter."""

    def in_turns(at: int, mode: Mode) -> Health:
        first = (at - 100) // 300 % 2 == 0
        return FAILING if 100 <= at < 3700 and first == (mode is NORMAL) else Health()

    run = loop(in_turns).run(3700)
    assert not any("probing soft with 50.0%" in text for _, text in probes(run))
    assert HARD not in run.path


def test_a_mode_that_sheds_is_not_tried_on_a_share() -> None:
    """Nobody who is turned away says how it is. Normal is too dear, all others are slow."""
    rules = (
        *table("error_rate", 0.05, 0.1, 0.2),
        *table("latency_p95", 2.0, 10.0, 20.0),
        *table("token_cost_per_hour", 50.0, 5000.0, 10_000.0),
    )
    dear = Health(nano_usd=4_000_000)
    world = after_a_blip(lambda t, m: dear if m is NORMAL else SLOW)
    run = loop(world, mildest(rules), per_tick=(0, 5, 5))
    assert run.until(EMERGENCY) < 1100
    tried = [text.partition("probing ")[2] for at, text in probes(run) if at >= 1000]
    assert tried == ["hard with 50.0% of requests", "hard with 90.0% of requests"]


def test_where_all_worse_modes_were_ill_of_late_a_few_look_whether_they_still_are() -> None:
    """All were slow for everybody a quarter of an hour ago, and normal is for some now."""

    def world(at: int, mode: Mode) -> Health:
        if mode is NORMAL and at < 1700:
            return Health(slow=0.5) if at in range(100, 1000) else Health()
        return Health(slow=0.3) if mode is NORMAL else SLOW

    run = loop(world).run(1600)
    moves = len(run.steps)
    run.run(900)
    assert {step.after for step in run.steps} == set(Mode) and len(run.steps) == moves
    looked = [text for at, text in probes(run) if at >= 1700]
    assert looked and all("with 5.0%" in text for text in looked)
