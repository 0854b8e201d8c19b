"""Modes become incidents: opened once, changed with the mode, closed by normal."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis.strategies import booleans, lists, sampled_from

from balancer.core.decisions import Reason
from balancer.core.incidents import Cause, Episodes, IncidentChange, Moment, Step, given_up
from balancer.core.modes import Mode

NORMAL, SOFT, HARD, EMERGENCY = Mode
SLOW = Reason(kind="rule", text="hard: latency_p95 6 s > 5 s over 60 s")


def moment(tick: int, mode: Mode, *reasons: Reason) -> Moment:
    """A tick of one second; Unix time 1,000 at tick 0."""
    return Moment(
        key=f"at-{tick}",
        at_s=1000.0 + tick,
        scenario_s=float(tick),
        mode=mode,
        reasons=reasons or (SLOW,),
        epoch=1000.0,
    )


def through(episodes: Episodes, *modes: Mode, start: int = 0) -> list[IncidentChange]:
    """What a row of modes leads to."""
    found = [episodes.observe(moment(start + tick, mode)) for tick, mode in enumerate(modes)]
    return [change for change in found if change is not None]


def test_soft_is_no_incident() -> None:
    """It is what brownouts are for."""
    assert through(Episodes("o"), NORMAL, SOFT, SOFT, NORMAL) == []


def test_an_episode_is_one_incident() -> None:
    """Through soft and up again, until normal is back."""
    changes = through(
        Episodes("o"), NORMAL, SOFT, HARD, HARD, EMERGENCY, HARD, SOFT, HARD, SOFT, NORMAL, NORMAL
    )
    assert [change.step for change in changes] == [
        Step.OPENED, *[Step.CHANGED] * 5, Step.CLOSED,
    ]  # fmt: skip
    assert len({change.incident.key for change in changes}) == 1
    last = changes[-1].incident
    assert (last.began_at, last.opened_at, last.closed_at) == (1001.0, 1002.0, 1009.0)
    assert (last.began_s, last.opened_s, last.closed_s) == (1.0, 2.0, 9.0)
    assert (last.mode, last.worst, last.changes) == (NORMAL, EMERGENCY, 6)
    assert last.title == "emergency brownout"
    assert changes[0].reason == SLOW.text


def test_the_next_episode_is_another_incident() -> None:
    """With a key of its own."""
    changes = through(Episodes("o"), HARD, NORMAL, HARD)
    assert [change.step for change in changes] == [Step.OPENED, Step.CLOSED, Step.OPENED]
    assert changes[0].incident.key != changes[2].incident.key


def test_an_override_counts_and_is_said_to_be_one() -> None:
    """So does an alert from outside."""
    for kind, cause in (("override", Cause.OVERRIDE), ("alert", Cause.ALERT)):
        change = Episodes("o").observe(moment(0, HARD, Reason(kind=kind, text="a drill")))
        assert change is not None
        assert change.incident.cause is cause
        assert kind in change.incident.title


def left_open() -> IncidentChange:
    """An incident of a process before."""
    (opened,) = through(Episodes("o"), HARD)
    return opened


def test_one_that_was_left_open_goes_on() -> None:
    """It is not opened twice."""
    before = left_open().incident
    changes = through(Episodes("o", before, "noon"), HARD, EMERGENCY, NORMAL, start=50)
    assert [change.step for change in changes] == [Step.CHANGED, Step.CLOSED]
    assert {change.incident.key for change in changes} == {before.key}
    assert changes[-1].incident.ended == "normal is back"


def test_one_that_ended_while_nobody_looked_is_closed_and_says_so() -> None:
    """With when it was last seen."""
    (closed,) = through(Episodes("o", left_open().incident, "noon"), NORMAL, start=50)
    assert closed.step is Step.CLOSED
    assert closed.incident.ended == "it ended while the service was down, after noon"


def test_one_that_nobody_follows_is_over_and_says_why() -> None:
    """When normal was back is not known in scenario time."""
    before = left_open().incident
    change = given_up(before, 2000.0, "the service is gone")
    closed = change.incident
    assert (change.step, change.at_s, change.reason) == (Step.CLOSED, 2000.0, closed.ended)
    assert (closed.mode, closed.closed_at, closed.closed_s) == (NORMAL, 2000.0, None)
    assert (closed.key, closed.worst, closed.ended) == (before.key, HARD, "the service is gone")


def test_shadow_is_said_in_the_title() -> None:
    """Nobody was served otherwise."""
    change = Episodes("o").observe(replace(moment(0, HARD), shadow=True))
    assert change is not None
    assert change.incident.title == "hard brownout (shadow mode)"


def test_an_order_in_the_first_tick_ends_it_now() -> None:
    """The service was up when it came."""
    order = Reason(kind="override", text="normal: override until tick 99: over")
    closed = Episodes("o", left_open().incident, "noon").observe(moment(50, NORMAL, order))
    assert closed is not None
    assert closed.incident.ended == "normal is back"


@given(modes=lists(sampled_from(Mode), max_size=60), left=booleans())
def test_whatever_the_modes_each_episode_is_opened_and_closed_once(
    modes: list[Mode], left: bool
) -> None:
    """Open from hard to normal, and at no other time."""
    before = left_open().incident if left else None
    episodes = Episodes("o", before, "noon")
    is_open, keys = left, {before.key} if before else set[str]()
    for tick, mode in enumerate(modes, start=10):
        change = episodes.observe(moment(tick, mode))
        if change is not None and change.step is Step.OPENED:
            assert not is_open and mode >= HARD and change.incident.key not in keys
        if change is not None:
            assert (change.incident.closed_at is None) == (change.step is not Step.CLOSED)
            assert change.incident.worst >= change.incident.mode
            keys.add(change.incident.key)
        is_open = mode is not NORMAL and (is_open or mode >= HARD)
        assert (episodes.current is not None) == is_open
        if episodes.current is not None:
            assert episodes.current.mode is mode
