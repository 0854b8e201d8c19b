"""Deliveries are taken once, in order, from whom they may come."""

from __future__ import annotations

import pytest

from balancer.core.errors import InputError
from balancer.core.modes import Mode
from balancer.core.observations import Alert
from balancer.webhook import Inbox, Verdict
from balancer.webhook.verdict import Fate
from tests.webhook.test_delivery import body

SECRET = "0123456789abcdef" * 2
AUTHENTIC = {"authorization": f"Bearer {SECRET}"}
NOW_S = 1763800000.0
NOW_MS = 1763800000000


def an_inbox(*secrets: str, remembered: int = 10_000) -> Inbox:
    """With one secret unless others are given."""
    return Inbox(secrets or (SECRET,), tick_of=int, remembered=remembered)


def receive(inbox: Inbox, later_s: float = 0.0, **changes: object) -> Verdict:
    """What becomes of a delivery that happened `later_s` after the first, just now."""
    said: dict[str, object] = {"date": NOW_MS + round(later_s * 1000), "event_id": str(later_s)}
    return inbox.receive(body(**(said | changes)), AUTHENTIC, NOW_S + later_s)


def test_a_trigger_raises_an_alert_that_ends_by_itself() -> None:
    """A recovery that never comes cannot hold the mode."""
    verdict = receive(an_inbox())
    assert (verdict.fate, verdict.status) == (Fate.ACCEPTED, 202)
    assert verdict.alerts == (
        Alert("datadog:42:service:x", int(NOW_S), Mode.HARD, raised=True, lifetime_ticks=1800),
    )


def test_a_lifetime_is_as_long_under_a_policy_of_other_ticks() -> None:
    """Which may come into force while the service runs."""
    tick_s = 1.0
    inbox = Inbox([SECRET], tick_of=int, tick_s=lambda: tick_s)
    (before,) = receive(inbox).alerts
    tick_s = 0.1
    (after,) = receive(inbox, 60).alerts
    assert (before.lifetime_ticks, after.lifetime_ticks) == (1800, 18_000)


def test_a_recovery_clears_the_alert_of_its_monitor_and_scope() -> None:
    """Whatever cycle it belongs to: the recovery of an earlier one may have been lost."""
    inbox = an_inbox()
    (raised,) = receive(inbox).alerts
    (cleared,) = receive(inbox, 60, transition="Recovered", cycle_key="c2", tags="").alerts
    assert cleared.key == raised.key
    assert not cleared.raised


@pytest.mark.parametrize("transition", ["Re-Triggered", "Renotify"])
def test_a_repetition_renews_the_lifetime(transition: str) -> None:
    """It is newer, and so its lifetime begins anew."""
    inbox = an_inbox()
    receive(inbox)
    (alert,) = receive(inbox, 600, transition=transition).alerts
    assert (alert.at_tick, alert.raised) == (int(NOW_S) + 600, True)


def test_a_warning_after_a_trigger_lowers_what_is_asked_for() -> None:
    """Under the same key, so that the newer message holds."""
    inbox = an_inbox()
    receive(inbox)
    (alert,) = receive(inbox, 60, transition="Warn").alerts
    assert (alert.key, alert.mode) == ("datadog:42:service:x", Mode.SOFT)


@pytest.mark.parametrize("transition", ["No Data", "Re-No Data"])
def test_no_data_changes_nothing(transition: str) -> None:
    """Neither does it raise, nor does it end what holds."""
    verdict = receive(an_inbox(), transition=transition)
    assert (verdict.fate, verdict.status, verdict.alerts) == (Fate.NOTED, 200, ())


def test_a_monitor_without_a_mode_is_noted() -> None:
    """Somebody else's monitor may name the same webhook."""
    assert receive(an_inbox(), tags="service:x").fate is Fate.NOTED


def test_the_same_delivery_twice_is_a_duplicate() -> None:
    """Datadog repeats what it believes lost."""
    inbox = an_inbox()
    assert receive(inbox).fate is Fate.ACCEPTED
    again = receive(inbox)
    assert (again.fate, again.status, again.alerts) == (Fate.DUPLICATE, 200, ())


def test_without_event_and_date_a_minute_makes_a_duplicate() -> None:
    """There is nothing else to tell two of them apart."""
    inbox = an_inbox()
    nothing = {"event_id": "$ID", "date": "$DATE"}
    fates = [receive(inbox, later_s, **nothing).fate for later_s in (0, 5, 300)]
    assert fates == [Fate.ACCEPTED, Fate.DUPLICATE, Fate.ACCEPTED]


def test_a_trigger_that_arrives_after_its_recovery_changes_nothing() -> None:
    """Deliveries come in any order."""
    inbox = an_inbox()
    receive(inbox, 60, transition="Recovered")
    late = inbox.receive(body(date=NOW_MS, event_id="1"), AUTHENTIC, NOW_S + 61)
    assert (late.fate, late.alerts) == (Fate.STALE, ())
    assert "newer message" in late.detail


def test_at_the_same_moment_the_recovery_is_newer() -> None:
    """As it is for the controller."""
    inbox = an_inbox()
    receive(inbox, transition="Recovered")
    assert receive(inbox).fate is Fate.STALE


def test_groups_of_a_monitor_are_alerts_of_their_own() -> None:
    """One may recover while the other does not."""
    inbox = an_inbox()
    receive(inbox, 60, transition="Recovered", scope="service:y")
    assert receive(inbox).fate is Fate.ACCEPTED


@pytest.mark.parametrize(("age_s", "fate"), [(299, Fate.ACCEPTED), (301, Fate.STALE)])
def test_an_old_delivery_is_stale(age_s: float, fate: Fate) -> None:
    """A replayed one cannot bring back last week's brownout."""
    verdict = an_inbox().receive(body(date=NOW_MS), AUTHENTIC, NOW_S + age_s)
    assert (verdict.fate, verdict.status < 300) == (fate, True)


def test_a_date_far_ahead_is_refused_as_stale() -> None:
    """It would outrank every message to come."""
    verdict = an_inbox().receive(body(date=NOW_MS), AUTHENTIC, NOW_S - 61)
    assert (verdict.fate, verdict.detail) == (Fate.STALE, "it happens 61 s from now")


def test_a_date_a_little_ahead_counts_as_now() -> None:
    """Clocks differ, and no alert is raised in the future."""
    (alert,) = an_inbox().receive(body(date=NOW_MS), AUTHENTIC, NOW_S - 30).alerts
    assert alert.at_tick == int(NOW_S) - 30


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": SECRET},
        {"authorization": f"Bearer {SECRET}x"},
        {"authorization": f"bearer {SECRET}"},
        {"authorization": "Bearer \ud800é"},
        {"x-authorization": f"Bearer {SECRET}"},
    ],
)
def test_without_the_secret_nothing_is_read(headers: dict[str, str]) -> None:
    """Not even whether the body would be valid."""
    verdict = an_inbox().receive(b"{", headers, NOW_S)
    assert (verdict.fate, verdict.status, verdict.delivery) == (Fate.REFUSED, 401, None)
    assert SECRET not in verdict.detail


def test_header_names_have_no_case() -> None:
    """As HTTP has it."""
    verdict = an_inbox().receive(body(), {"AUTHORIZATION": f"Bearer {SECRET}"}, NOW_S)
    assert verdict.fate is Fate.ACCEPTED


def test_two_secrets_hold_while_they_are_being_changed() -> None:
    """The old one is in Datadog until the next apply."""
    inbox = an_inbox("b" * 32, SECRET)
    assert receive(inbox).fate is Fate.ACCEPTED


def test_without_a_configured_secret_everything_is_refused() -> None:
    """An open door would let anybody degrade the service."""
    verdict = Inbox((), tick_of=int).receive(body(), {"authorization": "Bearer "}, NOW_S)
    assert (verdict.fate, verdict.status) == (Fate.REFUSED, 403)


@pytest.mark.parametrize("secret", ["short", "ü" * 40, "a\n" * 20])
def test_a_weak_secret_is_refused(secret: str) -> None:
    """And not shown."""
    with pytest.raises(InputError, match="at least 32, printable ASCII") as caught:
        Inbox([secret], tick_of=int)
    assert secret not in str(caught.value)


def test_a_large_body_is_refused() -> None:
    """Before it is read."""
    verdict = receive(an_inbox(), title="x" * 70_000)
    assert (verdict.fate, verdict.status) == (Fate.REFUSED, 413)


def test_a_delivery_about_nothing_is_refused() -> None:
    """An alert needs a name by which it can be cleared."""
    verdict = receive(an_inbox(), monitor_id="$ALERT_ID", cycle_key="", title="")
    assert (verdict.status, "neither monitor_id nor cycle_key" in verdict.detail) == (422, True)


def test_the_cycle_names_the_alert_where_the_monitor_is_not_said() -> None:
    """It links trigger and recovery too."""
    (alert,) = receive(an_inbox(), monitor_id="$ALERT_ID", scope="").alerts
    assert alert.key == "datadog:c1"


def test_a_long_name_is_shortened() -> None:
    """Scopes of many tags must not fill the journal."""
    inbox = an_inbox()
    (first,) = receive(inbox, scope="a" * 499).alerts
    (second,) = receive(inbox, scope="b" * 499).alerts
    assert len(first.key) < 60
    assert first.key != second.key


def test_memory_is_bounded() -> None:
    """The oldest is forgotten first; to forget is at worst to take a message twice."""
    inbox = an_inbox(remembered=10)
    for monitor in range(100):
        receive(inbox, monitor_id=str(monitor), event_id=str(monitor))
    assert (len(inbox._taken), len(inbox._newest)) == (10, 10)
