"""Lines and parts as texts, what merges into a line, and the course of one replica along them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from balancer.core.controller import Controller
from balancer.core.decisions import Decision
from balancer.core.errors import InputError, JournalError, MisuseError
from balancer.core.histogram import Histogram
from balancer.core.modes import Mode
from balancer.core.observations import Alert, ModeObservations, Observations, Override
from balancer.fleet import Fleet
from balancer.fleet.course import SLACK_TICKS, Course
from balancer.fleet.gathering import Gathering, together
from balancer.fleet.lines import MOST_NAMED, Line, Part, Snapshot, fingerprint
from balancer.fleet.link import Link
from balancer.fleet.roster import LATE_TICKS, Roster
from balancer.fleet.standing import Peer
from balancer.policy_file import default_policy

POLICY = default_policy()
MARK = fingerprint(POLICY)
AGES = Histogram.from_counts({3: 2})


def seen(tick: int, offered: int = 1, *, waiting: int = 0) -> Observations:
    """A tick with requests, and as many calls in flight."""
    return Observations(
        tick,
        served=(ModeObservations(Mode.NORMAL, "m", offered, ages=AGES),),
        offered=(offered, 0, 0),
        admitted=(offered, 0, 0),
        waiting=waiting,
    )


def part(replica: str, number: int, observations: Observations, policy: str = MARK) -> Part:
    """As it is sent."""
    return Part(replica=replica, number=number, policy=policy, observations=observations)


def line(*parts: Part, tick: int = 10, after: int = 9) -> Line:
    """Of these parts."""
    return Gathering(MARK).line(
        parts, generation="g", tick=tick, after=after, fence=1, offset="5-0"
    )


class Kept:
    """What a course tells its keeper."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.steps: list[int] = []

    def begin(self, controller: Controller, because: str, kept: str = "") -> None:
        """A journal begins."""
        self.begun.append(because)

    def keep(self, observations: Observations, decision: Decision, controller: Controller) -> None:
        """A step."""
        self.steps.append(observations.tick)


def test_texts_read_back_as_what_they_were() -> None:
    """Part, line and snapshot."""
    one = part("a", 3, seen(7, 5))
    assert Part.from_text("a", 3, one.text()) == one
    closed = line(one)
    assert Line.from_text(closed.text()) == closed
    kept = Snapshot(generation="g", tick=3, policy=MARK, state={"tick": 3})
    assert Snapshot.from_text(kept.text()) == kept


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fleet": 2}, "format 2, and this release reads 1: run one release in a fleet"),
        ({"after": 10}, "tick 10 comes after tick 10"),
        ({"tick": -2}, "expected a whole number"),
        ({"tick": 1.5}, "expected a whole number"),
        ({"offset": 3}, "offset: found 3, expected a text"),
        ({"differ": "a"}, "expected a list"),
        ({"policies": ["a"]}, "policies: expected an object"),
        ({"observations": {"nonsense": 1}}, "unknown key 'nonsense'"),
    ],
)
def test_a_line_that_is_none_is_told(change: dict[str, object], told: str) -> None:
    """What was found, and what was expected."""
    with pytest.raises(JournalError, match=told):
        Line.from_text(json.dumps({**json.loads(line().text()), **change}))


@pytest.mark.parametrize("text", ["", "[]", "{", "nothing", '{"fleet": 1}'])
def test_a_text_that_is_none_is_told(text: str) -> None:
    """Of all three kinds."""
    for read in (Line.from_text, Snapshot.from_text, lambda text: Part.from_text("a", 1, text)):
        with pytest.raises(JournalError):
            read(text)


def test_replicas_that_decide_alike_have_one_fingerprint() -> None:
    """Prices change with the day and are no part of it; a threshold is."""
    catalog = replace(POLICY.catalog, unknown=None)
    assert fingerprint(replace(POLICY, catalog=catalog)) == MARK
    assert fingerprint(replace(POLICY, name="other")) != MARK


def test_counts_add_up_over_replicas_and_over_the_ticks_of_one() -> None:
    """One that sends two ticks at once counts as one replica, by its last gauges."""
    found = line(
        part("b", 1, seen(700, 3, waiting=4)),
        part("a", 8, seen(3, 1, waiting=2)),
        part("a", 9, seen(4, 1, waiting=1)),
    )
    assert found.observations.tick == 10
    assert found.observations.offered == (5, 0, 0)
    assert found.observations.waiting == 5
    assert found.observations.in_flight == 4
    assert found.observations.ticks == 1
    assert (found.replicas, found.differ) == (2, ())


def test_ticks_of_one_replica_join_whatever_its_clock_says() -> None:
    """A clock that was set back does not matter."""
    assert together([seen(9, 1), seen(4, 2)]).offered == (3, 0, 0)


def test_a_replica_whose_part_is_late_keeps_its_gauges_for_three_lines() -> None:
    """Its calls are in flight all the same; its counts are in no line twice."""
    gathering = Gathering(MARK)

    def close(tick: int, *parts: Part) -> tuple[int, int]:
        made = gathering.line(parts, generation="g", tick=tick, after=tick - 1, fence=1, offset="")
        return made.observations.offered[0], made.observations.in_flight

    assert close(1, part("a", 1, seen(1)), part("b", 1, seen(1))) == (2, 4)
    assert [close(tick, part("a", tick, seen(tick))) for tick in range(2, 6)] == [
        (1, 4),
        (1, 4),
        (1, 4),
        (1, 2),
    ]


def test_the_line_names_those_who_decide_by_another_policy() -> None:
    """The leader's holds."""
    found = line(part("a", 1, seen(1)), part("b", 1, seen(1), policy="0.0.1-other"))
    assert (found.policy, found.differ) == (MARK, ("b",))


def test_a_line_names_its_replicas_with_the_policies_that_differ_first() -> None:
    """As many as it has room for; how many there were is said all the same."""
    many = [part(f"r{number:03}", 1, seen(1)) for number in range(MOST_NAMED)]
    found = line(*many, part("z", 1, seen(1), policy="0.0.1-other"))
    assert found.replicas == MOST_NAMED + 1
    assert list(found.policies)[:2] == ["z", "r000"]
    assert len(found.policies) == MOST_NAMED
    assert (found.policies["z"], found.policies["r000"]) == ("0.0.1-other", "")


def test_a_line_of_an_older_release_names_nobody() -> None:
    """It is stepped as any other."""
    plain = json.loads(line(part("a", 1, seen(1))).text())
    del plain["policies"]
    assert Line.from_text(json.dumps(plain)).policies == {}


def test_who_had_a_part_of_late_is_known_with_the_last_tick_and_the_policy() -> None:
    """For a minute after it."""
    roster = Roster()

    def named() -> list[Peer]:
        return list(roster.peers)

    roster.hear(line(part("b", 1, seen(1)), part("a", 1, seen(1), policy="0.0.1-other"), tick=10))
    roster.hear(line(part("b", 2, seen(2)), tick=11))
    silent = Peer(replica="a", tick=10, policy="0.0.1-other")
    assert named() == [silent, Peer(replica="b", tick=11, policy=MARK)]
    roster.hear(line(part("b", 3, seen(3)), tick=9 + LATE_TICKS))
    assert named()[0] == silent
    roster.hear(line(part("b", 4, seen(4)), tick=10 + LATE_TICKS))
    assert named() == [Peer(replica="b", tick=10 + LATE_TICKS, policy=MARK)]


def test_orders_to_any_replica_are_everybody_s() -> None:
    """An alert that one replica was told of."""
    alert = Alert("monitor", 5, Mode.SOFT)
    found = line(part("a", 1, seen(1)._replace(alerts=(alert,))), part("b", 1, seen(1)))
    assert found.observations.alerts == (alert,)


# --- a replica's course --------------------------------------------------------------------


def course(kept: Kept) -> Course:
    """That has stepped the line of tick 10."""
    made = Course(POLICY, Controller(POLICY), kept)
    made.line(line(after=-1))
    return made


def test_a_replica_follows_the_log_and_nothing_else() -> None:
    """What it sees by itself is stepped when it comes back in a line."""
    kept = Kept()
    mine = course(kept)
    assert mine.own(seen(11)) is None
    assert mine.line(line(tick=11, after=10)) is not None
    assert mine.line(line(tick=11, after=10)) is None
    assert (kept.steps, kept.begun, mine.tick) == ([10, 11], [], 11)


def test_a_line_too_many_is_not_skipped() -> None:
    """The lines between are missing: it must take a snapshot."""
    mine = course(Kept())
    with pytest.raises(MisuseError, match="the line after tick 12 comes after tick 10"):
        mine.line(line(tick=13, after=12))


def test_a_replica_without_lines_goes_on_alone_after_three_ticks_and_comes_back() -> None:
    """It decides on what it saw since, and forgets that when the log goes on."""
    kept = Kept()
    mine = course(kept)
    before = mine.common.state()
    assert [mine.own(seen(tick)) for tick in (11, 12, 13)] == [None] * 3
    decided = mine.own(seen(14))
    assert decided is not None
    assert kept.steps == [10, 11, 12, 13, 14]
    assert mine.own(seen(2)) is not None
    assert kept.steps[-1] == 15
    assert mine.controller is mine.alone
    assert mine.common.state() == before
    mine.line(line(tick=16, after=10))
    assert mine.alone is None
    assert (kept.begun, kept.steps[-1]) == (["alone", "fleet"], 16)


@pytest.mark.parametrize("ahead", [3600, -3600])
def test_orders_are_placed_by_the_clock_that_the_log_goes_by(ahead: int) -> None:
    """And a replica that goes on alone stays on its scale, so that they hold there, too."""
    mine, link, last = Course(POLICY, Controller(POLICY), Kept()), Link(), -1
    for tick in range(5000, 5004):
        mine.own(seen(tick))
        link.news.append(line(tick=tick + ahead, after=last))
        mine.hear(link)
        last = tick + ahead
    held = Override(5004, 5064, Mode.HARD, "a trial", 1)
    lifted = Override(5004, 0, Mode.NORMAL, "over", 2)
    alert = Alert("monitor", 5003, Mode.SOFT)
    told = mine.placed(seen(5004)._replace(overrides=(held, lifted), alerts=(alert,)))
    assert [(each.at_tick, each.until_tick) for each in told.overrides] == [
        (5004 + ahead, 5064 + ahead),
        (5004 + ahead, 0),
    ]
    assert told.alerts == (Alert("monitor", 5003 + ahead, Mode.SOFT),)
    for tick in range(5004, 5010):
        mine.own(seen(tick))
    assert mine.alone is not None and mine.alone.tick == 5009 + ahead
    assert mine.ahead == ahead


@pytest.mark.parametrize("late", [-SLACK_TICKS, -1, 1, SLACK_TICKS])
def test_a_line_that_is_late_moves_no_order(late: int) -> None:
    """That is the way to the store, and no other clock."""
    mine, link = Course(POLICY, Controller(POLICY), Kept()), Link()
    mine.own(seen(5000))
    link.news.append(line(tick=5000 + late, after=-1))
    mine.hear(link)
    told = seen(5001)._replace(overrides=(Override(5001, 5061, Mode.HARD, "a trial"),))
    assert mine.placed(told) is told


def test_a_log_that_goes_over_to_the_right_clock_is_followed() -> None:
    """As one does whose leader was behind, once another leads."""
    mine, link = Course(POLICY, Controller(POLICY), Kept()), Link()
    found = []
    for tick, closed, after in ((5000, 1400, -1), (5001, 5001, 1400), (5002, 8602, 5001)):
        mine.own(seen(tick))
        link.news.append(line(tick=closed, after=after))
        mine.hear(link)
        found.append(mine.ahead)
    assert found == [-3600, 0, 3600]


def test_a_snapshot_takes_the_place_of_what_it_remembers() -> None:
    """And its lines are followed from there."""
    kept = Kept()
    mine, others = course(kept), course(Kept())
    others.line(line(tick=500, after=10))
    state = json.loads(json.dumps(others.common.state()))
    mine.take_up(Snapshot(generation="g", tick=500, policy=MARK, state=state), Link())
    assert mine.tick == 500
    assert mine.line(line(tick=501, after=500)) == others.line(line(tick=501, after=500))
    assert mine.common.state() == others.common.state()


def test_a_leap_of_over_a_week_begins_anew_for_everybody() -> None:
    """As in one process, and at the same line."""
    kept = Kept()
    mine = course(kept)
    decided = mine.line(line(tick=10_000_000, after=10))
    assert decided is not None
    assert decided.tick == 10_000_000
    assert kept.begun == ["leap"]


def test_another_policy_goes_on_alone_or_not() -> None:
    """What both controllers remember is kept."""
    mine = course(Kept())
    for tick in range(11, 16):
        mine.own(seen(tick))
    assert mine.use(replace(POLICY, name="other")) == "everything"
    assert mine.alone is not None
    assert mine.alone.tick == 15
    mine.begin_anew("controller")
    assert (mine.tick, mine.controller is mine.common, mine.kept) == (-1, True, "nothing")


# --- settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"url": "http://store"}, "no URL of a store; expected one such as redis://"),
        ({"url": "redis://"}, "no URL of a store"),
        ({"url": "redis://host:port"}, "no URL of a store"),
        (
            {"url": "rediss://:secret@host?ssl_ca_certs=/nowhere/ca.pem"},
            "ssl_ca_certs of its URL names /nowhere/ca.pem, and there is no such file",
        ),
        ({"prefix": "a b"}, "fleet prefix is 'a b'"),
        ({"replica": "{x}"}, "fleet replica is '{x}'"),
        ({"alone_after_ticks": 0}, "expected 1 to 1000"),
        ({"timeout_s": 0.0}, "expected 0.01 to 60 seconds"),
        ({"replicas": 0}, "expected 1 to 1000"),
        ({"without_store": 0.1}, "together that is more than the whole budget"),
    ],
)
def test_settings_that_cannot_be_meant_are_told(given: dict[str, object], told: str) -> None:
    """And no password is shown."""
    with pytest.raises(InputError, match=told) as caught:
        Fleet(**{"url": "redis://:secret@host", **given})  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_the_address_is_not_shown() -> None:
    """It may hold a password."""
    assert "secret" not in repr(Fleet(url="redis://:secret@host:6379/0"))
