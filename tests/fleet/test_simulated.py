"""A fleet in a simulated world: what holds when the network and the store do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.modes import Mode
from balancer.policy_file import default_policy, parse_policy
from sim.fleet.actor import Spending
from sim.fleet.world import World

pytestmark = pytest.mark.slow

POLICY = default_policy()


def world(replicas: int = 5, *, seed: int = 1, spending: Spending | None = None) -> World:
    """A fleet that has been together for a while; clocks differ by up to two seconds."""
    made = World(POLICY, seed=seed, spending=spending)
    for number in range(replicas):
        made.join(ahead_s=(number % 5) * 0.5)
    made.run(20.0)
    return made


def healed(made: World) -> None:
    """Nothing is wrong any more, and everything that was sent has come."""
    made.faults.away = False
    made.faults.loss = 0.0
    made.faults.parted = set()
    made.faults.delay_s = 0.005
    made.run(20.0)
    made.quiet = True
    made.run(20.0)
    made.check()
    made.agree()


def test_all_decide_the_same_at_every_tick_and_count_everything_once() -> None:
    """Fifty replicas: one line a tick, and a decision skew below a tick."""
    made = world(50)
    made.run(40.0)
    made.check()
    assert max(made.gaps[1:]) == 1
    assert made.skew_s < POLICY.tick_s
    healed(made)
    assert made.counted == made.sent > 5000


def test_a_fleet_browns_out_by_what_all_saw_together() -> None:
    """Each replica alone sees too little to judge; together they leave normal, all at one tick."""
    made = World(replace(POLICY, law="ladder"), spending=Spending(calls_per_s=0.5, limit=10**12))
    for _ in range(20):
        made.join()
    made.run(20.0)
    made.ill = 0.7
    made.run(60.0)
    made.check()
    modes = {decision.mode for decision in made.decisions.values()}
    assert max(modes) > Mode.NORMAL


def test_another_takes_over_within_three_ticks() -> None:
    """The leader is killed; nobody needs to go on alone."""
    made = world()
    for _ in range(3):
        (leader,) = [actor for actor in made.actors if actor.member.leads]
        before = len(made.gaps)
        made.kill(leader)
        made.run(8.0)
        assert max(made.gaps[before:]) <= 3
        assert "alone" not in made.places
        made.join()
        made.run(5.0)
    healed(made)


@pytest.mark.parametrize("seconds", [2.0, 10.0, 60.0])
def test_a_leader_that_stops_for_a_while_closes_nothing_when_it_wakes_up(seconds: float) -> None:
    """SIGSTOP in the midst of a tick: another leads, and the fence keeps the old one out."""
    made = world()
    (leader,) = [actor for actor in made.actors if actor.member.leads]
    made.run(0.1)
    leader.paused = True
    made.run(seconds)
    leader.paused = False
    healed(made)
    assert made.counted == made.sent


def test_those_who_cannot_reach_the_store_decide_alone_within_the_bound_and_come_back() -> None:
    """The others go on together; what the parted ones saw joins when they are back."""
    made = world()
    parted = made.actors[:2]
    made.faults.parted = {actor.name for actor in parted}
    made.run(60.0)
    assert [place == "alone" for place in made.places] == [True, True, False, False, False]
    assert all(actor.silent_ticks <= 4 for actor in made.actors)
    healed(made)
    assert made.counted == made.sent


def test_without_a_store_everybody_decides_alone_and_then_together_again() -> None:
    """From the first tick beyond the bound."""
    made = world()
    made.faults.away = True
    made.run(4.0 + POLICY.tick_s)
    assert made.places == ["alone"] * 5
    made.run(60.0)
    healed(made)
    assert made.counted == made.sent


def test_a_store_that_lost_everything_begins_where_its_followers_are() -> None:
    """FLUSHALL, or a restart without a file: no tick is decided twice, no budget is passed."""
    made = world()
    for _ in range(3):
        made.memory.forget()
        made.join()
        made.run(20.0)
        made.check()
    healed(made)
    assert made.twice == 0


def test_a_store_that_went_back_goes_on_from_what_was_stepped() -> None:
    """A follower of the store took over without the last lines."""
    made = world()
    made.memory.go_back(1)
    made.run(20.0)
    assert "alone" not in made.places
    healed(made)
    assert made.twice == 0


def test_a_bad_network_loses_and_doubles_nothing() -> None:
    """A tenth of all ways lose a call, or its answer; the others take long."""
    made = world()
    made.faults.loss = 0.1
    made.faults.delay_s = 0.1
    made.run(120.0)
    made.check()
    healed(made)
    assert made.counted == made.sent


def test_a_replica_that_joins_late_remembers_what_the_others_do() -> None:
    """It takes the snapshot and the lines after it."""
    made = world()
    made.run(150.0)
    made.join()
    healed(made)


# --- changes of the policy ---------------------------------------------------------------

FIRM = replace(POLICY, name="firm", law="ladder")
MILD = replace(POLICY, name="mild", rules=POLICY.rules[:1])


def names(made: World) -> set[str]:
    """Of the policies by which it is decided."""
    return {actor.course.policy.name for actor in made.actors}


def test_a_policy_given_to_one_is_that_of_all_from_one_tick_on() -> None:
    """Every line before is stepped by the old one, and every line after by the new one."""
    made = world()
    made.actors[3].change(FIRM)
    made.run(3.0)
    assert names(made) == {"firm"}
    made.ill = 0.7
    made.run(60.0)
    made.check()
    healed(made)
    assert {actor.member.line.differ for actor in made.actors if actor.member.line} == {()}


def test_changes_at_the_same_time_are_taken_up_in_the_log_s_order() -> None:
    """By all: the later one holds; whoever meant another one before theirs is turned down."""
    made = world()
    made.actors[1].change(FIRM, after=0)
    made.actors[2].change(MILD, after=0)
    made.run(5.0)
    assert len(names(made)) == 1
    assert {actor.course.changes for actor in made.actors} == {1}
    made.actors[1].change(FIRM)
    made.actors[2].change(MILD)
    made.run(5.0)
    assert {actor.course.changes for actor in made.actors} == {3}
    healed(made)


def test_a_change_outlives_its_store_and_whoever_made_it() -> None:
    """The log is begun again by one who knows it, and who joins takes it up."""
    made = world(spending=Spending(limit=10**12))
    made.actors[0].change(FIRM)
    made.run(5.0)
    made.kill(made.actors[0])
    made.memory.forget()
    made.join()
    made.run(20.0)
    assert names(made) == {"firm"}
    healed(made)


def test_a_change_outlives_a_log_that_one_without_memory_begins() -> None:
    """Those who know it tell it again, once they are back."""
    made = world(spending=Spending(limit=10**12))
    made.actors[0].change(FIRM)
    made.run(5.0)
    made.faults.parted = {actor.name for actor in made.actors}
    made.memory.forget()
    made.join()
    made.run(20.0)
    made.faults.parted = set()
    made.run(20.0)
    assert names(made) == {"firm"}


def test_a_change_on_its_way_when_the_store_is_lost_comes_all_the_same() -> None:
    """Its part was in the stream, and in no line."""
    made = world()
    made.actors[2].change(FIRM)
    for _ in range(40):
        made.run(0.05)
        if not made.actors[2].link.changes:
            break
    made.memory.forget()
    made.run(20.0)
    assert names(made) == {"firm"}
    healed(made)


def test_a_replica_that_was_cut_off_takes_up_what_was_changed_meanwhile() -> None:
    """By lines, or by the snapshot."""
    made = world()
    parted = made.actors[0]
    made.faults.parted = {parted.name}
    made.run(5.0)
    made.actors[1].change(FIRM)
    made.run(400.0)
    assert parted.course.policy.name != "firm"
    healed(made)
    assert names(made) == {"firm"}


def test_who_starts_with_a_newer_file_keeps_it_and_who_starts_with_the_old_one_does_not() -> None:
    """A change holds over the policies that it took the place of, and over no other."""
    made = world(2)
    made.actors[0].change(FIRM)
    made.run(5.0)
    assert made.join().course.policy.name == POLICY.name
    newer = made.join(policy=MILD)
    made.run(5.0)
    assert names(made) == {"firm", "mild"}
    assert newer.course.policy.name == "mild"


def test_a_change_that_a_replica_cannot_read_is_told_and_carried_on() -> None:
    """It keeps its policy and follows the log; who joins by its snapshot gets the change."""
    made = world(2)
    old, other = made.actors
    old.course._read = lambda text: parse_policy("law: of tomorrow")
    other.change(FIRM)
    made.run(5.0)
    assert (old.course.policy.name, other.course.policy.name) == (POLICY.name, "firm")
    assert "cannot be taken up here, and 'default' stays in force" in old.course.refused
    assert "of tomorrow" in old.course.refused
    made.kill(other)
    made.run(150.0)
    joined = made.join()
    made.run(5.0)
    assert joined.course.policy.name == "firm"
    assert "alone" not in made.places


# --- the budget --------------------------------------------------------------------------

TIGHT = Spending(limit=1_000_000, window_s=60.0, worst=1_000, calls_per_s=8.0)
STEADY = Spending(limit=1_000_000, window_s=300.0, worst=1_000, calls_per_s=1.0)


def usable(made: World, seconds: float) -> float:
    """Part of the budget that was spent over some windows."""
    before = made.truth.total
    made.run(seconds)
    return (made.truth.total - before) / (made.spending.limit * seconds / made.spending.window_s)


def test_most_of_a_budget_is_usable_by_twenty_replicas() -> None:
    """Overshoot 0, and at least 85 % in the long run."""
    made = world(20, spending=STEADY)
    made.run(280.0)
    assert usable(made, 300.0) >= 0.85
    made.check()


def test_a_budget_goes_where_its_calls_are() -> None:
    """Half of the replicas have nothing to do: their slices go to the others."""
    made = World(POLICY, spending=replace(STEADY, calls_per_s=2.0))
    for number in range(20):
        actor = made.join()
        if number % 2:
            actor.call = lambda: None  # type: ignore[method-assign]
    made.run(300.0)
    assert usable(made, 300.0) >= 0.85
    made.check()


def test_leases_of_the_killed_are_charged_and_nothing_is_spent_twice() -> None:
    """One replica after another is killed in the midst of its calls."""
    made = world(10, spending=TIGHT)
    for _ in range(12):
        made.run(20.0)
        made.kill(made.actors[0])
        made.join()
        made.check()
    made.run(120.0)
    made.check()


def test_a_parted_replica_spends_its_lease_and_no_more() -> None:
    """And what it spent takes the place of the charge when it is back."""
    made = world(5, spending=TIGHT)
    made.run(60.0)
    parted = made.actors[0]
    made.faults.parted = {parted.name}
    made.run(10.0)
    before = parted.answered
    made.run(110.0)
    # What calls held that were in flight then, and did not use.
    assert parted.answered - before <= 5
    assert parted.refused > 500
    made.check()
    made.faults.parted = set()
    made.run(30.0)
    assert parted.answered > before + 5
    made.run(120.0)
    made.check()


def test_a_share_is_spent_without_a_store_and_set_aside_with_one() -> None:
    """At most that much of a window by each, and the budget holds all the same."""
    made = world(5, spending=Spending(limit=1_000_000, worst=1_000, calls_per_s=8.0, share=0.02))
    made.run(60.0)
    made.faults.away = True
    made.run(30.0)
    before = made.truth.total
    made.run(300.0)
    spent = made.truth.total - before
    assert 0.7 * 5 * 5 * 20_000 < spent <= 5 * 6 * 20_000
    made.check()
    made.faults.away = False
    made.run(120.0)
    made.check()


def test_a_paused_replica_does_not_spend_what_became_another_s() -> None:
    """SIGSTOP for longer than its lease; its first call on waking finds nothing."""
    made = world(5, spending=TIGHT)
    for _ in range(4):
        made.actors[0].paused = True
        made.run(70.0)
        made.actors[0].paused = False
        made.run(20.0)
        made.check()
