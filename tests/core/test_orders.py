"""Orders: late, doubled and reordered messages, and when they end."""

from __future__ import annotations

import json

import pytest

from balancer.core.modes import Mode
from balancer.core.observations import Alert, Observations, Override
from balancer.core.orders import MAX_KEYS, MEMORY_TICKS, Orders
from balancer.core.tick_codec import observations_from_plain, observations_to_plain


def after(*ticks: Observations) -> Orders:
    """Orders that have seen some ticks."""
    orders = Orders()
    for observations in ticks:
        orders.observe(observations)
    return orders


def seen(tick: int, *messages: Alert | Override) -> Observations:
    """A tick that brings messages."""
    return Observations(
        tick,
        alerts=tuple(m for m in messages if isinstance(m, Alert)),
        overrides=tuple(m for m in messages if isinstance(m, Override)),
    )


def test_nothing_holds_at_first() -> None:
    """No alert and no override."""
    orders = after(seen(0))
    assert (orders.floor(), orders.override()) == (None, None)


def test_an_alert_holds_for_its_lifetime() -> None:
    """Ten ticks from when it was raised, whenever it arrived."""
    alert = Alert("a", 5, Mode.SOFT, lifetime_ticks=10)
    assert after(seen(8, alert), seen(14)).floor() == alert
    assert after(seen(8, alert), seen(15)).floor() is None


def test_an_alert_that_arrives_after_its_lifetime_never_holds() -> None:
    """Late by more than it was meant for."""
    assert after(seen(20, Alert("a", 5, Mode.SOFT, lifetime_ticks=10))).floor() is None


def test_a_recovery_ends_its_alert() -> None:
    """Of one key the newest message holds."""
    up, down = Alert("a", 5, Mode.SOFT), Alert("a", 9, Mode.SOFT, raised=False)
    assert after(seen(6, up), seen(10, down)).floor() is None


def test_a_trigger_that_arrives_after_its_own_recovery_changes_nothing() -> None:
    """Messages out of order."""
    up, down = Alert("a", 5, Mode.SOFT), Alert("a", 9, Mode.SOFT, raised=False)
    assert after(seen(10, down), seen(11, up)).floor() is None


def test_a_recovery_of_the_same_tick_wins_in_any_order() -> None:
    """A monitor that raised and cleared within a second is calm."""
    up, down = Alert("a", 5, Mode.SOFT), Alert("a", 5, Mode.SOFT, raised=False)
    assert after(seen(6, up, down)).floor() is None
    assert after(seen(6, down, up)).floor() is None


def test_a_recovery_ends_no_other_key() -> None:
    """Each alert has its own."""
    other = Alert("b", 5, Mode.SOFT)
    found = after(
        seen(6, Alert("a", 5, Mode.HARD), other), seen(9, Alert("a", 8, Mode.HARD, False))
    )
    assert found.floor() == other


def test_the_same_message_twice_is_one() -> None:
    """A redelivery renews nothing: the lifetime counts from when it was raised."""
    alert = Alert("a", 5, Mode.SOFT, lifetime_ticks=10)
    assert after(seen(6, alert), seen(14, alert), seen(15)).floor() is None


def test_the_alert_that_asks_for_the_worst_holds() -> None:
    """Of equals, the same one on every replica."""
    asked = (("a", Mode.HARD), ("c", Mode.EMERGENCY), ("b", Mode.EMERGENCY))
    alerts = [Alert(key, 5, mode) for key, mode in asked]
    assert after(seen(6, *alerts)).floor() == alerts[1]
    assert after(seen(6, *reversed(alerts))).floor() == alerts[1]


def test_a_raised_alert_again_prolongs_it() -> None:
    """A newer trigger of the same key counts from its own tick."""
    first, again = (Alert("a", at, Mode.SOFT, lifetime_ticks=10) for at in (5, 12))
    assert after(seen(6, first), seen(12, again), seen(21)).floor() == again


def test_old_messages_are_forgotten_after_a_day() -> None:
    """What no straggler can concern any more is not kept."""
    orders = after(seen(0, Alert("a", 0, Mode.SOFT)), seen(MEMORY_TICKS))
    assert orders.state()["alerts"] == []


def test_a_flood_of_keys_stays_bounded() -> None:
    """The worst alert that holds is never among those forgotten."""
    worst = Alert("worst", 0, Mode.EMERGENCY)
    flood = [Alert(f"k{number}", 1, Mode.SOFT) for number in range(3 * MAX_KEYS)]
    orders = after(seen(0, worst), seen(1, *flood), seen(2))
    alerts = orders.state()["alerts"]
    assert isinstance(alerts, list)
    assert len(alerts) == MAX_KEYS
    assert orders.floor() == worst


def test_an_override_holds_until_its_end() -> None:
    """The end is the first tick at which it no longer holds."""
    order = Override(5, 10, Mode.HARD, "drill")
    assert after(seen(5, order), seen(9)).override() == order
    assert after(seen(5, order), seen(10)).override() is None


def test_the_newest_override_holds_in_any_order_of_arrival() -> None:
    """An older one that arrives later changes nothing."""
    old, new = Override(5, 100, Mode.HARD, "old"), Override(7, 100, Mode.SOFT, "new")
    assert after(seen(8, new), seen(9, old)).override() == new
    assert after(seen(8, old, new)).override() == after(seen(8, new, old)).override() == new


def test_an_override_that_ends_at_once_takes_back_the_one_before() -> None:
    """And the one before does not come back."""
    held, back = Override(5, 100, Mode.HARD, "held"), Override(7, 7, Mode.HARD, "back")
    assert after(seen(5, held), seen(7, back), seen(8)).override() is None


def test_state_is_plain_and_restores_all_of_it() -> None:
    """Through JSON and back, what holds now and later is the same."""
    orders = after(
        seen(3, Alert("a", 2, Mode.HARD), Override(3, 9, Mode.SOFT, "drill")),
        seen(4, Alert("b", 4, Mode.SOFT, raised=False)),
    )
    again = Orders()
    again.restore(json.loads(json.dumps(orders.state())))
    assert again.state() == orders.state()
    assert (again.floor(), again.override()) == (orders.floor(), orders.override())


def test_state_without_an_override_restores() -> None:
    """None is a value too."""
    again = Orders()
    again.restore(json.loads(json.dumps(after(seen(3)).state())))
    assert (again.tick, again.override()) == (3, None)


def test_within_one_tick_the_order_given_last_holds() -> None:
    """Not the longer one; and a lift takes back what was ordered before it, in any arrival."""
    longer = Override(5, 100, Mode.HARD, "longer", 1)
    shorter = Override(5, 20, Mode.SOFT, "shorter", 2)
    lift = Override(5, 0, Mode.NORMAL, "back", 3)
    assert after(seen(5, longer, shorter)).override() == shorter
    assert after(seen(5, shorter), seen(6, longer)).override() == shorter
    assert after(seen(5, lift, longer, shorter)).override() is None
    again = Override(5, 50, Mode.SOFT, "again", 4)
    assert after(seen(5, lift, again, longer)).override() == again


def test_a_later_tick_is_newer_whatever_the_numbers() -> None:
    """Numbers are of their giver, which may have begun anew."""
    before, anew = Override(5, 100, Mode.HARD, "before", 90), Override(6, 100, Mode.SOFT, "new", 1)
    assert after(seen(7, anew, before)).override() == anew


def test_a_state_from_before_there_were_numbers_restores() -> None:
    """Its order is as old as it says, and any of the same tick that has a number is newer."""
    orders = Orders()
    orders.restore({"tick": 5, "alerts": [], "override": [5, 100, 2, "old"]})
    assert orders.override() == Override(5, 100, Mode.HARD, "old")
    orders.observe(seen(6, Override(5, 20, Mode.SOFT, "numbered", 1)))
    assert orders.override() == Override(5, 20, Mode.SOFT, "numbered", 1)


def test_a_recovery_is_newer_than_a_trigger_of_its_tick() -> None:
    """Whichever arrives first."""
    trigger, recovery = Alert("a", 5, Mode.HARD), Alert("a", 5, Mode.HARD, raised=False)
    assert after(seen(5, recovery, trigger)).floor() is None
    assert after(seen(5, trigger), seen(6, recovery)).floor() is None
    assert after(seen(5, recovery), seen(6, trigger)).floor() is None


@pytest.mark.parametrize("number", [0, 7])
def test_a_number_stands_in_the_journal_and_none_is_left_out(number: int) -> None:
    """So journals of before read, and are written, as ever."""
    observations = seen(5, Override(5, 20, Mode.SOFT, "drill", number))
    plain = observations_to_plain(observations)
    assert ("number" in plain["overrides"][0]) is (number > 0)
    assert observations_from_plain(5, json.loads(json.dumps(plain))) == observations
