"""An incident that nobody takes up is told again, on a clock that is moved by hand."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.adapters.notify import NotifySettings
from balancer.core.errors import InputError
from balancer.core.modes import Mode
from balancer.core.observations import Alert
from balancer.service.api.incident_markdown import as_markdown
from balancer.service.api.incident_views import shown_summary
from balancer.service.events import Events
from balancer.service.history import Store
from balancer.service.history.tables import ACKNOWLEDGED, ESCALATED, NOTES
from balancer.service.incidents.lookup import Lookup
from balancer.service.integrations.escalation import Escalation
from balancer.service.integrations.notifications import Notifying
from tests.service.incidents.rig import Rig
from tests.service.test_notifying import Listening

STEPS = ("json pager.example.org #c07e", "teams boss.example.org #1b2c")
AFTER_S = 900.0


class Duty:
    """A watched balancer, who is told of it first, and the two steps behind them."""

    def __init__(self, store: Store, steps: int = 2, **changes: Any) -> None:
        self.rig = Rig(store)
        self.store = store
        self.first = Listening()
        self.next = [Listening() for _ in range(steps)]
        events = Events()
        notifying = Notifying(self.rig.balancer, events, self.rig.tracker, self.first, self.next)
        self.rig.watch(notifying.tell)
        self.escalation = Escalation(
            store,
            self.rig.tracker,
            notifying,
            after_s=AFTER_S,
            steps=STEPS[:steps] or ["slack hooks.slack.com #3fa9"],
            clock=lambda: self.rig.now_s,
            **changes,
        )

    def alert(self, mode: Mode, *, raised: bool = True) -> None:
        """A monitor wants a mode, or no longer does."""
        now = self.rig.balancer.now_tick
        alert = Alert(f"monitor-{mode.label}", now, mode, raised=raised, lifetime_ticks=99_999)
        self.rig.balancer.alert(alert)
        self.rig.go(3)

    def wait(self, seconds: float) -> None:
        """So much later, with looks in between."""
        end_s = self.rig.now_s + seconds
        assert self.store.flush()
        while self.rig.now_s < end_s:
            self.rig.now_s = min(self.rig.now_s + 60.0, end_s)
            self.escalation.tend()

    def told(self) -> list[list[str]]:
        """What the steps were told."""
        return [[notice.title for notice in each.told] for each in self.next]

    def again(self) -> list[dict[str, Any]]:
        """Rows of the record, the oldest first."""
        return self.store.page(NOTES, limit=9, where=NOTES.c.kind == ESCALATED).rows[::-1]


WAITING = "shop: nobody has taken up the incident, hard brownout"


def test_each_step_is_told_after_the_time_and_once(store: Store) -> None:
    """And is in the incident's record; those who were told hear how it ends."""
    duty = Duty(store)
    duty.alert(Mode.HARD)
    duty.wait(AFTER_S - 10.0)
    assert duty.told() == [[], []]
    duty.wait(10.0)
    assert duty.told() == [[WAITING], []]
    duty.wait(AFTER_S - 10.0)
    assert duty.told() == [[WAITING], []]
    duty.wait(10.0)
    assert duty.told() == [[WAITING], [WAITING]]
    duty.wait(3 * AFTER_S)
    assert duty.told() == [[WAITING], [WAITING]]
    assert [row["text"] for row in duty.again()] == [
        f"nobody had taken it up for 15m: {name}" for name in STEPS
    ]
    assert duty.again()[1]["at"] - duty.again()[0]["at"] == AFTER_S
    case = Lookup(duty.rig.balancer, store, lambda: duty.rig.tracker.owner).case(1)
    assert case is not None
    summary = shown_summary(case)
    assert [each.text for each in summary.escalation.again] == [row["text"] for row in duty.again()]
    assert "Told again, " in as_markdown(summary)
    duty.rig.hold(Mode.NORMAL)
    assert "incident over" in duty.next[0].told[-1].title
    assert [len(each.told) for each in duty.next] == [2, 2]
    duty.alert(Mode.EMERGENCY)
    assert [len(each.told) for each in duty.next] == [2, 2]


def test_whoever_takes_it_up_ends_it(store: Store) -> None:
    """Those behind them sleep on."""
    duty = Duty(store)
    duty.alert(Mode.HARD)
    duty.wait(AFTER_S)
    assert duty.told() == [[WAITING], []]
    values = {"incident": 1, "at": duty.rig.now_s, "who": "otto", "kind": ACKNOWLEDGED, "text": ""}
    store.add_now(NOTES, **values)
    duty.wait(3 * AFTER_S)
    assert duty.told() == [[WAITING], []]


def test_without_further_steps_the_first_is_told_once_more(store: Store) -> None:
    """Who has one channel only hears it twice, and no more."""
    duty = Duty(store, steps=0)
    duty.alert(Mode.HARD)
    duty.wait(5 * AFTER_S)
    assert [notice.title for notice in duty.first.told].count(WAITING) == 1
    duty.rig.hold(Mode.NORMAL)
    assert sum("incident over" in notice.title for notice in duty.first.told) == 1


def test_a_restart_goes_on_where_it_was(store: Store) -> None:
    """Nobody is told a step twice, and those who were told hear of the end."""
    before = Duty(store)
    before.alert(Mode.HARD)
    before.wait(AFTER_S)
    after = Duty(store)
    after.rig.now_s = before.rig.now_s + 60.0
    after.alert(Mode.HARD)
    after.wait(AFTER_S - 65.0)
    assert after.told() == [[], []]
    after.wait(10.0)
    assert after.told() == [[], [WAITING]]
    after.rig.hold(Mode.NORMAL)
    assert [["incident over" in titles[-1]] for titles in after.told()] == [[True], [True]]


def test_an_operators_own_order_has_somebody(store: Store) -> None:
    """A drill of an hour wakes nobody."""
    duty = Duty(store)
    duty.rig.hold(Mode.HARD)
    duty.wait(3 * AFTER_S)
    assert duty.told() == [[], []]
    assert duty.again() == []


def test_what_was_not_told_is_not_told_again(store: Store) -> None:
    """Hard, where only emergency is; it is told once it is that."""
    duty = Duty(store, least=Mode.EMERGENCY)
    duty.alert(Mode.HARD)
    duty.wait(2 * AFTER_S)
    assert duty.told() == [[], []]
    duty.alert(Mode.EMERGENCY)
    duty.wait(5.0)
    assert duty.told() == [[WAITING.replace("hard", "emergency")], []]


def test_it_waits_while_the_database_is_away(store: Store, caplog: Any) -> None:
    """Whether somebody has the incident cannot be known then; one line says so."""
    duty = Duty(store)
    duty.alert(Mode.HARD)
    assert store.flush()
    look, store.run = store.run, broken  # type: ignore[method-assign, assignment]
    duty.rig.now_s += AFTER_S
    duty.escalation.tend()
    duty.escalation.tend()
    store.run = look  # type: ignore[method-assign]
    assert duty.told() == [[], []]
    assert caplog.text.count("whether somebody has the incident is not known") == 1
    duty.escalation.tend()
    assert duty.told() == [[WAITING], []]


def broken(_work: object) -> None:
    """A database that is away."""
    from balancer.service.history import StoreError

    raise StoreError("the history's database fails: OperationalError", passing=True)


@pytest.mark.parametrize(
    ("variables", "after_s", "names"),
    [
        ({}, 900.0, 0),
        ({"OPEN_BALANCER_ESCALATE_AFTER": "off"}, None, 0),
        ({"OPEN_BALANCER_ESCALATE_AFTER": "5m"}, 300.0, 0),
        ({"OPEN_BALANCER_ESCALATION": "https://a.example/1 https://b.example/2"}, 900.0, 2),
    ],
)
def test_settings(variables: dict[str, str], after_s: float | None, names: int) -> None:
    """Fifteen minutes unless something else is said."""
    first = {"OPEN_BALANCER_NOTIFY": "https://first.example/hook"}
    found = NotifySettings.from_environment({**first, **variables})
    assert found.escalate_after_s == after_s
    assert len(found.escalation) == names
    assert len(found.every_channel) == 1 + names


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"OPEN_BALANCER_ESCALATE_AFTER": "soon"}, "expected a time of a minute or longer"),
        ({"OPEN_BALANCER_ESCALATE_AFTER": "5s"}, "expected a time of a minute or longer"),
        ({"OPEN_BALANCER_ESCALATION": "https://a.example/1"}, "no OPEN_BALANCER_NOTIFY"),
        ({"OPEN_BALANCER_ESCALATION": "pager"}, "OPEN_BALANCER_ESCALATION"),
    ],
)
def test_settings_that_cannot_be_used(variables: dict[str, str], words: str) -> None:
    """Are refused at the start, and name the variable."""
    with pytest.raises(InputError, match=words):
        NotifySettings.from_environment(variables)
