"""Replay: the same decisions to the bit, or where they differ."""

from __future__ import annotations

import io
import json

import pytest

from balancer.core.controller import Controller
from balancer.core.errors import JournalError
from balancer.core.journal import JournalWriter, read
from balancer.core.modes import Mode
from balancer.core.replay import replay
from tests.core.builders import make_policy, served, tick


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
