"""What happened is told to everybody, in order, whoever fails."""

from __future__ import annotations

import logging

import pytest

from balancer.core.modes import Mode
from balancer.service.events import Events, Happening, ModeChange

CHANGE = ModeChange(at_s=1.0, tick=1, before=Mode.NORMAL, after=Mode.SOFT)


def test_every_subscriber_is_told_in_order() -> None:
    """In the order in which they came."""
    events, told = Events(), []
    events.subscribe(lambda happening: told.append(("first", happening)))
    events.subscribe(lambda happening: told.append(("second", happening)))
    events.tell(CHANGE)
    assert told == [("first", CHANGE), ("second", CHANGE)]


def test_one_that_fails_keeps_nothing_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """And from the ticker."""

    def fail(_happening: Happening) -> None:
        raise ValueError("no")

    events, told = Events(), list[Happening]()
    events.subscribe(fail)
    events.subscribe(told.append)
    with caplog.at_level(logging.ERROR):
        events.tell(CHANGE)
    assert told == [CHANGE]
    assert "a subscriber failed" in caplog.text
