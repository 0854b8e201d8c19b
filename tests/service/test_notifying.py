"""What the service tells people: each change once, in words of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from balancer.adapters.notify import Notice, Notifier, NotifySettings, parse_channels
from balancer.core.modes import Mode
from balancer.runtime.balancer import Balancer
from balancer.runtime.clock import ManualClock
from balancer.service.events import Events
from balancer.service.history import Store
from balancer.service.incidents.incident_tracker import IncidentTracker
from balancer.service.integrations.notifications import Notifying, notifying_of
from balancer.service.settings import Settings
from tests.adapters.notify.receiver import MARKER, Receiver, Reply, receiver
from tests.service.conftest import Start, serving
from tests.waiting import until


class Listening(Notifier):
    """A notifier that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__((), service="shop")
        self.told: list[Notice] = []

    def tell(self, notice: Notice) -> None:
        """Keep it."""
        self.told.append(notice)


class Scene:
    """A watched balancer by hand, and what people are told of it."""

    def __init__(self, store: Store, owner: str = "a" * 32) -> None:
        self.clock = ManualClock()
        self.balancer = Balancer(clock=self.clock)
        self.now_s = 5000.0
        self.notifier = Listening()
        events = Events()
        tracker = IncidentTracker(self.balancer, events, store, lambda: self.now_s)
        Notifying(self.balancer, events, tracker, self.notifier)
        self.balancer.listeners.ticks.add(tracker.observe)
        tracker.open(owner)

    def hold(self, *modes: Mode) -> None:
        """Order modes, one after the other."""
        for mode in modes:
            self.balancer.override(mode, f"a drill of {mode.label}", for_s=1000)
            for _ in range(2):
                self.clock.advance(1.0)
                self.now_s += 60.0
                self.balancer.tick()

    @property
    def titles(self) -> list[str]:
        """Of what was told."""
        return [notice.title for notice in self.notifier.told]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open history."""
    store = Store(f"sqlite:///{tmp_path / 'history.sqlite3'}", retry_s=0.02)
    store.open()
    yield store
    store.close()


@pytest.fixture
def scene(store: Store) -> Iterator[Callable[[], Scene]]:
    """Makes scenes, and closes them."""
    made: list[Scene] = []

    def make() -> Scene:
        made.append(Scene(store))
        return made[-1]

    yield make
    for found in made:
        found.balancer.close()


@pytest.fixture
def there() -> Iterator[Receiver]:
    """Where messages go."""
    with receiver() as found:
        yield found


def test_every_change_is_told_once(scene: Callable[[], Scene]) -> None:
    """As an incident where one opens, changes or ends with it, and as a change of mode else."""
    found = scene()
    found.hold(Mode.SOFT, Mode.NORMAL, Mode.HARD, Mode.EMERGENCY, Mode.SOFT, Mode.NORMAL)
    assert found.titles == [
        "shop: soft brownout (was normal)",
        "shop: back to normal after 2 min (was soft)",
        "shop: incident opened, hard brownout",
        "shop: incident gets worse, emergency brownout (was hard)",
        "shop: incident gets better, soft brownout (was emergency)",
        "shop: incident over after 6 min, back to normal (worst was emergency)",
    ]
    opened = found.notifier.told[2]
    assert "a drill of hard" in opened.text
    assert "For users: answers come from a model two steps cheaper" in opened.text
    assert "Incident: aaaaaaaa-" in opened.text


def test_an_incident_that_was_left_open_is_told_to_be_over(
    scene: Callable[[], Scene], store: Store
) -> None:
    """By a process before this one, which never told its end."""
    scene().hold(Mode.HARD)
    assert store.flush()
    later = scene()
    later.clock.advance(1.0)
    later.balancer.tick()
    (notice,) = later.notifier.told
    assert (notice.level, notice.title) == ("resolved", "shop: incident over (worst was hard)")
    assert "while the service was down" in notice.text


def test_the_service_tells_and_says_how_that_goes(start: Start, there: Receiver) -> None:
    """From an order over the API to the channels, and back in /readyz."""
    there.replies.append(Reply(status=503))
    settings = NotifySettings(
        channels=parse_channels(f"{there.slack} {there.hook}"), service="shop"
    )
    service = start(notify=settings)
    service.wait_for_tick()
    order = {"mode": "hard", "reason": "a drill", "duration": "10m"}
    with service.client() as client:
        assert client.get("/readyz").json()["integrations"]["notify"]["state"] == "starting"
        assert client.post("/api/brownout", json=order).status_code == 200
        until(lambda: len(there.posts) >= 2)
        until(lambda: len(there.taken) == 2)
        until(lambda: client.get("/readyz").json()["integrations"]["notify"]["state"] == "ok")
        shown = client.get("/api/brownout").json()
    health = shown["integrations"]["notify"]
    assert (health["failures"], health["dropped"], health["waiting"]) == (1, 0, 0)
    assert health["ok_at"] is not None
    hook = next(post for post in there.taken if post.path.startswith("/hook"))
    assert hook.body["title"] == "shop: incident opened, hard brownout"


def test_a_channel_in_trouble_is_named_without_its_address(start: Start, there: Receiver) -> None:
    """And the service stays ready."""
    there.replies.append(Reply(status=404, text="no_service"))
    service = start(notify=NotifySettings(channels=parse_channels(there.slack)))
    service.wait_for_tick()
    with service.client() as client:
        client.post("/api/brownout", json={"mode": "soft", "reason": "a", "duration": "10m"})
        until(lambda: client.get("/readyz").json()["integrations"]["notify"]["state"] == "trouble")
        answer = client.get("/readyz")
    assert answer.status_code == 200
    health = answer.json()["integrations"]["notify"]
    assert health["error"].startswith("slack 127.0.0.1:")
    assert "answered 404 no_service" in health["error"]
    assert health["dropped"] == 1
    assert MARKER not in answer.text


@pytest.mark.slow
def test_the_end_of_the_service_tells_what_waits(tmp_path: Path, there: Receiver) -> None:
    """The second change had to wait for a minute to pass."""
    settings = NotifySettings(channels=parse_channels(there.hook), per_minute=1)
    with serving(tmp_path, notify=settings) as service:
        service.wait_for_tick()
        with service.client() as client:
            for number, mode in enumerate(("soft", "hard"), start=1):
                order = {"mode": mode, "reason": "a drill", "duration": "10m"}
                assert client.post("/api/brownout", json=order).status_code == 200
                until(lambda: client.get("/api/brownout").json()["mode"] == mode)  # noqa: B023
                if number == 1:
                    there.wait(1)
        assert len(there.posts) == 1
    assert [post.body["title"] for post in there.taken] == [
        "open-balancer: soft brownout (was normal)",
        "open-balancer: incident opened, hard brownout",
    ]


def test_nobody_is_told_where_nothing_is_set(store: Store) -> None:
    """No integration, and no extra that is needed."""
    balancer = Balancer()
    events = Events()
    tracker = IncidentTracker(balancer, events, store)
    assert notifying_of(balancer, events, store, tracker, NotifySettings()) is None
    balancer.close()


def test_settings_come_from_the_environment_and_stay_secret(there: Receiver) -> None:
    """As the service reads them."""
    settings = Settings.from_environment({"OPEN_BALANCER_NOTIFY": there.slack})
    assert len(settings.notify.channels) == 1
    assert MARKER not in repr(settings)
