"""Replay: the same decisions to the bit, or where they differ."""

from __future__ import annotations

import io
import json

import pytest

from balancer.core.controller import Controller
from balancer.core.errors import JournalError, MisuseError
from balancer.core.journal import JournalWriter, read
from balancer.core.modes import Mode
from balancer.core.replay import replay, resumed
from tests.core.builders import make_policy, served, table, tick


def slow_spell() -> list[str]:
    """A journal of five minutes with a slow minute in it."""
    policy = make_policy()
    stream, controller = io.StringIO(), Controller(policy)
    writer = JournalWriter(stream, policy, {})
    for index in range(300):
        latency_s = 3.0 if 60 <= index < 120 else 1.0
        mode = controller.step(tick(2 * index)).mode
        seen = tick(2 * index + 1, served(mode, latencies=[latency_s] * 5))
        writer.write(seen, controller.step(seen))
    return stream.getvalue().splitlines(keepends=True)


def test_every_decision_is_reproduced_to_the_bit() -> None:
    """Missing ticks and repeated decisions included."""
    found = replay(read(slow_spell()))
    assert found.identical
    assert (found.ticks, found.torn) == (300, "")


def test_a_changed_decision_is_found() -> None:
    """One bit in one reason is enough."""
    lines = slow_spell()
    place = next(i for i, line in enumerate(lines) if '"kind":"rule"' in line)
    lines[place] = lines[place].replace('"text":"soft', '"text":"Soft')
    assert lines != slow_spell()
    found = replay(read(lines))
    assert not found.identical
    assert found.differences[0].tick == json.loads(lines[place])["tick"]


def test_another_policy_shows_where_it_would_have_decided_otherwise() -> None:
    """The controller that never acts differs exactly while the other was not in normal."""
    recorded = [entry.decision for entry in read(slow_spell())]
    found = replay(read(slow_spell()), make_policy(law="none"))
    elsewhere = {decision.tick for decision in recorded if decision.mode is not Mode.NORMAL}
    assert {difference.tick for difference in found.differences} == elsewhere
    assert {difference.decided.mode for difference in found.differences} == {Mode.NORMAL}


def test_another_policy_that_acts_the_same_is_no_difference() -> None:
    """Reasons may be worded by another policy; what it does to requests counts."""
    named = make_policy(rules=make_policy().rules[::-1])
    assert replay(read(slow_spell()), named).identical


def test_a_torn_end_is_passed_on() -> None:
    """Whoever replays hears what was skipped."""
    assert "torn" in replay(read([*slow_spell(), '{"tick"'])).torn


def test_a_leap_no_controller_would_take_is_an_error() -> None:
    """Ticks grow, but by more than any outage."""
    lines = slow_spell()[:2]
    lines.append(lines[1].replace('"tick":1,', '"tick":100000000,'))
    with pytest.raises(JournalError, match="a leap of over a week"):
        replay(read(lines))


def going_on(lines: list[str], at: int) -> list[str]:
    """A journal that begins in the midst of another, with the state of that moment."""
    journal = read(lines)
    controller = Controller(journal.policy)
    stream = io.StringIO()
    entries = list(journal)
    for entry in entries[:at]:
        controller.step(entry.observations)
    writer = JournalWriter(stream, journal.policy, {}, state=controller.state())
    for entry in entries[at:]:
        writer.write(entry.observations, entry.decision)
    return stream.getvalue().splitlines(keepends=True)


@pytest.mark.parametrize("at", [1, 70, 90, 200, 299])
def test_a_journal_that_goes_on_replays_by_itself(at: int) -> None:
    """From the state in its first line."""
    found = replay(read(going_on(slow_spell(), at)))
    assert found.identical
    assert found.ticks == 300 - at


def test_another_policy_goes_on_from_the_state_too() -> None:
    """In the mode it was in, where both are ladders."""
    lines = going_on(slow_spell(), 90)
    assert read(lines).state is not None
    other = make_policy(table("latency_p95", 2.5, 5.0, 10.0))
    assert resumed(read(lines), other).decision is not None
    assert resumed(read(slow_spell()), other).decision is None
    assert replay(read(lines), make_policy(law="none")).differences


@pytest.mark.parametrize(
    "state",
    [{}, {"version": 1, "law": "ladder"}, {"version": 2}, {"version": 1, "law": 7}],
)
def test_a_state_that_no_controller_has_is_an_error(state: dict[str, object]) -> None:
    """Which names the first line."""
    first, *rest = going_on(slow_spell(), 90)
    values = json.loads(first)
    values["state"] = state
    with pytest.raises(JournalError, match="journal:1: state: no controller has one like this"):
        replay(read([json.dumps(values) + "\n", *rest]))


def test_a_state_with_any_part_missing_is_an_error() -> None:
    """But for what only a change of policy looks at."""
    first, *rest = going_on(slow_spell(), 90)
    for name in json.loads(first)["state"]:
        values = json.loads(first)
        del values["state"][name]
        lines = [json.dumps(values) + "\n", *rest]
        if name == "bounds":
            assert replay(read(lines)).identical
            continue
        with pytest.raises(JournalError, match="no controller has one like this"):
            replay(read(lines))


def test_a_state_goes_before_its_first_tick() -> None:
    """A writer that goes on does not go back."""
    policy = make_policy()
    controller = Controller(policy)
    decision = controller.step(tick(5))
    writer = JournalWriter(io.StringIO(), policy, {}, state=controller.state())
    with pytest.raises(MisuseError, match="after tick 5"):
        writer.write(tick(5), decision)


def test_a_state_that_is_no_object_is_refused() -> None:
    """When the first line is read."""
    values = json.loads(slow_spell()[0])
    values["state"] = []
    with pytest.raises(JournalError, match="state: expected an object"):
        read([json.dumps(values) + "\n"])
