"""The way from the plant to the controller."""

from __future__ import annotations

from balancer.core.modes import Mode
from balancer.core.observations import Alert, Observations, Override
from sim.run.telemetry import Telemetry


def telemetry(*, faults: int = 2, key: int = 1) -> Telemetry:
    """A quiet line with a tick of one second."""
    return Telemetry(key=key, tick_s=1.0, faults=faults)


def seen(tick: int) -> Observations:
    """Observations that can be told from an empty tick."""
    return Observations(tick, offered=(0, 1, 0), admitted=(0, 1, 0))


ALERT = Alert(key="a", at_tick=3, mode=Mode.SOFT)
ORDER = Override(at_tick=3, until_tick=9, mode=Mode.HARD, reason="drill")


def test_a_quiet_line_is_clear() -> None:
    """So that the engine may pass it by."""
    assert telemetry().clear


def test_nothing_changes_on_a_quiet_line() -> None:
    """One in, the same out."""
    assert telemetry().carry(seen(5)) == [seen(5)]


def test_a_delay_holds_observations_back() -> None:
    """Two seconds late is two ticks late."""
    line = telemetry()
    line.delay(0, 2.0)
    assert [line.carry(seen(tick)) for tick in range(4)] == [[], [], [seen(0)], [seen(1)]]


def test_the_end_of_a_delay_frees_the_backlog_in_order() -> None:
    """Several in one tick, oldest first."""
    line = telemetry()
    line.delay(0, 3.0)
    for tick in range(3):
        assert line.carry(seen(tick)) == []
    line.delay(0, 0.0)
    assert line.carry(seen(3)) == [seen(0), seen(1), seen(2), seen(3)]
    assert line.clear


def test_of_several_delays_the_longest_holds() -> None:
    """Whatever the order in which they came."""
    line = telemetry()
    line.delay(0, 2.0)
    line.delay(1, 1.0)
    assert [line.carry(seen(tick)) for tick in range(3)] == [[], [], [seen(0)]]


def test_a_lost_tick_is_an_empty_one() -> None:
    """The controller learns that time passed and nothing else."""
    line = telemetry()
    line.lose(0, 1.0)
    assert line.carry(seen(4)) == [Observations(4)]


def test_losses_strike_as_often_as_they_say() -> None:
    """A tenth of 4,000 ticks, within four standard errors."""
    line = telemetry()
    line.lose(0, 0.1)
    lost = sum(line.carry(seen(tick)) == [Observations(tick)] for tick in range(4000))
    assert abs(lost - 400) < 4 * 19


def test_losses_are_drawn_by_tick_and_not_from_a_sequence() -> None:
    """A line that starts later loses the same ticks."""
    early, late = telemetry(), telemetry()
    early.lose(0, 0.5)
    late.lose(0, 0.5)
    for tick in range(50):
        early.carry(seen(tick))
    assert [early.carry(seen(t)) for t in range(50, 90)] == [
        late.carry(seen(t)) for t in range(50, 90)
    ]


def test_messages_come_with_what_is_handed_over_next() -> None:
    """An alert and an order that arrived during a tick are in its observations."""
    line = telemetry()
    line.alert(3.2, ALERT)
    line.override(3.7, ORDER)
    (found,) = line.carry(seen(3))
    assert (found.alerts, found.overrides) == ((ALERT,), (ORDER,))
    assert line.clear


def test_a_message_is_handed_over_once() -> None:
    """The next tick has none."""
    line = telemetry()
    line.alert(3.2, ALERT)
    line.carry(seen(3))
    assert line.carry(seen(4)) == [seen(4)]


def test_a_message_at_the_end_of_a_tick_belongs_to_the_next() -> None:
    """A tick's end is not in it, in whatever order two processes of one moment run."""
    line = telemetry()
    line.alert(4.0, ALERT)
    assert line.carry(seen(3)) == [seen(3)]
    assert line.carry(seen(4))[0].alerts == (ALERT,)


def test_messages_are_neither_lost_nor_late_with_the_observations() -> None:
    """They come another way."""
    line = telemetry()
    line.lose(0, 1.0)
    line.delay(1, 2.0)
    line.carry(seen(0))
    line.carry(seen(1))
    line.alert(2.5, ALERT)
    assert line.carry(seen(2)) == [Observations(0, alerts=(ALERT,))]
