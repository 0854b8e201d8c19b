"""What the events tells arrives in Datadog once, whatever happens on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from balancer.adapters.datadog.client import Client
from balancer.adapters.datadog.monitors import Target
from balancer.core.incidents import Cause, Incident, IncidentChange, Step
from balancer.core.modes import Mode
from balancer.service.events import ModeChange
from balancer.service.history import Store
from balancer.service.incidents.rows import put
from balancer.service.integrations.datadog.delivery_queue import LONGEST_S, MOST_WAITING
from balancer.service.integrations.datadog.mirror import Mirror
from balancer.service.integrations.datadog.mirror_state import CLOSED, GONE, Mirrored, MirrorState
from balancer.service.integrations.integration import State
from tests.adapters.datadog.fake import Fake, hurry

NOW_S = 1_763_800_000.0
EPISODE = Incident(
    key="aaaaaaaa-20251122T082640Z-7",
    owner="a" * 32,
    epoch=0.0,
    began_at=NOW_S - 60,
    began_s=0.0,
    opened_at=NOW_S,
    opened_s=60.0,
    mode=Mode.HARD,
    worst=Mode.HARD,
    cause=Cause.CONTROLLER,
    reason="hard: latency_p95 6 s > 5 s",
)
WORSE = replace(EPISODE, mode=Mode.EMERGENCY, worst=Mode.EMERGENCY, changes=1)
OVER = replace(
    WORSE, mode=Mode.NORMAL, closed_at=NOW_S + 600, closed_s=660.0, ended="normal is back"
)


class Rig:
    """A mirror without its thread, and a clock by hand."""

    def __init__(self, client: Client, store: Store) -> None:
        self.now_s = NOW_S
        self.store = store
        self.known = MirrorState(store, lambda: self.now_s)
        self.mirror = Mirror(
            client, Target(service="shop"), self.known, lambda: "a" * 32, clock=lambda: self.now_s
        )

    def tell(self, incident: Incident, step: Step = Step.CHANGED) -> None:
        """As the events does, after the database was told."""
        self.store.run(lambda connection: put(connection, incident, self.now_s))
        change = IncidentChange(step=step, at_s=self.now_s, incident=incident, reason="why")
        self.mirror.tell(change)

    def work(self, passed_s: float = 0.0) -> None:
        """A pass, so much later."""
        self.now_s += passed_s
        self.mirror.work()


@pytest.fixture
def rig(client: Client, store: Store) -> Rig:
    """A mirror to the fake."""
    return Rig(client, store)


def created(fake: Fake) -> int:
    """How often an incident was asked to be made."""
    return [(method, path) for method, path, _ in fake.requests].count(
        ("POST", "/api/v2/incidents")
    )


def state(fake: Fake) -> str:
    """Of the only incident there."""
    (incident,) = fake.incidents.values()
    return str(incident["fields"]["state"]["value"])


def test_an_episode_is_one_incident_there(rig: Rig, fake: Fake) -> None:
    """Opened, changed and resolved."""
    for incident in (EPISODE, WORSE):
        rig.tell(incident)
        rig.work()
    (found,) = fake.incidents.values()
    assert found["title"] == f"shop: hard brownout [{EPISODE.key}]"
    assert found["fields"]["severity"]["value"] == "SEV-2"
    rig.tell(OVER)
    rig.work()
    assert state(fake) == "resolved"
    assert created(fake) == 1
    assert rig.mirror.health().state is State.OK


def test_what_was_told_is_not_told_again(rig: Rig, fake: Fake) -> None:
    """A state is brought about, and not an order repeated."""
    rig.tell(EPISODE)
    rig.work()
    before = len(fake.requests)
    rig.tell(EPISODE)
    rig.work()
    assert len(fake.requests) == before


def test_a_change_of_mode_is_an_event(rig: Rig, fake: Fake) -> None:
    """With why, and whether somebody ordered it."""
    rig.mirror.tell(
        ModeChange(
            at_s=NOW_S, tick=1, before=Mode.NORMAL, after=Mode.SOFT, reasons=("slow",),
            override=True, shadow=True,
        )
    )  # fmt: skip
    rig.work()
    (event,) = fake.events
    assert event["title"] == "shop: normal → soft"
    assert event["text"] == "slow; by an operator's order; shadow mode: calls are not changed"


def test_a_restart_goes_on_with_the_same_incident(rig: Rig, client: Client, fake: Fake) -> None:
    """Its id is in the database."""
    rig.tell(EPISODE)
    rig.work()
    again = Rig(client, rig.store)
    again.mirror.recall()
    again.work()
    again.tell(OVER)
    again.work()
    assert state(fake) == "resolved"
    assert created(fake) == 1


def test_a_process_that_ended_in_the_call_is_followed_by_one_that_looks(
    rig: Rig, client: Client, fake: Fake
) -> None:
    """The answer with the id was lost, and so was the process."""
    fake.failures = [("POST", "/api/v2/incidents", "late"), *[("GET", "/", 503)] * 3]
    rig.tell(EPISODE)
    rig.work()
    assert (len(fake.incidents), rig.mirror.health().state) == (1, State.TROUBLE)
    again = Rig(client, rig.store)
    again.mirror.recall()
    again.work()
    assert created(fake) == 1
    (found,) = fake.incidents.values()
    assert found["customer_impact_start"].startswith("2025-11-22T08:26:40")
    number = next(iter(fake.incidents))
    assert again.known.get(EPISODE.key) == Mirrored(number=number, told="hard")


def test_an_incident_that_ended_while_datadog_was_away_is_made_and_resolved(
    rig: Rig, fake: Fake
) -> None:
    """Late, and with the right times."""
    fake.failures = [("*", "/", 503)] * 3
    rig.tell(EPISODE)
    rig.work()
    rig.tell(OVER)
    rig.work(1)
    assert fake.incidents == {}
    fake.failures = []
    rig.work(10)
    (found,) = fake.incidents.values()
    assert found["fields"]["state"]["value"] == "resolved"
    assert found["customer_impact_end"].startswith("2025-11-22T08:36:40")
    assert "emergency brownout" in found["title"]


def test_trouble_is_tried_again_later_and_later(rig: Rig, fake: Fake) -> None:
    """And counted."""
    fake.failures = [("POST", "/api/v2/incidents", 503)] * 3
    rig.tell(EPISODE)
    tries = []
    for _ in range(30):
        rig.work(1.0)
        tries.append(rig.mirror.health().failures)
    assert tries[0] == 1
    assert tries[4:6] == [1, 2]
    assert tries[14:16] == [2, 3]
    assert rig.mirror.health().state is State.TROUBLE
    assert "Datadog has trouble itself (503)" in rig.mirror.health().error


def test_a_rate_limit_is_waited_out_as_it_says(rig: Rig, fake: Fake) -> None:
    """Its header's seconds, and no try before."""
    fake.failures = [("POST", "/api/v2/incidents", 429)]
    fake.limits = {"X-RateLimit-Reset": "200"}
    rig.tell(EPISODE)
    rig.work()
    rig.work(199)
    assert fake.incidents == {}
    rig.work(2)
    assert len(fake.incidents) == 1


@pytest.mark.parametrize(
    ("status", "said"), [(401, "check DD_API_KEY"), (403, "DD_APP_KEY"), (500, "trouble itself")]
)
def test_incidents_that_are_not_allowed_leave_events_alone(
    rig: Rig, fake: Fake, status: int, said: str
) -> None:
    """An organisation may not have incident management."""
    fake.failures = [("POST", "/api/v2/incidents", status)] * 9
    rig.tell(EPISODE)
    rig.mirror.tell(ModeChange(at_s=NOW_S, tick=1, before=Mode.SOFT, after=Mode.HARD))
    rig.work()
    assert len(fake.events) == 1
    health = rig.mirror.health()
    assert (health.state, health.waiting, health.dropped) == (State.TROUBLE, 1, 0)
    assert said in health.error


def test_a_key_that_is_not_allowed_shows_before_there_is_an_incident(rig: Rig, fake: Fake) -> None:
    """And is well again when it is."""
    fake.failures = [("GET", "/api/v2/incidents/search", 403)]
    rig.mirror.try_out()
    rig.work()
    assert rig.mirror.health().state is State.TROUBLE
    assert "DD_APP_KEY" in rig.mirror.health().error
    rig.work(LONGEST_S + 1)
    assert rig.mirror.health().state is State.OK
    assert fake.incidents == {}


def test_a_key_that_is_refused_is_tried_rarely(rig: Rig, fake: Fake) -> None:
    """It will not mend by itself."""
    fake.failures = [("POST", "/api/v2/incidents", 403)]
    rig.tell(EPISODE)
    rig.work()
    rig.work(LONGEST_S - 1)
    assert rig.mirror.health().failures == 1
    rig.work(2)
    assert len(fake.incidents) == 1


def test_no_answer_in_time_is_trouble_too(rig: Rig, client: Client, fake: Fake) -> None:
    """It may have been made, so that it is looked for."""
    fake.failures = [("POST", "/api/v2/incidents", "hang"), *[("GET", "/", 500)] * 3]
    hurry(client)
    rig.tell(EPISODE)
    rig.work()
    assert rig.mirror.health().state is State.TROUBLE
    rig.work(10)
    assert len(fake.incidents) == 1
    assert created(fake) == 1


def test_an_event_without_an_answer_is_told_again(rig: Rig, client: Client, fake: Fake) -> None:
    """Twice is better than not at all."""
    fake.failures = [("POST", "/api/v1/events", "hang")]
    hurry(client)
    rig.mirror.tell(ModeChange(at_s=NOW_S, tick=1, before=Mode.SOFT, after=Mode.HARD))
    rig.work()
    assert "did not answer in time" in rig.mirror.health().error
    rig.work(10)
    assert (len(fake.events), rig.mirror.health().waiting) == (2, 0)


def test_what_datadog_refuses_for_good_is_dropped(rig: Rig, fake: Fake) -> None:
    """And counted; the next thing is told all the same."""
    fake.failures = [("POST", "/api/v1/events", 400)]
    for tick in range(2):
        change = ModeChange(at_s=NOW_S, tick=tick, before=Mode.SOFT, after=Mode.HARD)
        rig.mirror.tell(change)
    rig.work()
    rig.work(10)
    assert len(fake.events) == 1
    assert rig.mirror.health().dropped == 1


def test_an_incident_that_somebody_removed_is_let_go(rig: Rig, fake: Fake) -> None:
    """It is not made again."""
    rig.tell(EPISODE)
    rig.work()
    fake.incidents.clear()
    rig.tell(WORSE)
    rig.work()
    found = rig.known.get(EPISODE.key)
    assert found is not None and found.told == GONE
    rig.tell(OVER)
    rig.work(10)
    assert fake.incidents == {}


def test_events_that_are_too_old_are_dropped(rig: Rig, fake: Fake) -> None:
    """Datadog would refuse them."""
    rig.mirror.tell(ModeChange(at_s=NOW_S - 70_000, tick=1, before=Mode.SOFT, after=Mode.HARD))
    rig.work()
    assert (fake.events, rig.mirror.health().dropped) == ([], 1)


def test_memory_is_bounded(rig: Rig) -> None:
    """The oldest events go."""
    for tick in range(MOST_WAITING + 10):
        change = ModeChange(at_s=NOW_S, tick=tick, before=Mode.SOFT, after=Mode.HARD)
        rig.mirror.tell(change)
    health = rig.mirror.health()
    assert (health.waiting, health.dropped) == (MOST_WAITING, 10)


def test_a_database_that_is_away_doubles_nothing(
    client: Client, fake: Fake, tmp_path: Path
) -> None:
    """What is not known is looked for in Datadog."""
    blocked = tmp_path / "place"
    blocked.write_text("a file where a directory should be")
    store = Store(f"sqlite:///{blocked / 'history.sqlite3'}", retry_s=0.02)
    store.open()
    for incident in (EPISODE, WORSE):
        rig = Rig(client, store)
        change = IncidentChange(step=Step.CHANGED, at_s=NOW_S, incident=incident, reason="why")
        rig.mirror.tell(change)
        rig.work()
    assert len(fake.incidents) == 1
    blocked.unlink()
    assert store.flush()
    found = MirrorState(store).get(EPISODE.key)
    assert found is not None and found.number in fake.incidents
    store.close()


def test_what_ended_long_ago_or_was_told_is_not_taken_up(rig: Rig) -> None:
    """Only what Datadog may not know the end of."""

    def recalled() -> list[str]:
        return [incident.key for incident in rig.known.unfinished("a" * 32)]

    rig.store.run(lambda connection: put(connection, EPISODE, NOW_S))
    assert recalled() == [EPISODE.key]
    rig.store.run(lambda connection: put(connection, OVER, NOW_S))
    assert recalled() == []
    rig.tell(OVER)
    rig.work()
    found = rig.known.get(EPISODE.key)
    assert found is not None and found.told == CLOSED
    assert recalled() == []
    rig.now_s += 90_000
    rig.store.run(lambda connection: put(connection, EPISODE, NOW_S))
    assert recalled() == []


def test_closing_tells_what_waits(client: Client, store: Store, fake: Fake) -> None:
    """With its thread, and within the time that it is given."""
    rig = Rig(client, store)
    rig.mirror.start()
    rig.tell(EPISODE)
    rig.mirror.tell(ModeChange(at_s=NOW_S, tick=1, before=Mode.SOFT, after=Mode.HARD))
    rig.mirror.close(10.0)
    assert (len(fake.incidents), len(fake.events)) == (1, 1)


def test_closing_does_not_wait_for_a_datadog_that_is_away(
    client: Client, store: Store, fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    """What is lost by it is said."""
    rig = Rig(client, store)
    fake.failures = [("*", "/", 503)] * 99
    for tick in range(3):
        change = ModeChange(at_s=NOW_S, tick=tick, before=Mode.SOFT, after=Mode.HARD)
        rig.mirror.tell(change)
    rig.mirror.start()
    rig.mirror.close(0.5)
    assert "3 changes of mode were not told to Datadog" in caplog.text
